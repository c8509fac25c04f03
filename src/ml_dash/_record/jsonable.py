"""The one place where Python values become plain JSON values.

A *plain* value is None, a bool, an int, a float (NaN and the infinities included), a str, a list of
plain values or a dict from str to plain values, each of exactly that type.

=========================================  ====================================================
what is passed                             what it becomes
=========================================  ====================================================
None, bool, int, float, str                itself; subclasses lose their class
list, tuple, namedtuple, deque, range      list
dict and other mappings                    dict; int, float, bool and None keys as ``json`` writes
                                           them
numpy, torch, JAX scalars and arrays       bool, int, float, str or nested lists of them; a
                                           ``datetime64`` its ISO text
datetime, date, time                       ISO 8601 text
Path, UUID                                 their text
Enum members                               their value
Decimal                                    an int without decimals, a float when its text is the
                                           same number (``0.1``), else text
dataclass, attrs, pydantic instances       dict of their fields
params-proto classes and instances         dict of their current values
=========================================  ====================================================

Nothing else has a JSON form: sets, bytes, complex numbers, time differences, functions, plain
classes and other objects are refused with the path to them. numpy, torch, JAX, attrs, pydantic
and params-proto are recognised by what their objects can do and are never imported.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from ml_dash._record import arrays, params_classes
from ml_dash.exceptions import SerializationError

MAX_DEPTH = 254
"""How many containers may lie inside each other; as many as orjson takes."""

_INT64 = 2**63
_UNCHANGED = frozenset({float, bool, type(None)})
_SMALL_INT_BITS = 2000
"""Python always turns ints of this size into text; it limits longer ones."""
_FAILURES = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
)
"""What the code of a foreign object may raise when it is asked for its values."""
_ALLOWED = (
    "Pass None, bool, int, float, str, list, tuple, dict, a number or array of numpy, torch or "
    "JAX, datetime, Path, UUID, Decimal, Enum, dataclass, attrs, pydantic or params-proto"
)
_INSTEAD = {
    set: "A set has no order: pass sorted(...) or list(...)",
    frozenset: "A set has no order: pass sorted(...) or list(...)",
    bytes: "Decode it to str, or store it as a file with exp.files(...)",
    bytearray: "Decode it to str, or store it as a file with exp.files(...)",
    memoryview: "Pass .tolist(), or store it as a file with exp.files(...)",
    complex: "Pass .real and .imag as two numbers",
    type: "Pass its name, or a params-proto class",
}

Place = tuple[Any, "str | int", Any, int]
"""Where a value stands: the place of its container, its key there, itself, the containers above."""
Converter = Callable[[Any, Place], Any]


def to_plain(value: Any, path: str = "") -> Any:
    """Return ``value`` as a plain JSON value, as the table of this module says.

    Args:
        value: What a script passed.
        path: What the script calls it, as in ``"config"``; the start of the path in an error.

    Raises:
        SerializationError: A part of ``value`` has no JSON form, two keys of a dict have the same
            text, or ``value`` contains itself or more than 254 containers inside each other.
            ``context["key"]`` is the path to the part, as in ``config.optim[2].fn``.
    """
    try:
        return _convert(value, (None, path, value, 0))
    except RecursionError as error:
        raise SerializationError(
            f"{path or 'The value'} is nested too deeply for what is left of the call stack",
            context={"key": path, "type": _type_name(value)},
            cause=error,
        ) from error


def class_values(cls: type) -> dict[str, Any]:
    """Return the settings that a class holds, not yet made plain.

    Of a plain class: its own attributes without a leading ``_`` that are neither callable nor
    descriptors (properties, class and static methods, slots). Of a params-proto class: the current
    values of its fields, whether set on the class, from the command line or the environment.

    Raises:
        SerializationError: A params-proto class refuses to tell its values.
    """
    if not params_classes.is_proto_class(cls):
        return params_classes.own_values(cls)
    values: dict[str, Any]
    values = _ask(params_classes.proto_values, cls, (None, cls.__name__, cls, 0))
    return values


# --- exact types and containers ---------------------------------------------------------------


def _convert(value: Any, place: Place) -> Any:
    cls: Any = type(value)
    if cls in _UNCHANGED:
        return value
    if cls is str:
        return value if value.isascii() else _joined(value)
    if cls is int:
        return value if -_INT64 <= value < _INT64 else _whole(value, place)
    if cls is dict:
        return _mapping(value, place)
    if cls is list or cls is tuple:
        return _sequence(value, place)
    return _converter(cls)(value, place)


def _joined(text: str) -> str:
    """Return ``text`` with surrogate pairs joined to the characters they mean, as JSON does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text


