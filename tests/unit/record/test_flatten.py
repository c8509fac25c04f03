"""Dotted keys: what is opened, what collides, and the exact way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._record.flatten import find_collisions, flatten, unflatten
from ml_dash.exceptions import SerializationError

names = st.text(st.sampled_from("ab é"), max_size=2)
dotted = st.lists(names, min_size=1, max_size=4).map(".".join)
scalars = st.integers() | st.none() | st.lists(st.integers(), max_size=2)
flat_dicts = st.dictionaries(dotted, scalars, max_size=8)
non_empty = st.recursive(
    st.dictionaries(names, scalars, min_size=1, max_size=3),
    lambda inner: st.dictionaries(names, scalars | inner, min_size=1, max_size=3),
    max_leaves=8,
)
with_empty = st.recursive(
    st.dictionaries(names, scalars, max_size=3),
    lambda inner: st.dictionaries(names, scalars | inner, max_size=3),
    max_leaves=8,
)


@given(flat_dicts)
def test_every_flat_dict_comes_back(flat: dict[str, Any]) -> None:
    """Opening and flattening again is exact, conflicts and empty names included."""
    assert flatten(unflatten(flat)) == flat


@given(non_empty)
def test_every_nested_dict_comes_back(nested: dict[str, Any]) -> None:
    """Flattening and opening again is exact for names without the separator."""
    assert unflatten(flatten(nested)) == nested


@given(with_empty)
def test_empty_dicts_come_back_when_kept(nested: dict[str, Any]) -> None:
    """With ``keep_empty`` no part of a nested dict is lost."""
    assert unflatten(flatten(nested, keep_empty=True)) == nested


@given(flat_dicts, st.randoms())
def test_opening_does_not_depend_on_the_order(flat: dict[str, Any], random: Any) -> None:
    """The same keys in another order give the same nested dict."""
    items = list(flat.items())
    random.shuffle(items)
    assert unflatten(dict(items)) == unflatten(flat)


@given(with_empty)
def test_names_without_separator_never_collide(nested: dict[str, Any]) -> None:
    """Collisions need a dotted name."""
    assert find_collisions(nested) == []


@pytest.mark.parametrize(
    ("nested", "flat"),
    [
        ({"a": {"b": 1, "c": {"d": [1, {"e": 2}]}}}, {"a.b": 1, "a.c.d": [1, {"e": 2}]}),
        ({"a.b": 1}, {"a.b": 1}),
        ({"a": {}, "b": {"c": {}}, "d": None}, {"d": None}),
        ({1: {2: 3}, 4: 5}, {"1.2": 3, 4: 5}),
        ({"": {"a": 1}}, {".a": 1}),
    ],
)
def test_what_flattening_opens(nested: Any, flat: Any) -> None:
    """Dicts are opened, lists are not; keys below the top become text."""
    assert flatten(nested) == flat


def test_parent_key_and_separator() -> None:
    """The arguments of 0.6's ``flatten_dict`` have their old meaning."""
    assert flatten({"a": {"b": 1}}, "/", parent_key="p") == {"p/a/b": 1}
    assert unflatten({"p/a": 1, "x.y": 2}, "/") == {"p": {"a": 1}, "x.y": 2}


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ({"a": 1, "a.b": 2}, {"a": 1, "a.b": 2}),
        ({"a.b": 2, "a": 1}, {"a.b": 2, "a": 1}),
        ({"a.b": 1, "a.b.c": 2, "a.d": 3}, {"a": {"b": 1, "d": 3}, "a.b.c": 2}),
        ({3: 1, "a.b": 2}, {3: 1, "a": {"b": 2}}),
    ],
)
def test_a_key_behind_a_value_stays_as_it_is(flat: Any, nested: Any) -> None:
    """A conflict raises nothing and loses nothing."""
    assert unflatten(flat) == nested


@pytest.mark.parametrize(
    ("nested", "collisions"),
    [
        ({"a": {"b": 1}, "a.b": 2}, ["a.b"]),
        ({"a": {"b": {"c": 1}, "b.c": 2}, "a.b": {"c": 3}, "z": 1}, ["a.b.c"]),
        ({"a": {1: 0, "1": 0}}, ["a.1"]),
        ({"a": {"b": {}}, "a.b": 1}, ["a.b"]),
        ({"a": {"b": 1}, "a.c": 2}, []),
    ],
)
def test_collisions_are_named(nested: Any, collisions: list[str]) -> None:
    """Two values for one flat key can be told before one is lost."""
    assert find_collisions(nested) == collisions


def test_the_arguments_are_not_changed() -> None:
    """What is returned is built anew."""
    nested, flat = {"a": {"b": 1}}, {"a.b": 1}
    flatten(nested)["a.b"] = 2
    unflatten(flat)["a"]["b"] = 2
    assert (nested, flat) == ({"a": {"b": 1}}, {"a.b": 1})


@pytest.mark.parametrize("call", [flatten, find_collisions])
def test_a_cycle_is_refused(call: Any) -> None:
    """A dict inside itself is a typed error."""
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(SerializationError, match="in itself"):
        call(loop)
