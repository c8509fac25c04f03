"""The thread that delivers a run while it is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ml_dash._base.attribution import Site, user_site, work_for
from ml_dash._base.fork import reset_in_child
from ml_dash._base.policy import end_of
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.signs import Signs
from ml_dash._delivery.telling import Telling

POLL_S = 1.0
"""How often the streams are looked at: a logging call itself says nothing to this thread."""
_AFTER_CRASH_MAX_S = 30.0
_SHORTEST_REST_S = 0.05
_LAST_WORDS_S = 1.0


class Shipper:
    """Delivers a run in the background.

    Args:
        delivery: The run's delivery.
        telling: Decides what becomes of what goes wrong.
        poll_s: How often the streams are looked at, in seconds; see POLL_S.
        beat_every_s: How long the server may hear nothing of the run, in seconds; 0 for ever.
    """

    def __init__(
        self,
        delivery: RunDelivery,
        telling: Telling,
        poll_s: float | None = None,
        beat_every_s: float = 0.0,
    ) -> None:
        self.delivery = delivery
        delivery.wake = self.wake
        self.telling = telling
        self._signs = Signs(delivery, beat_every_s)
        self.crashes = 0
        self._poll_s = POLL_S if poll_s is None else poll_s
        self._thread: threading.Thread | None = None
        self._make_own()
        reset_in_child(self)

    def _make_own(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._round_over = threading.Condition()
        self._asked = 0
        self._served = 0
        self._crashes_in_row = 0

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to deliver; nothing happens when that has begun."""
        with self._lock:
            if not self.is_running:
                self._stop.clear()
                self._thread = threading.Thread(
                    target=self._run, args=(user_site(),), name="ml-dash-delivery", daemon=True
                )
                self._thread.start()

    def wake(self) -> None:
        """Look at the streams now."""
        self._wake.set()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self, site: Site) -> None:
        work_for(site)
        while not self._stop.is_set():
            error = end_of(self._round)
            if error is None:
                self._crashes_in_row = 0
            else:
                self.crashes += 1
                self._crashes_in_row += 1
                self.telling.crashed(error, self.crashes)
            self._wake.wait(self._rest_s())
            self._wake.clear()
        try:
            if self.delivery.lease.is_held:
                self._signs.tell()
        finally:
            self.delivery.close()

    def _round(self) -> None:
        asked = self._asked
        try:
            if not self.delivery.take_lease():
                return
            if asked > self._served:
                self.delivery.resume()
            moved = self.delivery.step(merge=asked > self._served, stop=self._stop.is_set)
        finally:
            with self._round_over:
                self._served = asked
                self._round_over.notify_all()
        self._signs.give(moved)

    def _rest_s(self) -> float:
        if self._crashes_in_row:
            return min(_AFTER_CRASH_MAX_S, self._poll_s * 2.0 ** (self._crashes_in_row - 1))
        if self.delivery.has_more and self.delivery.lease.is_held:
            return 0.0
        # What backs off may be due before the next look.
        due_s = self.delivery.next_try_s - time.monotonic()
        return min(self._poll_s, max(_SHORTEST_REST_S, due_s))

    # -- the user's thread -----------------------------------------------------------------------

    def report(self) -> DeliveryReport:
        """Return the account as of now.

        Raises:
            CorruptDataError: what is noted of the delivery is damaged.
            OSError: the run's folder cannot be read.
        """
        return replace(self.delivery.report(), crashes=self.crashes)

    def hand_over(
        self,
        timeout_s: float,
        seen: Callable[[DeliveryReport], object] = lambda _report: None,
        *,
        raises: bool = True,
    ) -> bool:
        """Wait until everything accepted before this call is dealt with, or cannot be now.

        What other threads add meanwhile is not waited for: the account may show it as waiting
        though all that this call is about has arrived.

        Args:
            timeout_s: How long to wait at most, in seconds.
            seen: Called with the account every now and then.
            raises: Whether what the thread has met is raised, in STRICT mode.

        Returns:
            Whether it is dealt with.

        Raises:
            MLDashError: in STRICT mode, what the delivery thread has met.
        """
        ends_s = time.monotonic() + timeout_s
        goal = self.delivery.goal()
        self._asked += 1
        asked = self._asked
        self.start()
        self.wake()
        while True:
            report = self.report()
            seen(report)
            done = self.delivery.reached(goal)
            if raises and (done or self._served >= asked):
                self.telling.raise_deferred()
            if done or (self._served >= asked and report.halted):
                return done
            left_s = ends_s - time.monotonic()
            if left_s <= 0:
                return False
            with self._round_over:
                self._round_over.wait(min(left_s, self._poll_s))

    def stop(self) -> None:
        """End the thread; what is not delivered stays in the run's folder."""
        self._stop.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(_LAST_WORDS_S)
        if not self.is_running:
            self._thread = None
            self.delivery.close()
        # Else it hangs in a request. It keeps the lease until that ends: what it learns then must
        # not be noted after somebody else has gone on.

    def reset_after_fork(self) -> None:
        """Forget the parent's thread in a forked child, which has none until it writes."""
        self._thread = None
        self._make_own()
        self.delivery.reset_after_fork()