def _whole(value: int, place: Place) -> int:
    if value.bit_length() > _SMALL_INT_BITS:
        try:
            str(value)
        except ValueError as error:
            raise _refusal(value, place, "It has more digits than Python writes") from error
    return value


def _mapping(value: Mapping[Any, Any], place: Place) -> dict[str, Any]:
    _check_depth(place)
    depth = place[3] + 1
    plain: dict[str, Any] = {}
    for key, item in _ask(_pairs, value, place):
        text = _key(key, place)
        if text in plain:
            raise _key_clash(text, value, place)
        if type(item) in _UNCHANGED:
            plain[text] = item
        else:
            plain[text] = _convert(item, (place, text, item, depth))
    return plain


def _pairs(value: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """Return keys and values as they are now; another thread may change the mapping meanwhile."""
    if isinstance(value, dict) and type(value).items is dict.items:
        # In one go. A list of pairs is not: making them may start a garbage collection, whose
        # callbacks let other threads run.
        return dict.copy(value).items()
    return list(value.items())


def _sequence(value: Iterable[Any], place: Place) -> list[Any]:
    _check_depth(place)
    depth = place[3] + 1
    plain = []
    for index, item in enumerate(_ask(list, value, place)):
        if type(item) in _UNCHANGED:
            plain.append(item)
        else:
            plain.append(_convert(item, (place, index, item, depth)))
    return plain


def _key(key: Any, place: Place) -> str:
    if isinstance(key, str):
        text = str.__str__(key)
        return text if text.isascii() else _joined(text)
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return int.__repr__(_whole(key, place))
    if isinstance(key, float):
        return _float_key(key)
    where, name = _path(place), _type_name(key)
    raise SerializationError(
        f"{where or 'The dict'} has a key of type {name}; JSON has only text",
        hint="Make the keys str (int, float, bool and None are taken too)",
        context={"key": where, "type": name},
    )


def _float_key(key: float) -> str:
    if math.isnan(key):
        return "NaN"
    if math.isinf(key):
        return "Infinity" if key > 0 else "-Infinity"
    return float.__repr__(key)


def _key_clash(text: str, value: Any, place: Place) -> SerializationError:
    where = _path((place, text, None, 0))
    return SerializationError(
        f"Two keys of {_path(place) or 'the dict'} have the same text {text!r}",
        hint="Rename one of them",
        context={"key": where, "type": _type_name(value)},
    )


def _check_depth(place: Place) -> None:
    if place[3] < MAX_DEPTH:
        return
    looped = _loop(place)
    where = _path(looped or place)
    what = "contains itself" if looped else f"lies inside more than {MAX_DEPTH} containers"
    raise SerializationError(
        f"{where or 'The value'} {what}",
        hint="Pass the parts that matter, without the cycle" if looped else "Pass a flatter value",
        context={"key": where, "type": _type_name(place[2])},
    )


def _loop(place: Place) -> Place | None:
    """Return the first place on the way to ``place`` whose value also stands above itself."""
    trail: list[Place] = []
    step: Place | None = place
    while step is not None:
        trail.append(step)
        step = step[0]
    seen: set[int] = set()
    for step in reversed(trail):
        if id(step[2]) in seen:
            return step
        seen.add(id(step[2]))
    return None


# --- all other types --------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _converter(cls: type) -> Converter:
    """Choose the converter of a type, once."""
    from decimal import Decimal
    from uuid import UUID

    by_base: tuple[tuple[type | tuple[type, ...], Converter], ...] = (
        (Enum, _enum),
        (str, lambda value, place: _joined(str.__str__(value))),
        (int, lambda value, place: _whole(int.__int__(value), place)),
        (float, lambda value, place: float.__float__(value)),
        (tuple(_INSTEAD.keys() - {type}), _refuse),
        (Mapping, _mapping),
        ((list, tuple, range, deque), _sequence),
        ((date, time), lambda value, place: _ask(_iso_text, value, place)),
        ((PurePath, UUID), lambda value, place: _joined(str(value))),
        (Decimal, lambda value, place: _convert(_decimal(value), place)),
    )
    for base, converter in by_base:
        if issubclass(cls, base):
            return converter
    return next((found for fits, found in _BY_LOOK if fits(cls)), _refuse)


def _enum(value: Enum, place: Place) -> Any:
    return _convert(value.value, place)


def _iso_text(value: date | time) -> str:
    return str(value.isoformat())


def _decimal(value: Any) -> int | float | str:
    """Return a number where JSON's text of it is the same number, else the text."""
    if not value.is_finite():
        return math.nan if value.is_nan() else math.copysign(math.inf, value)
    minus_zero = value.is_zero() and value.is_signed()
    if value.as_tuple().exponent == 0 and not minus_zero:
        return int(value)
    number = float(value)
    return number if type(value)(repr(number)) == value else str(value)


def _fields_converter(names: Callable[[type], Iterable[str]]) -> Converter:
    def convert(value: Any, place: Place) -> Any:
        def read(owner: Any) -> dict[str, Any]:
            # A field that was never set is left out.
            known = [name for name in names(type(owner)) if hasattr(owner, name)]
            return {name: getattr(owner, name) for name in known}

        return _mapping(_ask(read, value, place), place)

    return convert


def _dataclass_names(cls: type) -> list[str]:
    from dataclasses import fields

    return [field.name for field in fields(cls)]


def _attrs_names(cls: Any) -> list[str]:
    return [attribute.name for attribute in cls.__attrs_attrs__]


def _pydantic_2(value: Any, place: Place) -> Any:
    def read(model: Any) -> Any:
        return model.model_dump(mode="python", warnings=False)

    return _convert(_ask(read, value, place), place)


def _pydantic_1(value: Any, place: Place) -> Any:
    return _convert(_ask(lambda model: model.dict(), value, place), place)


def _proto(value: Any, place: Place) -> Any:
    return _mapping(_ask(params_classes.proto_values, value, place), place)


def _array(value: Any, place: Place) -> Any:
    if arrays.dtype_kind(value) in ("c", "m"):
        raise _refusal(value, place, f"It holds values of type {value.dtype}")
    plain = _ask(arrays.read, value, place)
    if arrays.is_plain_when_read(value) and place[3] + value.ndim <= MAX_DEPTH:
        return plain
    return _convert(plain, place)


# --- refusals ---------------------------------------------------------------------------------


def _ask(read: Callable[[Any], Any], value: Any, place: Place) -> Any:
    """Run code of a foreign object; its failure becomes ours, with the path."""
    try:
        return read(value)
    except _FAILURES as error:
        why = f"Reading it failed with {type(error).__name__}: {error}"
        raise _refusal(value, place, why) from error


def _refuse(value: Any, place: Place) -> Any:
    raise _refusal(value, place)


def _refusal(value: Any, place: Place, why: str = "") -> SerializationError:
    where, name = _path(place), _type_name(value)
    hints = [hint for base, hint in _INSTEAD.items() if isinstance(value, base)]
    return SerializationError(
        f"{where or 'The value'} is of type {name}, which has no JSON form{'. ' * bool(why)}{why}",
        hint=". ".join([*hints[:1], _ALLOWED]),
        context={"key": where, "type": name},
    )


def _path(place: Place) -> str:
    text = ""
    while place[0] is not None:
        text = (f"[{place[1]}]" if isinstance(place[1], int) else f".{place[1]}") + text
        place = place[0]
    return f"{place[1]}{text}" if place[1] else text.removeprefix(".")


def _type_name(value: Any) -> str:
    cls = type(value)
    name: str = cls.__qualname__
    return name if cls.__module__ == "builtins" else f"{cls.__module__}.{name}"


# --- recognised by what their type shows; the first that fits ---------------------------------

_BY_LOOK: tuple[tuple[Callable[[type], bool], Converter], ...] = (
    (lambda cls: issubclass(cls, type) and params_classes.from_params_proto(cls), _proto),
    (lambda cls: issubclass(cls, type), _refuse),
    (lambda cls: params_classes.from_params_proto(type(cls)), _proto),
    (lambda cls: params_classes.from_params_proto(cls) and hasattr(cls, "__iter__"), _proto),
    (lambda cls: hasattr(cls, "__dataclass_fields__"), _fields_converter(_dataclass_names)),
    (lambda cls: hasattr(cls, "__attrs_attrs__"), _fields_converter(_attrs_names)),
    (lambda cls: hasattr(cls, "__pydantic_fields__") or hasattr(cls, "model_dump"), _pydantic_2),
    (lambda cls: hasattr(cls, "__fields__") and hasattr(cls, "dict"), _pydantic_1),
    (arrays.is_number, lambda value, place: value.item()),
    (arrays.is_array, _array),
    (
        lambda cls: issubclass(cls, os.PathLike),
        lambda value, place: _convert(_ask(os.fspath, value, place), place),
    ),
)
