"""All streams of one run on their way to one server."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ml_dash._delivery.account import Account
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.cursors import CursorFile
from ml_dash._delivery.lane import Lane, State
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.ports import Sink
from ml_dash._delivery.rejected import Rejected
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.sinks import LogSink, MetricSink, ParamSink, Server, TrackSink
from ml_dash._delivery.sources import JournalSource, LineSource
from ml_dash._delivery.status import RUNNING, RunSink
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.uploads import FileSink, Uploaded
from ml_dash._delivery.verdicts import Done, Halt, Reject, Retry, Verdict
from ml_dash._record import codec
from ml_dash._store.layout import JOURNAL, LOGS
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import MLDashError, NetworkError

_log = logging.getLogger("ml_dash.delivery")
_MERGE_EVERY_S = 5.0
_FAILED_LANES_MAX = 3

Told = Callable[[Verdict], None]


class RunDelivery:
    """Delivers one run; has no thread, and no patience of its own.

    Args:
        store: The run.
        folder: Where its delivery is noted.
        server: Where it goes.
        told: Called with each verdict that is not plain success, and with the first success after.
        backoff: How long to wait after failures.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        store: RunStore,
        folder: TargetFolder,
        server: Server,
        told: Told = lambda _verdict: None,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.folder = folder
        self.server = server
        self.lease = Lease(folder.path / "lock")
        self.rejected = Rejected(folder.path)
        self.halted: MLDashError | None = None
        self._told = told
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._uploaded = Uploaded(folder.path / "uploaded.jsonl")
        self._run_sink = RunSink(server, folder)
        self._lanes: dict[str, Lane] = {}
        self._accounts: dict[str, Account] = {}
        self._merged_at: dict[str, float] = defaultdict(float)
        self._listed = (0, 0)
        self._lag_since_s: float | None = None
        journal = store.folder / JOURNAL
        self._run_source = JournalSource(journal, "run", "run")
        self._run_lane = self._add(self._run_source, self._run_sink)
        ids = self._run_id
        self._add(JournalSource(journal, "params", "params"), ParamSink(server, ids))
        self._add(LineSource(store.folder / LOGS, "logs", "logs"), LogSink(server, ids))
        self._add(
            JournalSource(journal, "files", "file"),
            FileSink(server, ids, lambda: folder.target.project_id, store.files, self._uploaded),
        )

    def _run_id(self) -> str:
        return self.folder.target.run_id

    def _add(
        self, source: LineSource, sink: Sink, before: Callable[[], int] = lambda: 0
    ) -> Lane:
        lane = Lane(
            source, sink, CursorFile(self.folder.cursors, source.name), self.rejected,
            self.folder.target.run_key, backoff=self._backoff, clock=self._clock,
            honours_keys=lambda: self.folder.target.honours_keys,
        )  # fmt: skip
        self._lanes[source.name] = lane
        self._accounts[source.name] = Account(lane, source, before)
        return lane

    # -- working ---------------------------------------------------------------------------------

    def step(self, *, merge: bool = False, stop: Callable[[], bool] = lambda: False) -> bool:
        """Send what can be sent now; tell whether anything was.

        The caller has the lease.

        Args:
            merge: Whether entries of tracks are put together now, not only every few seconds.
            stop: Tells that no further batch is to be begun.

        Raises:
            CorruptDataError: what the run's folder says about itself is damaged.
            OSError: the run's folder cannot be read.
        """
        if self.halted is not None:
            return False
        self._merge_tracks(now=merge)
        self._find_streams()
        if not self._opened():
            return False
        moved = self._send_all(stop)
        return self._send_end() or moved

    def _opened(self) -> bool:
        """Make sure that the server has the run."""
        if self._run_id():
            return True
        document = self.store.document.read()
        if document is None or not self._run_lane.is_due:
            return False
        verdict = self._run_lane.settle_alone(self._run_sink.open(document))
        self._note(verdict)
        return isinstance(verdict, Done)

    def _send_all(self, stop: Callable[[], bool]) -> bool:
        """Send from each stream in turn until none has anything that can be sent now."""
        moved, failed = False, 0
        busy = [lane for lane in self._lanes.values() if lane is not self._run_lane]
        while busy and not stop():
            still = []
            for lane in busy:
                verdict = lane.step() if lane.is_due else None
                if verdict is None:
                    continue
                self._note(verdict)
                if isinstance(verdict, (Done, Reject)):
                    moved, failed = True, 0
                    still.append(lane)
                    continue
                failed += 1
                if self._is_everywhere(verdict) or failed >= _FAILED_LANES_MAX:
                    self._put_all_off(lane)
                    return moved
                if stop():
                    return moved
            busy = still
        return moved

    @staticmethod
    def _is_everywhere(verdict: Verdict) -> bool:
        if isinstance(verdict, Halt):
            return verdict.whole_run
        asked = isinstance(verdict, Retry) and verdict.retry_after_s is not None
        return asked or (isinstance(verdict, Retry) and isinstance(verdict.error, NetworkError))

    def _put_all_off(self, failed: Lane) -> None:
        """Let all streams wait as long as the one that has just met what concerns them all."""
        for lane in self._lanes.values():
            if lane.state is not State.HALTED:
                lane.not_before_s = max(lane.not_before_s, failed.not_before_s)

    def _send_end(self) -> bool:
        """Send the run's state: a start at once, an end when all else is dealt with."""
        lane = self._run_lane
        if self.halted is not None or not lane.is_due:
            return False
        if self._is_ending() and any(self._waits(each) for each in self._lanes.values()):
            return False
        verdict = lane.step()
        if verdict is not None:
            self._note(verdict)
        return isinstance(verdict, (Done, Reject))

    def _is_ending(self) -> bool:
        source, cursor = self._run_source, self._run_lane.cursor
        lines = source.read(cursor.offset, source.size(), 1 << 30, 1 << 40).lines
        if not lines:
            return False
        try:
            return bool(codec.decode(lines[-1].content)["data"]["status"] != RUNNING)
        except (ValueError, KeyError, TypeError):
            return False

    def _waits(self, lane: Lane) -> bool:
        if lane is self._run_lane or lane.state is State.HALTED:
            return False
        return self._pending(lane) > 0

    def _pending(self, lane: Lane) -> int:
        return self._accounts[lane.source.name].report(Counter()).pending

    def _note(self, verdict: Verdict) -> None:
        if isinstance(verdict, Halt) and verdict.whole_run:
            self.halted = verdict.error
        self._told(verdict)

    # -- streams ---------------------------------------------------------------------------------

    def _find_streams(self) -> None:
        """Take up streams that were begun since the last look."""
        for metric in self.store.metrics.written():
            self._add_metric(metric)
        for track in self.store.tracks.written():
            self._add_track(track)
        now = _changed_at(self.store.metrics.folder), _changed_at(self.store.tracks.folder)
        # Other processes begin streams too. A folder is seen before its files are made.
        if now != self._listed or max(now) > time.time_ns() - 2_000_000_000:
            self._listed = now
            for metric in self.store.metrics.readers():
                self._add_metric(metric)
            for track in self.store.tracks.readers():
                self._add_track(track)

    def _add_metric(self, metric: Any) -> None:
        name = f"metrics/{'None' if metric.name is None else metric.name}"
        if name not in self._lanes:
            source = LineSource(metric.stream.path, "metrics", name, partial(_facts, metric))
            self._add(source, MetricSink(self.server, self._run_id, metric.name))

    def _add_track(self, track: Any) -> None:
        name = f"tracks/{track.topic}"
        if name not in self._lanes:
            source = LineSource(track.data.path, "tracks", name)
            unmerged = LineSource(track.pending.path, "tracks", name)
            self._add(
                source,
                TrackSink(self.server, self._run_id, track.topic),
                lambda: unmerged.count(0, unmerged.size()) if unmerged.size() else 0,
            )

    def _merge_tracks(self, *, now: bool) -> None:
        """Put waiting entries of tracks together: what is delivered is the merged stream."""
        for track in self.store.tracks.readers() if now else self.store.tracks.written():
            path = track.pending.path
            began = self._merged_at[track.topic]
            if (now or self._clock() - began >= _MERGE_EVERY_S) and _size(path):
                self._merged_at[track.topic] = self._clock()
                track.merge()

    # -- telling ---------------------------------------------------------------------------------

    def resume(self) -> None:
        """Try again at once what was halted or put off."""
        self.halted = None
        self.server.credentials.forget()
        for lane in self._lanes.values():
            lane.resume()

    @property
    def next_try_s(self) -> float:
        """By the clock, when the first stream that backs off tries again; infinity for none."""
        times = [each.not_before_s for each in self._lanes.values() if not each.is_due]
        return min(times, default=float("inf"))

    def report(self) -> DeliveryReport:
        """Return the account as of now.

        Raises:
            CorruptDataError: what is noted is damaged.
            OSError: the run's folder cannot be read.
        """
        self._find_streams()
        reasons: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self.rejected.entries():
            reasons[entry["stream"]][entry["code"]] += 1
        streams = {name: account.report(reasons[name]) for name, account in self._accounts.items()}
        report = DeliveryReport(
            self.folder.target.url, streams, "" if self.halted is None else str(self.halted),
            folder=str(self.store.folder),
        )  # fmt: skip
        if not report.pending:
            self._lag_since_s = None
        elif self._lag_since_s is None:
            self._lag_since_s = self._clock()
        return report

    def close(self) -> None:
        """Give the lease, the connections and the descriptors back."""
        self.lease.give_back()
        self.server.close()
        self.rejected.close()
        self._uploaded.close()

    def lanes(self) -> Iterator[Lane]:
        """Yield the lanes."""
        yield from self._lanes.values()


def _facts(metric: Any) -> dict[str, Any]:
    return {name: value for name, value in metric.definition.items() if value}


def _changed_at(folder: os.PathLike[str]) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return 0


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
