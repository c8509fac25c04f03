"""Sending from one stream beside the others: a large file must not hold up the metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ml_dash._base.fork import reset_in_child
from ml_dash._base.policy import end_of
from ml_dash._delivery.lane import Lane
from ml_dash._delivery.verdicts import Done, Reject, Verdict


class Beside:
    """Sends from a lane on a thread of its own, which ends when there is nothing to send now.

    What became of its batches is told on the thread that asks, never on its own.

    Args:
        lane: The stream.
        on_pause: Called on the thread as its last act.
    """

    def __init__(self, lane: Lane, on_pause: Callable[[], object]) -> None:
        self.lane = lane
        self._on_pause = on_pause
        self._make_own()
        reset_in_child(self)

    def _make_own(self) -> None:
        self._verdicts: SimpleQueue[Verdict] = SimpleQueue()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._is_over = True

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return not self._is_over

    @property
    def is_busy(self) -> bool:
        """Whether it is at work, or has something to tell."""
        return self.is_running or not self._verdicts.empty() or self._failure is not None

    def start(self) -> None:
        """Begin to send, if there is anything that can be sent now.

        Raises:
            CorruptDataError: the cursor is damaged.
            OSError: the stream cannot be looked at.
        """
        lane = self.lane
        if self.is_running or not lane.is_due or lane.source.size() <= lane.cursor.offset:
            return
        self._stop.clear()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="ml-dash-files", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._failure = end_of(self._send)
        self._is_over = True
        self._on_pause()

    def _send(self) -> None:
        while not self._stop.is_set():
            verdict = self.lane.step()
            if verdict is None:
                return
            self._verdicts.put(verdict)
            if not isinstance(verdict, (Done, Reject)):
                return

    def verdicts(self) -> list[Verdict]:
        """Return what became of batches since this was asked last.

        Raises:
            BaseException: what ended the thread and is no verdict.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        found = []
        while True:
            try:
                found.append(self._verdicts.get_nowait())
            except Empty:
                return found

    def wait(self, timeout_s: float) -> bool:
        """Wait until it pauses; tell whether it does."""
        thread = self._thread
        if thread is not None and self.is_running:
            thread.join(timeout_s)
        return not self.is_running

    def stop(self) -> None:
        """Let it begin no further batch."""
        self._stop.set()

    def reset_after_fork(self) -> None:
        """Forget the parent's thread in a forked child."""
        self._make_own()
