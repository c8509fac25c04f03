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
        self._delivered: int | None = None
        self._next_s = 0.0

    def __call__(self, report: DeliveryReport) -> None:
        """Take the account as it is now."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _SHOW_EVERY_S
            before = report.delivered if self._delivered is None else self._delivered
            self._advance(report.delivered - before)
            self._delivered = report.delivered
