"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from ml_dash._base.facts import about
from ml_dash.exceptions import RemoteClientError

_log = logging.getLogger("ml_dash.client")
T = TypeVar("T")


def _wait(stop: Event, seconds: float) -> bool:
    return stop.wait(seconds)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off with full jitter, within a deadline.

    Attributes:
        attempts: How often a request is sent at most.
        deadline_s: No further attempt starts later than this many seconds after the first.
        base_s: The first wait is between 0 and this many seconds; each later one up to twice as
            long.
        cap_s: No wait of our own is longer, in seconds.
        retry_after_cap_s: A longer wait that the server asks for is not honoured: the error is
            raised at once.
        clock: Seconds, rising.
        wait: Waits so many seconds, or until the event is set; returns whether it is.
        jitter: A random number from 0 to 1.
    """

    attempts: int = 4
    deadline_s: float = 30.0
    base_s: float = 0.25
    cap_s: float = 5.0
    retry_after_cap_s: float = 20.0
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[Event, float], bool] = _wait
    jitter: Callable[[], float] = random.random

    def wait_s(self, failures: int, retry_after_s: float | None = None) -> float | None:
        """Return how long to wait after so many failures, in seconds; None to give up."""
        if failures >= self.attempts:
            return None
        if retry_after_s is not None:
            # Never earlier than asked for, and not all clients in the same instant.
            wait_s = retry_after_s + self.jitter() * self.base_s
            return wait_s if retry_after_s <= self.retry_after_cap_s else None
        return float(self.jitter() * min(self.cap_s, self.base_s * 2 ** (failures - 1)))

    def run(
        self,
        send: Callable[[], T],
        again: Callable[[RemoteClientError], bool],
        stop: Event,
    ) -> T:
        """Call ``send`` until it succeeds, or until another attempt makes no sense.

        Args:
            send: One attempt.
            again: Whether an error is one after which another attempt makes sense.
            stop: Ends the waiting as soon as it is set.

        Raises:
            RemoteClientError: the error of the last attempt.
        """
        start_s = self.clock()
        failures = 0
        while True:
            try:
                return send()
            except RemoteClientError as error:
                failures += 1
                error.context["attempts"] = failures
                wait_s = self._next_wait_s(error, failures, start_s, again, stop)
                if wait_s is None:
                    raise
                _log.info(
                    "Trying again in %.1f s (attempt %d failed): %s", wait_s, failures, error,
                    extra=about("sending again", error, wait_s=wait_s, failures=failures),
                )  # fmt: skip
                if self.wait(stop, wait_s):
                    raise

    def _next_wait_s(
        self,
        error: RemoteClientError,
        failures: int,
        start_s: float,
        again: Callable[[RemoteClientError], bool],
        stop: Event,
    ) -> float | None:
        if stop.is_set() or not again(error):
            return None
        wait_s = self.wait_s(failures, error.context.get("retry_after_s"))
        if wait_s is None or self.clock() - start_s + wait_s > self.deadline_s:
            return None
        return wait_s
