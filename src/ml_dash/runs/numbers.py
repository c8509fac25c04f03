"""Numbers of a metric, summed up as its points are read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ml_dash.runs.run import KeyStats, Series

_FEW = 4096  # numbers of a key that are kept for its chart; beyond, every second one goes


class Numbers:
    """The numbers under one key, summed up as they come."""

    def __init__(self) -> None:
        self.few: list[float] = []
        self.seen = 0
        self._every = 1
        self._count = 0
        self._sum = 0.0
        self._min = math.inf
        self._max = -math.inf
        self._last: float | None = None

    def add(self, value: float) -> None:
        """Take the next number."""
        if math.isfinite(value):
            self._count += 1
            self._sum += value
            self._min, self._max = min(self._min, value), max(self._max, value)
            self._last = value
            if self.seen % self._every == 0:
                self.few.append(float(value))
            if len(self.few) > _FEW:
                self.few = self.few[::2]
                self._every *= 2
        self.seen += 1

    def stats(self) -> KeyStats:
        """Return the facts."""
        if not self._count:
            return KeyStats(0, None, None, None, None)
        return KeyStats(self._count, self._min, self._max, self._sum / self._count, self._last)

    def series(self, points: int) -> Series:
        """Return the numbers for a chart, at most so many."""
        step = max(1, math.ceil(len(self.few) / points))
        return Series(self.few[::step], self.seen)


def numbers_of(points: Iterable[dict[str, Any]]) -> dict[str, Numbers]:
    """Return the numbers of points, by key."""
    found: dict[str, Numbers] = {}
    for point in points:
        for key, value in (point.get("data") or {}).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(key, Numbers()).add(value)
    return found


def series_of(points: Iterable[dict[str, Any]], key: str, most: int) -> Series:
    """Return the numbers under a key of points for a chart, at most so many."""
    return numbers_of(points).get(key, Numbers()).series(most)
