"""Statistics of buffered values: the definitions, and numbers at the edge of floats."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_dash._record.aggregate import AGGREGATIONS, SUMMARY, aggregate, summarize, to_number
from ml_dash.exceptions import ConfigurationError, InvalidValueError

ordinary = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20)
any_floats = st.lists(st.floats(), max_size=12)


def test_the_names_are_those_of_0_6() -> None:
    """No aggregation is missing, none is new."""
    assert {
        "mean", "std", "min", "max", "count", "median", "sum", "p50", "p90", "p95", "p99", "last",
        "first",
    } == AGGREGATIONS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", 3.0), ("std", math.sqrt(2.5)), ("min", 1.0), ("max", 5.0), ("count", 5),
        ("median", 3.0), ("sum", 15.0), ("p50", 3.0), ("p90", 4.6), ("p95", 4.8), ("p99", 4.96),
        ("last", 2.0), ("first", 4.0),
    ],
)
def test_definitions(name: str, expected: float) -> None:
    """Each statistic of five values in no order, with NaN between them."""
    result = aggregate([math.nan, 4.0, 1.0, math.nan, 5.0, 3.0, 2.0, math.nan], name)
    assert result == pytest.approx(expected, rel=1e-15)
    assert type(result) is type(expected)


@given(ordinary)
def test_agreement_with_the_statistics_module(values: list[float]) -> None:
    """Mean, deviation and median are those of exact arithmetic."""
    exact = statistics.mean(map(Fraction, values))
    size = max(map(abs, values))
    assert aggregate(values, "mean") == pytest.approx(float(exact), rel=1e-14, abs=size * 1e-15)
    assert aggregate(values, "median") == aggregate(values, "p50") == statistics.median(values)
    # Computed on values of about one: Python 3.10's own deviation of tiny ones is 0.
    scaled = [value / size for value in values] if size else values
    expected = statistics.stdev(scaled) * (size or 1.0) if len(values) > 1 else 0.0
    assert aggregate(values, "std") == pytest.approx(expected, rel=1e-9, abs=size * 1e-14)


@given(ordinary, st.sampled_from([90, 95, 99]))
def test_percentiles_are_linear_between_neighbours(values: list[float], percent: int) -> None:
    """The definition is numpy's default one."""
    expected = float(np.percentile(values, percent))
    size = max(map(abs, values))
    assert aggregate(values, f"p{percent}") == pytest.approx(expected, rel=1e-12, abs=size * 1e-12)


@given(any_floats, st.sampled_from(sorted(AGGREGATIONS)))
@example([1.7e308, -1.7e308], "std")
@example([1.7e308, -1.7e308], "p90")
@example([1e308, 1e308], "mean")
@example([1e308, 1e308, -1e308], "sum")
@example([5e-324, 0.0], "std")
@example([math.inf, -math.inf], "median")
def test_nothing_raises(values: list[float], name: str) -> None:
    """Infinite, huge, tiny and missing values give a number in every case."""
    assert isinstance(aggregate(values, name), (float, int))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
@example([0.1, 0.1, 0.1])
def test_middles_lie_between_the_ends(values: list[float]) -> None:
    """Rounding never takes a mean, median or percentile out of the range of the values."""
    for name in ("mean", "median", "p90", "p95", "p99"):
        assert min(values) <= aggregate(values, name) <= max(values)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 9))
def test_equal_values_do_not_deviate(value: float, count: int) -> None:
    """Their mean is the value and their deviation exactly zero."""
    assert aggregate([value] * count, "mean") == value
    assert aggregate([value] * count, "std") == 0.0


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ([1.0, math.inf], "mean", math.inf),
        ([1.0, -math.inf], "mean", -math.inf),
        ([math.inf, -math.inf], "mean", math.nan),
        ([math.inf, -math.inf], "sum", math.nan),
        ([1.0, math.inf], "std", math.nan),
        ([math.inf], "std", math.nan),
        ([3.0], "std", 0.0),
        ([math.inf, math.inf], "p95", math.inf),
        ([-math.inf, 1.0, 2.0], "median", 1.0),
        ([1e308, 1e308], "mean", 1e308),
        ([1e308, 1e308], "sum", math.inf),
        ([1e308, 1e308, -1e308], "sum", 1e308),
        ([1.7e308, -1.7e308], "std", math.inf),
        ([1.5e308, 1.7e308], "median", 1.6e308),
        ([], "mean", math.nan),
        ([math.nan], "max", math.nan),
        ([math.nan], "count", 0),
    ],
)
def test_values_at_the_edge(values: list[float], name: str, expected: float) -> None:
    """What an infinite, huge or missing value does to a statistic is defined."""
    assert aggregate(values, name) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_a_summary_has_its_order() -> None:
    """A summary holds mean, min, max, count and std, or the statistics asked for, in order."""
    assert list(summarize([1.0, 2.0]).items()) == [
        ("mean", 1.5), ("min", 1.0), ("max", 2.0), ("count", 2), ("std", math.sqrt(0.5)),
    ]
    assert tuple(summarize([1.0])) == SUMMARY
    assert list(summarize([3.0, math.nan], ("last", "count"))) == ["last", "count"]


def test_a_summary_of_nothing_is_empty() -> None:
    """Without a value there is nothing to log."""
    assert summarize([]) == summarize([math.nan]) == {}


@pytest.mark.parametrize("name", ["avg", "", "MEAN", None, ["mean"]])
def test_an_unknown_aggregation_is_refused(name: Any) -> None:
    """The error lists what exists, also when there are no values."""
    with pytest.raises(ConfigurationError, match=r"Unsupported aggregation.*mean"):
        aggregate([], name)
    with pytest.raises(ValueError, match="Unsupported aggregation"):
        summarize([], ("mean", name))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, math.nan), (True, 1.0), (3, 3.0), (" 1.5e3 ", 1500.0), ("-inf", -math.inf),
        ("nan", math.nan), (b"2.5", 2.5), (Fraction(1, 4), 0.25),
        (np.float32(0.1), 0.10000000149011612),
        (np.bool_(True), 1.0), (np.array(2), 2.0), (np.array([[3.5]]), 3.5),
    ],
)
def test_what_counts_as_a_number(value: Any, number: float) -> None:
    """None is a missing value; bools, text and single elements of arrays are converted."""
    result = to_number(value)
    assert type(result) is float
    assert result == pytest.approx(number, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    "value",
    ["abc", "", [1], {}, object(), 1j, np.complex64(1), np.array([1, 2]), np.array([]), 10**400],
)
def test_what_is_no_number_is_refused(value: Any) -> None:
    """The error is a ValueError and a TypeError and says which type was passed."""
    with pytest.raises(InvalidValueError, match="is not a number") as caught:
        to_number(value)
    assert caught.value.context == {"type": type(value).__qualname__}
