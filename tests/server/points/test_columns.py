"""Chunks: what goes in comes out, to the bit and to the type."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_dash.exceptions import CorruptDataError
from ml_dash.server.points import columns, limits

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "~Infinity", "-Infinity", "\ud800", "", "\x00"])
)
keys = st.sampled_from(["a", "b", "a.b", "*", "t:", "", "\x00", "é", "\udfff"]) | st.text(
    max_size=3
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)
points = st.dictionaries(keys, values, max_size=5)


def same(a: Any, b: Any) -> bool:
    """Return whether two plain values are equal in type and in every bit; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (
            a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    return bool(a == b)


@settings(max_examples=150)
@given(st.lists(points, min_size=1, max_size=12), st.data())
@example([{}], None)
@example([{"a": 1}, {"a": 1.0}, {"a": True}, {"a": None}, {}, {"a": 2**63}, {"a": -0.0}], None)
def test_rows_come_back_exactly(rows: list[dict[str, Any]], data: st.DataObject | None) -> None:
    """Rows of any JSON come back with every type and bit, whole and in part, with their times."""
    came = list(range(len(rows)))
    payload = columns.encode(rows, came)
    assert same(columns.decode(payload), rows)
    start = data.draw(st.integers(0, len(rows))) if data else 0
    assert same(columns.decode(payload, start, start + 2), rows[start : start + 2])
    assert columns.times(payload, start, start + 2) == came[start : start + 2]


@settings(max_examples=100)
@given(st.lists(points, min_size=1, max_size=8))
def test_numbers_of_a_key_are_those_of_the_rows(rows: list[dict[str, Any]]) -> None:
    """The numbers under a key are the same whether taken from the rows or from the chunk."""
    payload = columns.encode(rows)
    for key, (at, listed) in columns.numbers_by_key(columns.by_key(rows)).items():
        found_at, found = columns.numbers(payload, key)
        expected_at, expected = columns.joined([(at, [columns.as_float(v) for v in listed])])
        assert found_at.tolist() == expected_at.tolist()
        assert sorted(map(str, found.tolist())) == sorted(map(str, expected.tolist()))


def test_a_key_is_not_taken_for_its_prefix() -> None:
    """Numbers under `a` do not include those under `a.b`, although Parquet nests by dots."""
    payload = columns.encode([{"a": 1.0, "a.b": 2.0}, {"a.b": 3.0}])
    assert columns.numbers(payload, "a")[1].tolist() == [1.0]
    assert columns.numbers(payload, "a.b")[1].tolist() == [2.0, 3.0]


def test_nested_numbers_have_dotted_keys() -> None:
    """A number in nested dicts is found under its dotted key."""
    payload = columns.encode([{"train": {"loss": 1}}, {"train": {"loss": 0.5}}, {"train": None}])
    at, found = columns.numbers(payload, "train.loss")
    assert (at.tolist(), found.tolist()) == ([0, 1], [1.0, 0.5])


def test_more_keys_than_columns() -> None:
    """Keys beyond the number of columns are kept all the same."""
    row = {f"key{number}": number for number in range(limits.KEYS + 10)}
    payload = columns.encode([row])
    assert columns.decode(payload) == [row]
    assert columns.numbers(payload, f"key{limits.KEYS + 5}")[1].tolist() == [limits.KEYS + 5]


def test_damage_is_told() -> None:
    """A damaged chunk is an error that says so."""
    payload = columns.encode([{"a": float(number)} for number in range(100)])
    for damaged in (b"", payload[:-1], payload[:50] + bytes(20) + payload[70:]):
        with pytest.raises(CorruptDataError):
            columns.decode(damaged)
