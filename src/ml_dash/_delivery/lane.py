"""One stream on its way to the server: in order, one batch at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from typing import TypeVar

from ml_dash._delivery import backoff as backoffs
from ml_dash._delivery import batch as batches
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.cursors import Cursor, Cursors
from ml_dash._delivery.ports import Batch, Sink, Source
from ml_dash._delivery.rejected import Rejected
from ml_dash._delivery.verdicts import Done, Halt, Reject, Retry, Verdict
from ml_dash.exceptions import FileReadError, LocalWriteError, MLDashError

T = TypeVar("T")
_log = logging.getLogger("ml_dash.delivery")


class State(Enum):
    """What a lane does."""

    READY = "ready"
    BACKING_OFF = "backing off"
    HALTED = "halted"


class Lane:
    """Delivers one stream.

    Args:
        source: Gives the records.
        sink: Takes them.
        cursors: Keeps how far the run's streams are delivered.
        rejected: Keeps what the server refused.
        run_key: First part of the idempotency keys; never used by another run.
        backoff: How long to wait after a failure.
        honours_keys: Tells whether the server knows a batch that it has seen before.
        clock: Seconds, rising.

    Attributes:
        state: What it does now.
        not_before_s: By ``clock``, when it tries again.
        asked_until_s: By ``clock``, until when the server has asked to be left alone.
        last_error: What went wrong last; None since the last success.
        seen_bytes: How long the stream was when the last batch was begun.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        cursors: Cursors,
        rejected: Rejected,
        run_key: str,
        *,
        backoff: Backoff | None = None,
        honours_keys: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self.sink = sink
        self.cursors = cursors
        self._rejected = rejected
        self._run_key = run_key
        self._backoff = backoff or backoffs.USUAL
        self._honours_keys = honours_keys
        self._clock = clock
        self._cursor: Cursor | None = None
        self._unsaved = False
        self._lock = threading.Lock()
        self.state = State.READY
        self.failures = 0
        self.not_before_s = 0.0
        self.asked_until_s = 0.0
        self.last_error: MLDashError | None = None
        self.seen_bytes = 0

    @property
    def cursor(self) -> Cursor:
        """How far the stream is delivered.

        Raises:
            CorruptDataError: its document is damaged.
            OSError: it cannot be read.
        """
        cursor = self._cursor
        if cursor is None:
            # The user's thread looks too; what it finds must not replace what is newer.
            with self._lock:
                cursor = self._cursor = self._cursor or self._loaded()
        return cursor

    @property
    def is_due(self) -> bool:
        """Whether there may be something that can be sent now."""
        return self.state is not State.HALTED and self._clock() >= self.not_before_s

    def resume(self, not_before_s: float = 0.0) -> None:
        """Try again what was halted or put off, at once or from a moment on."""
        self.state, self.not_before_s = State.READY, not_before_s

    def reload(self) -> None:
        """Look on disk again how far the stream is delivered."""
        with self._lock:
            if not self._unsaved:
                self._cursor = None

    def reset_after_fork(self) -> None:
        """Start afresh in a forked child: its parent delivers what it was about to."""
        self._lock = threading.Lock()
        self._cursor, self._unsaved = None, False

    def step(self) -> Verdict | None:
        """Send one batch; return what became of it, or None when there is nothing to send."""
        begun = self.begin()
        failed = save([self])
        if failed:
            return failed[0][1]
        return self.send(begun) if isinstance(begun, Batch) else begun

    def send(self, batch: Batch) -> Verdict:
        """Send a batch that is noted on disk; return what became of it."""
        verdict = self.end(batch, self.sink.send(batch))
        failed = save([self])
        return failed[0][1] if failed else verdict

    def begin(self) -> Batch | Verdict | None:
        """Return the next batch, for :meth:`end`; None, or what is wrong, when there is none.

        It is to be noted on disk by :func:`save` before it is sent.
        """
        return self._guarded(self._named)

    def end(self, batch: Batch, verdict: Verdict) -> Verdict:
        """Take note of what became of the batch that :meth:`begin` gave; :func:`save` follows."""
        return self._guarded(lambda: self._settle(batch, verdict))

    def has_more(self, goal_bytes: int) -> bool:
        """Tell whether it is worth a request to go on now: to a goal, or as a batch is full."""
        offset = self.cursor.offset
        return offset < goal_bytes or self.seen_bytes - offset >= self.sink.bounds.max_bytes

    def _guarded(self, work: Callable[[], T]) -> T | Verdict:
        """Do something; return what it means for the stream when its folder fails."""
        try:
            return work()
        except (MLDashError, OSError) as error:
            return self._trouble(error)

    def _trouble(self, error: OSError | MLDashError) -> Verdict:
        if isinstance(error, MLDashError):
            return self._halt(Halt(error, whole_run=False))
        return self._put_off(Retry(_disk_error(error, self.source.name)))

    def settle_alone(self, verdict: Verdict) -> Verdict:
        """Take note of a verdict on something that is no record, such as making the run."""
        if isinstance(verdict, Retry):
            return self._put_off(verdict)
        if isinstance(verdict, Reject):
            # Without it nothing else can be sent.
            return self._halt(Halt(verdict.error))
        if isinstance(verdict, Halt):
            return self._halt(verdict)
        self.failures, self.state, self.last_error = 0, State.READY, None
        return verdict

    def _named(self) -> Batch | None:
        """Return the next batch: the one that was named before, or else a new one."""
        cursor = self.cursor
        self.seen_bytes = self.source.size()
        if cursor.in_flight is not None:
            return batches.load(self.source, cursor)
        found, named = batches.cut(
            self.source, cursor, self.sink.bounds, self._run_key, self.seen_bytes
        )
        # What was only passed over needs no note on disk: it is passed over again.
        self._cursor = found
        self._unsaved = self._unsaved or named is not None
        return named

    def _settle(self, named: Batch, verdict: Verdict) -> Verdict:
        if isinstance(verdict, Done):
            self._take_off(delivered=len(named.lines))
        elif isinstance(verdict, Reject):
            verdict = self._reject(named, verdict)
        elif isinstance(verdict, Retry):
            return self._put_off(verdict)
        else:
            return self._halt(verdict)
        self.failures, self.state, self.not_before_s = 0, State.READY, 0.0
        if isinstance(verdict, Done):
            self.last_error = None
        return verdict

    def _reject(self, named: Batch, verdict: Reject) -> Reject:
        """Keep a single record aside; of several, look for the one that is refused."""
        self.last_error = verdict.error
        cursor = self.cursor
        assert cursor.in_flight is not None
        if len(named.lines) > 1:
            self._change(replace(cursor, suspect_end=cursor.in_flight.end, in_flight=None))
            return verdict
        self._rejected.add(self.source.name, named.first, named.lines[0], verdict.error)
        # Nothing is known of the suspects behind it: they are tried together.
        self._cursor = replace(cursor, suspect_end=0)
        self._take_off(rejected=1)
        return replace(verdict, set_aside=True)

    def _take_off(self, delivered: int = 0, rejected: int = 0) -> None:
        cursor = self.cursor
        named = cursor.in_flight
        assert named is not None
        # The answer that confirms a batch says whether the server knew it from before.
        doubtful = named.doubted and self.sink.doubles and not self._honours_keys()
        doubted = delivered if doubtful else 0
        self._change(
            replace(
                cursor,
                offset=named.end,
                number=cursor.number + delivered + rejected,
                delivered=cursor.delivered + delivered,
                rejected=cursor.rejected + rejected,
                size_bytes=cursor.size_bytes + (named.end - cursor.offset if delivered else 0),
                maybe_duplicated=cursor.maybe_duplicated + doubted,
                in_flight=None,
            )
        )

    def _put_off(self, verdict: Retry) -> Retry:
        self.failures += 1
        self.last_error = verdict.error
        wait_s = self._backoff.wait_s(self.failures, verdict.retry_after_s)
        self.state, self.not_before_s = State.BACKING_OFF, self._clock() + wait_s
        if verdict.retry_after_s is not None:
            self.asked_until_s = self.not_before_s
        if self._cursor is not None and self._cursor.in_flight is not None:
            cursor = replace(self._cursor, retries=self._cursor.retries + 1)
            self._cursor = self._doubted(cursor) if verdict.may_have_arrived else cursor
            self._unsaved = True
        _log.debug("%s waits %.1f s: %s", self.source.name, wait_s, verdict.error)
        return verdict

    def _halt(self, verdict: Halt) -> Halt:
        self.last_error = verdict.error
        self.state = State.HALTED
        return verdict

    @staticmethod
    def _doubted(cursor: Cursor) -> Cursor:
        """Note that the server may have the batch in flight already."""
        named = cursor.in_flight
        if named is None:
            return cursor
        return replace(cursor, in_flight=replace(named, doubted=True))

    def _change(self, cursor: Cursor) -> None:
        # In memory first: what was delivered stays delivered while the disk refuses.
        self._cursor, self._unsaved = cursor, True

    def _loaded(self) -> Cursor:
        return self._doubted(self.cursors.load(self.source.name))

    def unsaved(self) -> Cursor | None:
        """Return what is still to be noted on disk."""
        return self._cursor if self._unsaved else None

    def note_saved(self, error: OSError | MLDashError | None) -> Verdict | None:
        """Take note that the cursor is on disk, or why it is not; return what that means."""
        if error is None:
            self._unsaved = False
            return None
        return self._trouble(error)


def save(lanes: Iterable[Lane]) -> list[tuple[Lane, Verdict]]:
    """Note on disk how far streams of one run are, in one write; return those that cannot go on."""
    changed = [(lane, cursor) for lane in lanes if (cursor := lane.unsaved()) is not None]
    if not changed:
        return []
    error: OSError | MLDashError | None = None
    try:
        changed[0][0].cursors.save([cursor for _, cursor in changed])
    except (OSError, MLDashError) as failure:
        error = failure
    verdicts = ((lane, lane.note_saved(error)) for lane, _ in changed)
    return [(lane, verdict) for lane, verdict in verdicts if verdict is not None]


def _disk_error(error: OSError, name: str) -> MLDashError:
    made = FileReadError if error.errno in (2, 5, 13) else LocalWriteError
    return made(
        f"Delivering {name} waits: {error.strerror or error}",
        context={"stream": name, "errno": error.errno},
        kept="all records are in the run's folder",
        hint="Check the disk; it is tried again",
        retryable=True,
        cause=error,
    )
