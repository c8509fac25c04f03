"""Records as lines of JSON, and back, with nothing lost on the way.

JSON has no NaN and no infinities: they are stored as the strings ``"NaN"``, ``"Infinity"`` and
``"-Infinity"``. A text that looks like one of these, with any number of ``~`` in front, gets one
more ``~``; reading takes it off again. Keys of dicts are never touched. So, for every value that
:func:`~ml_dash._record.jsonable.to_plain` takes::

    decode(encode(value)) == to_plain(value)

Lines of ml-dash 0.6 are read as well: they have the bare tokens ``NaN``, ``Infinity`` and
``-Infinity``. They are told from ours by the space after their colons, so that a *text* ``"NaN"``
in them stays a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

from ml_dash._record.jsonable import to_plain

_BY_TEXT = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_N, _I = b"NI"
_MARKED = re.compile(r"~*(?:NaN|-?Infinity)")

# What orjson would write in its own way goes through `to_plain` instead.
_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_orjson_dumps = orjson.dumps
_orjson_loads = orjson.loads

# orjson reads ints beyond 64 bit as floats. They have 20 characters of these or more in a row.
_DIGITS_AS_ZERO = bytes.maketrans(b"-123456789", b"0000000000")
_LONG_NUMBER = b"0" * 20


def encode(value: Any) -> bytes:
    """Return ``value`` as one line of compact JSON in UTF-8, without a line feed.

    Args:
        value: Anything that :func:`~ml_dash._record.jsonable.to_plain` takes.

    Raises:
        SerializationError: A part of ``value`` has no JSON form; nothing was written anywhere.
    """
    try:
        line = _orjson_dumps(value, to_plain, _OPTIONS)
    except TypeError as error:
        _pass_on_interrupts(error)
        line = b"null"  # to be written the slow way
    # orjson writes NaN and the infinities as null. `in` would cost three times as much as `find`.
    if line.find(b"null") >= 0 or not line.islower():
        return _look_closer(value, line)
    return line


def _look_closer(value: Any, line: bytes) -> bytes:
    """Encode anew what has, or may have, a NaN, an infinity or a text that looks like one."""
    if b"null" in line or b'NaN"' in line or b'Infinity"' in line:
        return _encode_plain(value)
    return line


def encode_document(value: Any) -> bytes:
    """Return ``value`` as indented, ASCII-only JSON for a person to read.

    Args:
        value: Anything that :func:`~ml_dash._record.jsonable.to_plain` takes.

    Raises:
        SerializationError: A part of ``value`` has no JSON form; nothing was written anywhere.
    """
    return json.dumps(_mark(to_plain(value)), indent=2, allow_nan=False).encode("ascii")


def encode_list_document(name: str, values: Iterable[Any]) -> bytes:
    """Return ``{name: [values]}`` as :func:`encode_document` does, in little more memory.

    Args:
        name: The only name of the document.
        values: What :func:`~ml_dash._record.jsonable.to_plain` takes, one encoded after the other.

    Raises:
        SerializationError: a value has no JSON form.
    """
    made = bytearray(b'{\n  "%b": [' % name.encode("ascii"))
    for value in values:
        # A line end inside of a text is escaped: these are all between values.
        made += b"\n    " + encode_document(value).replace(b"\n", b"\n    ") + b","
    if made.endswith(b","):
        made[-1:] = b"\n  "
    return bytes(made + b"]\n}")


def decode(line: bytes | bytearray | memoryview | str) -> Any:
    """Return the value of one line or document, written by this release or by 0.6.

    Args:
        line: JSON, with any white space around it.

    Raises:
        json.JSONDecodeError: ``line`` is damaged.
    """
    data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else bytes(line)
    try:
        value = _orjson_loads(data)
    except orjson.JSONDecodeError:
        value = _decode_tolerant(data)
    else:
        if _LONG_NUMBER in data.translate(_DIGITS_AS_ZERO):
            value = _decode_tolerant(data)
    if not (_N in data and b'NaN"' in data) and not (_I in data and b'Infinity"' in data):
        return value
    if _written_by_0_6(data):
        return value
    try:
        return _unmark(value)
    except RecursionError as error:
        raise _damaged(str(error), data) from error


def _written_by_0_6(data: bytes) -> bool:
    """Tell 0.6's lines, in which a text "NaN" is a text, from ours: they have a space after colons.

    Indented documents look the same from both; ours hold marked texts, and so they are read.
    """
    colon = data.find(b":")
    return data[colon + 1 : colon + 2] == b" " and b"\n" not in data.strip()


# --- the slow ways ----------------------------------------------------------------------------


def _pass_on_interrupts(error: TypeError) -> None:
    """Raise what is no Exception: orjson turns all that happens in `to_plain` into a TypeError."""
    cause = error.__cause__
    if cause is not None and not isinstance(cause, Exception):
        raise cause from None


def _encode_plain(value: Any) -> bytes:
    marked = _mark(to_plain(value))
    try:
        return _orjson_dumps(marked)
    except TypeError:  # an int beyond 64 bit, or half of a surrogate pair
        return _dumps_tolerant(marked)


def _dumps_tolerant(marked: Any) -> bytes:
    try:
        return _compact(marked, ascii_only=False)
    except UnicodeEncodeError:  # only an escape can hold half of a surrogate pair
        return _compact(marked, ascii_only=True)


def _compact(marked: Any, *, ascii_only: bool) -> bytes:
    text = json.dumps(marked, ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _decode_tolerant(data: bytes) -> Any:
    """Read what orjson does not: bare tokens, long ints, halves of surrogate pairs."""
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError as error:
        raise _damaged("Not UTF-8", data) from error
    except (RecursionError, ValueError) as error:  # too deep; an int that Python refuses to read
        raise _damaged(str(error), data) from error


def _damaged(what: str, data: bytes) -> json.JSONDecodeError:
    return json.JSONDecodeError(what, repr(data[:80]), 0)


# --- non-finite numbers and the texts that look like them -------------------------------------


def _mark(plain: Any) -> Any:
    """Return a plain value with its non-finite numbers as text; changes containers in place."""
    kind = type(plain)
    if kind is float:
        return plain if plain - plain == 0.0 else _text_of(plain)
    if kind is str:
        return f"~{plain}" if _MARKED.fullmatch(plain) else plain
    if kind is dict:
        for key, item in plain.items():
            plain[key] = _mark(item)
    elif kind is list:
        for index, item in enumerate(plain):
            plain[index] = _mark(item)
    return plain


def _text_of(number: float) -> str:
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _unmark(value: Any) -> Any:
    """Undo `_mark`; changes containers in place."""
    if isinstance(value, str):
        number = _BY_TEXT.get(value)
        if number is not None:
            return number
        return value[1:] if value.startswith("~") and _MARKED.fullmatch(value) else value
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _unmark(item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _unmark(item)
    return value
