"""Progress of deliveries."""

from __future__ import annotations

import time
from typing import Final

from ml_dash._base import console
from ml_dash._delivery.report import DeliveryReport

_SHOW_EVERY_S: Final = 0.2


class Shown:
    """Shows the progress of a delivery now and then: the account costs a look at each stream.

    Args:
        advance: Of the progress display.
    """

    def __init__(self, advance: console.Advance) -> None:
        self._advance = advance
        self._first: int | None = None
        self._shown = 0
        self._next_s = 0.0

    def __call__(self, report: DeliveryReport) -> None:
        """Take the account as it is now."""
        if time.monotonic() >= self._next_s or not report.pending:
            self._next_s = time.monotonic() + _SHOW_EVERY_S
            if self._first is None:
                self._first = report.delivered
            done = report.delivered - self._first
            self._advance(done - self._shown, done + report.pending)
            self._shown = done
