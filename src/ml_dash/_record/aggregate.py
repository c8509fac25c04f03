"""Statistics over buffered values: numbers in, numbers out.

NaN is "no value" and is left out before anything is computed. Infinite values and values near the
limits of floats never raise: they give an infinite or NaN result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ml_dash.exceptions import ConfigurationError, InvalidValueError

SUMMARY = ("mean", "min", "max", "count", "std")
"""What a summary of a metric holds, in this order."""


def to_number(value: Any) -> float:
    """Return ``value`` as a float, as buffered metrics take it.

    None is NaN; bools, numeric text and scalars of numpy, torch and JAX are taken.

    Raises:
        InvalidValueError: ``value`` is not one real number, or too large for a float.
    """
    if value is None:
        return math.nan
    # One element of any array; float() alone would drop the imaginary part of numpy's complex.
    read: Callable[[], Any] = value.item if hasattr(type(value), "item") else lambda: value
    try:
        return float(read())
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        name = type(value).__qualname__
        raise InvalidValueError(
            f"A value of type {name} is not a number: {error}",
            hint="Pass one real number, a bool, numeric text, or None for a missing value",
            context={"type": name},
        ) from error


def aggregate(values: Iterable[float], aggregation: str) -> float | int:
    """Return one statistic of ``values``.

    - ``mean``, ``sum``, ``min``, ``max``, ``count`` (an int), ``first`` and ``last`` as given;
    - ``std``: of a sample (n - 1); 0.0 for one value; NaN when a value is infinite;
    - ``median`` and ``p50``: the middle value, or the mean of the two;
    - ``p90``, ``p95``, ``p99``: linear between the values next to ``(n - 1) * p / 100``.

    NaN is left out first. Without any value ``count`` is 0 and the others are NaN.

    Raises:
        ConfigurationError: There is no such aggregation.
    """
    check_aggregations((aggregation,))
    present = [value for value in values if value == value]
    if not present:
        return 0 if aggregation == "count" else math.nan
    return _FUNCTIONS[aggregation](present)


def summarize(
    values: Iterable[float], aggregations: Sequence[str] = SUMMARY
) -> dict[str, float | int]:
    """Return several statistics of ``values`` by name, in the order asked for.

    Empty when there is no value, or only NaN.

    Raises:
        ConfigurationError: There is no such aggregation.
    """
    check_aggregations(aggregations)
    present = [value for value in values if value == value]
    if not present:
        return {}
    return {name: _FUNCTIONS[name](present) for name in aggregations}


def check_aggregations(aggregations: Iterable[str]) -> None:
    """Check names of aggregations.

    Raises:
        ConfigurationError: One of them does not exist.
    """
    for name in aggregations:
        if not isinstance(name, str) or name not in AGGREGATIONS:
            raise ConfigurationError(
                f"Unsupported aggregation: {name!r}",
                hint=f"Use some of: {', '.join(_FUNCTIONS)}",
                context={"value": name},
            )


# --- each of them, for at least one value and no NaN ------------------------------------------


def _sum(values: list[float]) -> float:
    infinite = {value for value in values if math.isinf(value)}
    if infinite:
        return infinite.pop() if len(infinite) == 1 else math.nan
    try:
        return math.fsum(values)
    except OverflowError:  # a partial sum; the end may be in range
        return _unscaled(math.fsum(_scaled(values)), _exponent(values))


def _mean(values: list[float]) -> float:
    total = _sum(values)
    if math.isinf(total) and not any(map(math.isinf, values)):
        total = math.fsum(_scaled(values)) / len(values)
        mean = _unscaled(total, _exponent(values))
    else:
        mean = total / len(values)
    # Rounding must not take the mean of equal values out of their range.
    return mean if math.isnan(mean) else min(max(mean, min(values)), max(values))


def _std(values: list[float]) -> float:
    if any(map(math.isinf, values)):
        return math.nan
    if len(values) == 1:
        return 0.0
    scaled = _scaled(values)  # so that no square leaves the range of floats
    mean = _mean(scaled)
    variance = math.fsum((value - mean) ** 2 for value in scaled) / (len(values) - 1)
    return _unscaled(math.sqrt(variance), _exponent(values))


def _exponent(values: list[float]) -> int:
    return math.frexp(max(map(abs, values)))[1] + len(values).bit_length()


def _scaled(values: list[float]) -> list[float]:
    exponent = _exponent(values)
    return [math.ldexp(value, -exponent) for value in values]


def _unscaled(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)


def _quantile(percent: int) -> Callable[[list[float]], float]:
    def compute(values: list[float]) -> float:
        position = (len(values) - 1) * percent / 100
        below = math.floor(position)
        low, high = (sorted(values)[index] for index in (below, math.ceil(position)))
        return low if low == high else _between(low, high, position - below)

    return compute


def _between(low: float, high: float, part: float) -> float:
    span = high - low
    if math.isinf(span) and not (math.isinf(low) or math.isinf(high)):
        return low * (1 - part) + high * part
    return low + span * part


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    low, high = ordered[(len(values) - 1) // 2], ordered[len(values) // 2]
    if low == high:
        return low
    middle = (low + high) / 2
    return low / 2 + high / 2 if math.isinf(middle) else middle


_FUNCTIONS: dict[str, Callable[[list[float]], float | int]] = {
    "mean": _mean,
    "std": _std,
    "min": min,
    "max": max,
    "count": len,
    "median": _median,
    "sum": _sum,
    "p50": _median,
    "p90": _quantile(90),
    "p95": _quantile(95),
    "p99": _quantile(99),
    "last": lambda values: values[-1],
    "first": lambda values: values[0],
}
AGGREGATIONS = frozenset(_FUNCTIONS)
"""The names of all aggregations."""
