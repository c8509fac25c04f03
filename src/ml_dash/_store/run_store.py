"""One run's folder: every record goes in here, and every answer comes out of it."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ml_dash._base.fork import reset_in_child
from ml_dash._base.policy import ErrorHandlingMode, failure_of, handle_error, handle_errors
from ml_dash._base.settings import Settings
from ml_dash._store import outage, steps
from ml_dash._store.files import FileStore
from ml_dash._store.flusher import Flusher
from ml_dash._store.journal import Journal
from ml_dash._store.layout import FILES, JOURNAL, METRICS, run_folder
from ml_dash._store.ledger import Ledger, StreamLedger
from ml_dash._store.logs import LogStore
from ml_dash._store.metrics import MetricStores
from ml_dash._store.params import ParamStore
from ml_dash._store.points import PointStream
from ml_dash._store.reading import needs_type
from ml_dash._store.status import Description, RunDocument
from ml_dash._store.steps import Problem, Step
from ml_dash._store.stream import Stream
from ml_dash._store.track_stores import MERGE_AT_BYTES, TrackStores
from ml_dash._store.waiting import Waiting

_LOCK_PATIENCE_S = 0.05
_log = logging.getLogger("ml_dash.store")


class RunStore:
    """A run's folder, for writing and reading.

    Args:
        root: The data root.
        segments: The prefix, split.
        project: The run's project; part of the file records' ``experimentId``.
        settings: What the environment says.
        mode: What becomes of errors of logging calls.
    """

    def __init__(
        self,
        root: Path,
        segments: list[str],
        project: str | None = None,
        settings: Settings | None = None,
        mode: ErrorHandlingMode = ErrorHandlingMode.DEFAULT,
    ) -> None:
        settings = settings or Settings()
        durable = settings.durability == "fsync"
        self.folder = run_folder(root, segments)
        self.mode = mode
        self._strict = mode is ErrorHandlingMode.STRICT
        self.journal = Journal(self.folder / JOURNAL, durable=durable)
        self.document = RunDocument(self.folder, self.journal, durable=durable)
        self.params = ParamStore(self.folder, self.journal, durable=durable)
        self.logs = LogStore(self.folder, durable=durable)
        self.metrics = MetricStores(self.folder, self.journal, durable=durable)
        self.growth = self.logs.stream.growth = self.metrics.growth
        self.tracks = TrackStores(self.folder, self.journal, durable=durable)
        identity = f"{project}/{'/'.join(segments)}"
        self.files = FileStore(self.folder, identity, self.journal, durable=durable)
        self._waiting = Waiting(settings.backlog_max_bytes)
        self._outage = outage.Outage()
        self._refused: Counter[str] = Counter()
        self._cause = OSError(0, "the disk refuses writes")
        self._lost = 0
        self._merge_at: defaultdict[str, int] = defaultdict(lambda: MERGE_AT_BYTES)
        self._batch = settings.durability == "batch"
        self.direct = not self._batch
        self._flusher = Flusher(self._write_gathered)
        self._deferred: Exception | None = None
        self._hook: Callable[[], object] | None = None
        self._full: OSError | None = None
        self.on_child_write: Callable[[], object] | None = None
        """What a forked child does before its first record."""
        self._opened_by = 0
        reset_in_child(self)

    # -- life ------------------------------------------------------------------------------------

    def open(self, description: Description) -> None:
        """Make or take up the folder.

        Raises:
            LocalWriteError: the folder cannot be made or written.
            SerializationError: the run's metadata have no JSON form.
        """
        with self._typed("the run's folder", self.folder):
            self._make_folders()
            self.document.open(description)
            self.logs.open()
        self._opened_by = os.getpid()

    def create(self, description: Description) -> None:
        """Make or take up the folder without counting as a writer of the run.

        Raises:
            LocalWriteError: the folder cannot be made or written.
            SerializationError: the run's metadata have no JSON form.
        """
        with self._typed("the run's folder", self.folder):
            self._make_folders()
            self.document.create(description)

    def _make_folders(self) -> None:
        for name in ("logs", METRICS, FILES):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def opened_here(self) -> bool:
        """Whether this process opened the run, not one that it was forked from."""
        return self._opened_by == os.getpid()

    def flush(self) -> None:
        """Write all that waits, merge the tracks and bring the snapshots up to date.

        Raises:
            MLDashError: by the error mode, what could not be written, after all was tried.
        """
        handle_errors(self._flushed(), self.mode)

    def flush_track(self, topic: str) -> None:
        """Write what waits and merge one track.

        Raises:
            MLDashError: by the error mode, what could not be written.
        """
        merge = (f"track {topic!r}", lambda: self.tracks.writer(topic).merge())
        handle_errors(self._flushed([merge]), self.mode)

    def _flushed(self, further: Iterable[Step] | None = None) -> list[Problem]:
        """Write what waits, take further steps, by default all, and return what was met."""
        met = self._tried([("what waits", partial(self._drain, now=True))])
        met += self._tried(self._snapshots() if further is None else further)
        refused = steps.refusals(met)
        deferred, self._deferred = self._deferred, None
        if refused and self._waiting:
            waiting = outage.still_waiting(self._waiting.counts, self.folder, refused[0][0])
            met.insert(0, (waiting, "flushing"))
        elif deferred is not None and not refused:
            met.append((deferred, "writing gathered records"))
        return steps.folded(met)

    def _snapshots(self) -> Iterator[Step]:
        yield from ((f"track {track.topic!r}", track.flush) for track in self.tracks.written())
        yield from (("the log counter", self.logs.flush), ("parameters.json", self.params.flush))
        yield "the list of files", self.files.flush
        yield from ((f"metric {m.name!r}", m.flush) for m in self.metrics.written())

    def close(self, status: str, error: dict[str, str] | None = None) -> None:
        """Flush, record how the run ended, and give all descriptors back.

        A process that was forked from the run's owner flushes and leaves the status alone.

        Raises:
            MLDashError: by the error mode, after everything else was done.
        """
        met = self._flushed()
        self._lost = len(self._waiting)
        if self._lost:
            left = outage.left_behind(self._waiting.counts, self.folder)
            met = [(left, "closing the run"), *steps.without_refusals(met)]
        met += self._tried([("the end of the run", partial(self._record_end, status, error))])
        self._flusher.stop()
        met += self._tried([("the run's files", self.release)])
        handle_errors(met, self.mode)

    def _tried(self, taken: Iterable[Step]) -> list[Problem]:
        records = "what is on disk" if self._waiting else "all accepted records"
        kept = f"{records}; only summaries for other tools are out of date"
        return steps.tried(taken, self.folder, kept)

    def terminate(self, status: str, error: dict[str, str]) -> None:
        """Close from a signal handler: fully, unless the interrupted code holds a lock.

        Raises:
            MLDashError: by the error mode, after everything else was done.
            OSError: the document cannot be written.
        """
        if self._is_quiet():
            self.close(status, error)
        elif self.opened_here:
            self.document.close_in_signal_handler(status, error)

    def _is_quiet(self) -> bool:
        """Tell whether each lock is free, or is given back by another thread within a moment."""
        for lock in self._locks():
            if not lock.acquire(timeout=_LOCK_PATIENCE_S):
                return False
            lock.release()
        return True

    def _locks(self) -> Iterator[threading.Lock]:
        yield from (stream.lock for stream in self._streams())
        yield from (self._waiting.lock, self.metrics.lock, self.tracks.lock)

    def _record_end(self, status: str, error: dict[str, str] | None) -> None:
        if self.opened_here:
            self.document.close(status, error)

    def release(self) -> None:
        """Give all descriptors back."""
        for stream in self._streams():
            stream.close()

    def _streams(self) -> Iterator[Stream]:
        yield from (self.journal, self.logs.stream)
        yield from (metric.stream for metric in self.metrics.written())
        for track in self.tracks.written():
            yield from (track.pending, track.data)

    # -- writing ---------------------------------------------------------------------------------

    def write(self, stream: Stream, tail: bytes, kind: str) -> int | None:
        """Accept one record: it is in the file when this returns.

        Returns:
            The record's number, or None while it waits in memory.

        Raises:
            LocalWriteError: in STRICT mode, when it cannot be written; it was not accepted.
        """
        if self.direct:
            try:
                return stream.append(tail)
            except OSError as error:
                return self.hold(stream, tail, kind, error)
        return self._write_behind(stream, tail, kind)

    def metric_stream(self, name: str | None, definition: dict[str, Any]) -> PointStream | None:
        """Return the stream of a metric's points; None when it cannot even be prepared.

        Raises:
            LocalWriteError: in STRICT mode, when it cannot be prepared.
            PrefixError: its folder is a symbolic link.
        """
        try:
            return self.metrics.writer(name, definition).stream
        except OSError as error:
            self._refuse("metrics", self.metrics.folder, error)
            return None

    def write_track(self, topic: str, line: bytes, merged: bool, **said: Any) -> None:
        """Accept one entry of a track; see :meth:`write`.

        Args:
            topic: The track.
            line: The whole entry.
            merged: Whether entries of equal time become one line; else each is its own.
            **said: Its ``description``, ``tags`` and ``metadata``, as far as given.
        """
        try:
            track = self.tracks.writer(topic, said)
        except OSError as error:
            self._refuse("tracks", self.tracks.folder, error)
            return
        self.write(track.pending if merged else track.data, line, "tracks")
        if merged and track.pending.size_bytes >= self._merge_at[topic]:
            # Where the disk refuses, merging is tried again when as much has been added.
            self._merge_at[topic] = track.pending.size_bytes + MERGE_AT_BYTES
            handle_errors(self._tried([(f"track {topic!r}", track.merge)]), self.mode)
            self._merge_at[topic] = MERGE_AT_BYTES

    def before_next(self, hook: Callable[[], object]) -> None:
        """Have a function called by the next call that writes, on its thread, before it writes."""
        self._hook, self.direct = hook, False

    def call_hook(self) -> None:
        """Call what :meth:`before_next` was given, once."""
        hook, self._hook = self._hook, None
        if hook is not None:
            hook()

    def refuse_more(self, reason: OSError | None) -> None:
        """Refuse records from now on, or take them again when there is no reason any more."""
        self._full = reason
        self.direct = self.direct and reason is None

    def _write_behind(self, stream: Stream, tail: bytes, kind: str) -> int | None:
        self.call_hook()
        if self._full is not None:
            self._refuse(kind, stream.path, self._full)
            return None
        if self._batch:
            if self._strict:
                self._raise_deferred()
            if self._waiting.hold(stream, tail, kind):
                self._flusher.wake()
                self._raise_deferred()  # a warning may be an error: the record is safe by now
                return None
        try:
            self._drain(now=self._batch)
            if not self._waiting:
                return stream.append(tail)
        except OSError as error:
            return self.hold(stream, tail, kind, error)
        return self.hold(stream, tail, kind, None)

    def _drain(self, *, now: bool) -> None:
        written = self._waiting.drain(now=now)
        if not self._waiting and self._full is None:
            self._outage.over(written, self.folder)
            self.direct = not self._batch and self._hook is None
            self.direct &= not self._waiting  # another thread may have met a refusal just now

    def hold(self, stream: Stream, tail: bytes, kind: str, cause: OSError | None) -> int | None:
        """Keep a record that cannot be written now in memory, or say that it is not kept.

        Raises:
            LocalWriteError: in STRICT mode; the record was not accepted.
        """
        if cause is not None and self._strict:
            raise outage.write_error(cause, stream.path, f"a record of {kind}", "earlier records")
        self._cause = cause = cause or self._cause
        if not self._waiting.hold(stream, tail, kind):
            return self._fit_in(stream, tail, kind, cause)
        self.direct = False
        if self._outage.count("waiting"):
            kept = f"{self._waiting}; earlier ones are on disk"
            handle_error(outage.write_error(cause, stream.path, f"a record of {kind}", kept),
                         f"logging {kind}", self.mode)  # fmt: skip
        return None

    def _fit_in(self, stream: Stream, tail: bytes, kind: str, cause: OSError) -> int | None:
        """Write what waits, then this record, for which memory has no room; or refuse it."""
        try:
            self._drain(now=True)
            return stream.append(tail)
        except OSError as error:
            _log.debug("The disk still refuses", exc_info=error)
        self._refuse(kind, stream.path, cause)
        return None

    def _refuse(self, kind: str, path: Path, cause: OSError) -> None:
        self._refused[kind] += 1
        if self._outage.count("refused") or self._strict:
            kept = (f"earlier records; {len(self._waiting)} wait in memory; this one and "
                    f"{self._outage.total('refused') - 1} before it are not kept")  # fmt: skip
            error = outage.write_error(cause, path, f"a record of {kind}", kept)
            handle_error(error, f"logging {kind}", self.mode)

    def _write_gathered(self) -> None:
        """Write what gathered, on the flusher's thread; an error waits for the next call."""
        problem = failure_of(partial(self._drain, now=True))
        if isinstance(problem, OSError) and needs_type(problem):
            waits = str(self._waiting)
            problem = outage.write_error(problem, self.folder, "gathered records", waits)
        self._deferred = problem or self._deferred

    def _raise_deferred(self) -> None:
        error, self._deferred = self._deferred, None
        if error is not None and (self._strict or self._outage.count("gathered")):
            handle_error(error, "writing gathered records", self.mode)

    # -- telling ---------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """Return what became of everything that this process was given."""
        with self._waiting.lock:  # nothing is between memory and disk meanwhile
            stored = {
                "logs": self.logs.stream.appended,
                "metrics": sum(metric.stream.appended for metric in self.metrics.written()),
                "tracks": sum(t.pending.appended + t.data.appended for t in self.tracks.written()),
                "params": self.params.stored,
                "files": self.files.stored,
            }
            waiting, refused = self._waiting.counts, self._refused
            streams = {k: StreamLedger(n, waiting[k], refused[k]) for k, n in stored.items()}
            return Ledger(streams, min(self._lost, len(self._waiting)))

    @contextmanager
    def _typed(self, what: str, path: Path) -> Iterator[None]:
        """Turn a refused write of a call that asks for an effect into its typed error."""
        try:
            yield
        except OSError as error:
            raise outage.write_error(error, path, what, "everything as it was") from error

    # -- fork ------------------------------------------------------------------------------------

    def reset_after_fork(self) -> None:
        """Let a forked child write under its own identity, and never end its parent's run."""
        self._waiting.reset_after_fork()
        self._flusher.reset_after_fork()
        self.document.detach_after_fork()
        self.params.stored = 0
        self._hook = self.on_child_write
        self.direct = not self._batch and self._hook is None
        self._refused = Counter()
