"""Nested dicts as one level of dotted keys, and back.

Only dicts are opened; lists are values. The way back is exact for every flat dict whose values are
not dicts: ``flatten(unflatten(flat)) == flat``. To keep that true, a dotted key is left as it is
when a value already stands on its way::

    unflatten({"a.b": 1, "a.c": 2})  ->  {"a": {"b": 1, "c": 2}}
    unflatten({"a": 1, "a.b": 2})    ->  {"a": 1, "a.b": 2}         # in whichever order

The other way is exact for nested dicts with str keys that contain no separator, without empty dicts
(with ``keep_empty=True``: with them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ml_dash._record.jsonable import MAX_DEPTH
from ml_dash.exceptions import SerializationError


def flatten(
    nested: Mapping[Any, Any], sep: str = ".", *, parent_key: str = "", keep_empty: bool = False
) -> dict[Any, Any]:
    """Return ``nested`` as one level, with the keys on the way joined by ``sep``.

    Of two values with the same flat key (``{"a": {"b": 1}, "a.b": 2}``) the later stays;
    :func:`find_collisions` names such keys.

    Args:
        nested: Dicts in dicts. Keys that are not str become text, except at the top.
        sep: What stands between two keys.
        parent_key: What all keys start with, if not empty.
        keep_empty: Whether an empty dict is kept as a value; 0.6 left it out.

    Raises:
        SerializationError: More than 254 dicts inside each other, or a dict that contains itself.
    """
    return dict(_leaves(nested, sep, parent_key or None, keep_empty, 1))


def find_collisions(nested: Mapping[Any, Any], sep: str = ".") -> list[Any]:
    """Return the flat keys that more than one value of ``nested`` has, in order of appearance.

    Raises:
        SerializationError: As :func:`flatten`.
    """
    counts = Counter(key for key, _ in _leaves(nested, sep, None, True, 1))
    return [key for key, count in counts.items() if count > 1]


def unflatten(flat: Mapping[Any, Any], sep: str = ".") -> dict[Any, Any]:
    """Return ``flat`` with its dotted keys opened into nested dicts.

    A key of which a shorter part is a key as well is left as it is, and so is a key that is not a
    str. The result does not depend on the order of the keys.

    Args:
        flat: One level, as :func:`flatten` returns it; not changed.
        sep: What stands between two keys.
    """
    nested: dict[Any, Any] = {}
    for key, value in flat.items():
        steps = key.split(sep) if isinstance(key, str) and not _blocked(key, flat, sep) else [key]
        level = nested
        for step in steps[:-1]:
            level = level.setdefault(step, {})
        level[steps[-1]] = value
    return nested


def _leaves(
    nested: Mapping[Any, Any], sep: str, parent: str | None, keep_empty: bool, depth: int
) -> Iterator[tuple[Any, Any]]:
    if depth > MAX_DEPTH:
        raise SerializationError(
            f"{(parent or '')[:80]!r}... lies inside more than {MAX_DEPTH} dicts, or in itself",
            hint="Pass a flatter dict, without a cycle",
            context={"key": parent or "", "type": "dict"},
        )
    for key, value in nested.items():
        path = key if parent is None else f"{parent}{sep}{key}"
        if not isinstance(value, dict) or (keep_empty and not value):
            yield path, value
        else:
            yield from _leaves(value, sep, str(path), keep_empty, depth + 1)


def _blocked(key: str, flat: Mapping[Any, Any], sep: str) -> bool:
    """Return whether a value stands on the way to ``key``."""
    end = key.find(sep)
    while end >= 0:
        if key[:end] in flat:
            return True
        end = key.find(sep, end + len(sep))
    return False
