"""What is known of the numbers under each key without looking at the points again.

A summary is a plain dict, dotted key to facts, small enough to be stored as JSON with each batch;
summaries of neighbouring stretches are joined, so that no statistic ever needs a scan.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from ml_dash.server.points.columns import Columns, as_float
from ml_dash.server.points.limits import KEYS

Facts = list[Any]
"""``[count, non_finite, total, lowest, highest, last]``; no lowest and highest: None."""

Summary = dict[str, Facts]

_BIG = 2**63
COUNT, NON_FINITE, TOTAL, LOWEST, HIGHEST, LAST = range(6)


def summarize(numbers: Columns) -> Summary:
    """Return the summary of numbers by key; at most ``KEYS`` keys are followed."""
    return {key: _facts(values) for key, (_, values) in islice(numbers.items(), KEYS)}


def is_full(summary: Summary) -> bool:
    """Return whether a summary follows as many keys as it can, so that some may be missing."""
    return len(summary) >= KEYS


def join(earlier: Summary, later: Summary) -> Summary:
    """Return the summary of two stretches, one after the other."""
    joined = dict(earlier)
    for key, facts in later.items():
        before = joined.get(key)
        if before is not None:
            joined[key] = _join_facts(before, facts)
        elif len(joined) < KEYS:
            joined[key] = facts
    return joined


def described(summary: Summary) -> dict[str, dict[str, Any]]:
    """Return a summary as readers see it: facts by name, and the mean."""
    return {
        key: {
            "count": facts[COUNT],
            "non_finite": facts[NON_FINITE],
            "min": facts[LOWEST],
            "max": facts[HIGHEST],
            "mean": _mean(facts),
            "last": facts[LAST],
        }
        for key, facts in summary.items()
    }


def _mean(facts: Facts) -> float | None:
    finite = facts[COUNT] - facts[NON_FINITE]
    return facts[TOTAL] / finite if finite else None


def _facts(values: list[Any]) -> Facts:
    if set(map(type, values)) != {float} and not -_BIG < min(values) <= max(values) < _BIG:
        # What fits into 64 bit stays an int.
        values = [value if -_BIG < value < _BIG else as_float(value) for value in values]
    last = values[-1]
    total = sum(values)
    if total - total == 0:
        return [len(values), 0, total, min(values), max(values), last]
    finite = [value for value in values if value - value == 0.0]
    lowest, highest = (min(finite), max(finite)) if finite else (None, None)
    # The sum of finite numbers can leave the range of floats; then there is no mean to tell.
    return [len(values), len(values) - len(finite), sum(finite), lowest, highest, last]


def _join_facts(a: Facts, b: Facts) -> Facts:
    return [
        a[COUNT] + b[COUNT],
        a[NON_FINITE] + b[NON_FINITE],
        a[TOTAL] + b[TOTAL],
        _chosen(min, a[LOWEST], b[LOWEST]),
        _chosen(max, a[HIGHEST], b[HIGHEST]),
        b[LAST],
    ]


def _chosen(choose: Any, a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    chosen: float = choose(a, b)
    return chosen
