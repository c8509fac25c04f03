"""The times of points and entries: given, inherited, or taken from the clock."""

from __future__ import annotations

import math
import threading
import time as clock
from collections.abc import Callable
from typing import Any

from ml_dash._base.fork import reset_in_child
from ml_dash.exceptions import InvalidValueError

INHERIT = -1
"""``_ts=-1``: the time of this thread's call before (of any metric or track of the run)."""
_STEP_S = 1e-6


class Times(threading.local):
    """The last time that each thread used."""

    last: float | None = None


def _odd(given: Any) -> InvalidValueError:
    """Return the error of a time that 0.6 took: a text, a bool, NaN or an infinity."""
    return InvalidValueError(
        f"The time {given!r} is no finite number of seconds",
        hint="Give seconds as a number, or leave _ts out",
        context={"value": repr(given)[:100]},
    )


class RunTimes:
    """The times of one run."""

    def __init__(self) -> None:
        self.thread = Times()
        self._last_automatic = 0.0
        self._lock = threading.Lock()
        reset_in_child(self)

    def of_point(self, given: Any) -> float:
        """Return the time of a metric point that gives or inherits one.

        Raises:
            InvalidValueError: it is no number, or there is nothing to inherit.
        """
        time = self._given(given)
        if time is None:
            raise InvalidValueError(
                "_ts=-1 takes the time of the call before, but there is no previous timestamp "
                "in this thread",
                hint="Give _ts in seconds at the first call, or leave it out",
            )
        return time

    def of_entry(self, given: Any, refuse: Callable[[InvalidValueError], None]) -> float:
        """Return the time of a track entry that gives or inherits one; automatic if it cannot.

        Args:
            given: What the call gives.
            refuse: Called with the error of a time that only 0.6 took; may raise it.

        Raises:
            InvalidValueError: it is no number.
        """
        time = self._given(given)
        if time is None:
            return self.automatic()
        if isinstance(given, (str, bool)) or not math.isfinite(time):
            refuse(_odd(given))
        self.thread.last = time
        return time

    def automatic(self) -> float:
        """Return the present in seconds, later than any automatic time of this run before."""
        with self._lock:
            time = max(clock.time(), self._last_automatic + _STEP_S)
            self._last_automatic = time
        self.thread.last = time
        return time

    def _given(self, given: Any) -> float | None:
        if not isinstance(given, (str, bool)) and given == INHERIT:
            return self.thread.last
        try:
            return float(given)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValueError(
                f"Timestamp '_ts' must be numeric, not {given!r}",
                hint="Give seconds as a number, -1 to take the time of the call before, or leave "
                "it out",
                context={"value": repr(given)[:100]},
            ) from error

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()
