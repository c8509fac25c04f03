"""Choosing and sorting runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from ml_dash.runs.run import Run
from ml_dash.runs.values import MISSING, checked_name, value_of
from ml_dash.runs.where import where

_AT_ONCE: Final = 8
R = TypeVar("R", bound=Run)


class Selection:
    """Which runs are wanted, and in which order.

    Args:
        condition: For which this holds; see :func:`ml_dash.runs.where`.
        tags: With one of these tags; all when empty.
        status: Of this status.
        sort: A name of values (see :func:`ml_dash.runs.value_of`) to sort by, downwards with a
            ``-`` before it; runs without it come last.

    Raises:
        UsageError: the condition is none, or ``sort`` is no name.
    """

    def __init__(
        self, *, condition: str | None = None, tags: Collection[str] = (),
        status: str | None = None, sort: str | None = None,
    ) -> None:  # fmt: skip
        self._condition = where(condition) if condition else None
        self._tags = set(tags)
        self._status = status
        self._down = sort is not None and sort.startswith("-")
        self._sort = checked_name(sort.lstrip("-")) if sort else None
        texts = (condition or "", sort or "")
        self._reads_params = any("params" in text for text in texts)

    def of(
        self, runs: Sequence[R], read: Callable[[int], object] = lambda _count: None
    ) -> list[R]:
        """Return the wanted ones of some runs, sorted.

        Args:
            runs: The runs.
            read: Called with 1 for each run that was read.

        Raises:
            MLDashError: a run cannot be read.
        """
        found = [run for run in runs if self._fits(run)]
        if self._reads_params:
            # Of a server each run's are a request: several at a time.
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for _ in pool.map(lambda run: run.params, found):
                    read(1)
        if self._condition is not None:
            found = [run for run in found if self._condition(run)]
        return self._sorted(found, self._sort) if self._sort else found

    def _fits(self, run: Run) -> bool:
        tagged = not self._tags or not self._tags.isdisjoint(run.facts.tags)
        return tagged and self._status in (None, run.facts.status)

    def _sorted(self, runs: list[R], name: str) -> list[R]:
        values = [(value_of(run, name), run) for run in runs]
        there = [(value, run) for value, run in values if value is not MISSING]
        there.sort(key=lambda pair: _rank(pair[0]), reverse=self._down)
        return [run for _, run in there] + [run for value, run in values if value is MISSING]


def _rank(value: Any) -> tuple[int, float, str]:
    """Return what sorts numbers before texts, each among their own."""
    if isinstance(value, (int, float)) and value == value:
        return 0, value, ""
    return 1, 0, str(value)
