"""Lines and documents: nothing is lost on the way to disk and back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import sys
import uuid
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_dash._record import codec
from ml_dash._record.jsonable import MAX_DEPTH, to_plain
from ml_dash.exceptions import SerializationError


class Unit(enum.Enum):
    WATT = np.float32(0.1)
    NOTHING = math.nan
    TEXT = "NaN"


@dataclasses.dataclass
class Pair:
    first: Any
    second: Any


def exactly(value: Any) -> Any:
    """Return a form of a plain value in which types, NaN and the sign of zero count."""
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return type(value), repr(value)


# Every code point, lone surrogates and pairs of them included.
code_points = st.integers(0, sys.maxunicode).map(chr) | st.sampled_from("\ud83d\ude00\x00\n~\"\\")
texts = (
    st.text()
    | st.lists(code_points, max_size=4).map("".join)
    | st.builds(
        "{}{}{}".format,
        st.text("~", max_size=3),
        st.sampled_from(["NaN", "Infinity", "-Infinity", "--Infinity", "null", "nan", "~", ""]),
        st.sampled_from(["", "", "", "~", "x", "\n"]),
    )
)
numpy_scalars = st.one_of(
    st.floats(width=32).map(np.float32),
    st.floats(width=16).map(np.float16),
    st.floats().map(np.float64),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.booleans().map(np.bool_),
    st.lists(st.floats(), max_size=3).map(np.array),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**80), 2**80),
    st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**300]),
    st.floats(), texts, numpy_scalars, st.datetimes(), st.dates(), st.times(), st.uuids(),
    st.decimals(), st.sampled_from(Unit),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(texts, inner, max_size=4)
        | st.dictionaries(st.integers(0, 99), inner, max_size=2)
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=12,
)


def plain_or_none(value: Any) -> Any:
    """Return the plain form, or None where two keys became the same text."""
    try:
        return [to_plain(value)]
    except SerializationError as error:
        if "same text" not in error.message:
            raise
        return None


@settings(max_examples=400)
@given(values)
def test_what_is_decoded_is_what_was_encoded(value: Any) -> None:
    """For every value, a line holds exactly its plain form, and is one line of strict JSON."""
    plain = plain_or_none(value)
    if plain is None:
        with pytest.raises(SerializationError):
            codec.encode(value)
        return
    line = codec.encode(value)
    assert exactly(codec.decode(line)) == exactly(plain[0])
    assert b"\n" not in line
    json.loads(line.decode(), parse_constant=pytest.fail)


@settings(max_examples=200)
@given(values)
def test_the_fast_and_the_slow_way_mean_the_same(value: Any) -> None:
    """The line does not depend on whether orjson could write it alone."""
    if plain_or_none(value) is None:
        return
    fast, slow = codec.encode(value), codec._encode_plain(value)
    assert exactly(json.loads(fast)) == exactly(json.loads(slow))
    tolerant = codec._dumps_tolerant(codec._mark(to_plain(value)))
    assert exactly(json.loads(fast)) == exactly(json.loads(tolerant))


@settings(max_examples=200)
@given(values)
def test_a_document_holds_the_same(value: Any) -> None:
    """The form for a person is ASCII, and is read by the same function."""
    plain = plain_or_none(value)
    if plain is not None:
        document = codec.encode_document(value)
        assert document.isascii()
        assert exactly(codec.decode(document)) == exactly(plain[0])
        assert exactly(codec.decode(document.decode())) == exactly(plain[0])


@settings(max_examples=200)
@given(values)
def test_a_document_looks_like_that_of_json(value: Any) -> None:
    """Its layout is that of ``json.dumps(indent=2)``."""
    if plain_or_none(value) is not None:
        document = codec.encode_document(value)
        assert document.decode() == json.dumps(json.loads(document), indent=2)


@settings(max_examples=200)
@given(st.lists(values, max_size=4))
def test_a_document_of_a_list_is_the_same_piece_by_piece(some: list[Any]) -> None:
    """Byte for byte, though no more than one value of it is encoded at a time."""
    if all(plain_or_none(value) is not None for value in some):
        whole = codec.encode_document({"files": some})
        assert codec.encode_list_document("files", some) == whole


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def as_read(value: Any) -> Any:
    """Return how a value of 0.6 is read: its texts of non-finite numbers were not marked."""
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return value


@given(json_values, st.sampled_from([None, 2]), st.sampled_from(["", " ", "\r\n", "\t\n"]))
def test_lines_of_0_6_are_read(value: Any, indent: int | None, space: str) -> None:
    """Bare tokens, escapes and white space as the json module writes and takes them."""
    text = space + json.dumps(value, indent=indent) + space
    assert exactly(codec.decode(text.encode())) == exactly(as_read(value))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"a": math.nan}, b'{"a":"NaN"}'),
        ([math.inf, -math.inf], b'["Infinity","-Infinity"]'),
        (["NaN", "~NaN", "-Infinity", "~~Infinity"],
         b'["~NaN","~~NaN","~-Infinity","~~~Infinity"]'),
        ({"NaN": 1, "~Infinity": 2, "null": None}, b'{"NaN":1,"~Infinity":2,"null":null}'),
        (["is NaN", "nan", "~", "null", "+Infinity"], b'["is NaN","nan","~","null","+Infinity"]'),
        (["é\n\u2028", -0.0], '["é\\n\u2028",-0.0]'.encode()),
        ([2**64, -(2**63) - 1, "é"], '[18446744073709551616,-9223372036854775809,"é"]'.encode()),
        (["\ud800é"], b'["\\ud800\\u00e9"]'),
        (Unit.TEXT, b'"~NaN"'),
        ({"a": np.float32("nan"), "b": np.float32(0.1)}, b'{"a":"NaN","b":0.10000000149011612}'),
    ],
)
def test_how_a_line_looks(value: Any, line: bytes) -> None:
    """The stored form is pinned: other programs read it."""
    assert codec.encode(value) == line


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"loss": NaN, "a": [Infinity, -Infinity]}',
         {"loss": math.nan, "a": [math.inf, -math.inf]}),
        (b'{"m": "\\u00e9\\ud83d\\ude00"}\n', {"m": "é\U0001f600"}),
        (b'[NaN, "NaN", "~NaN"]', [math.nan, math.nan, "NaN"]),
        (b"[123456789012345678901, -9223372036854775809]",
         [123456789012345678901, -9223372036854775809]),
        (b"[1e999, 0.00012345678901234567]", [math.inf, 0.00012345678901234567]),
        (b'["\xed\xa0\x80"]', ["\ud800"]),
        (b'"~~x NaN"', "~~x NaN"),
        (b'{"~NaN": "~NaNx"}', {"~NaN": "~NaNx"}),
    ],
)
def test_how_a_line_is_read(line: bytes, value: Any) -> None:
    """The tokens of 0.6, long ints and marked texts arrive as what they mean."""
    for form in (line, bytearray(line), memoryview(line), line.decode("utf-8", "surrogatepass")):
        assert exactly(codec.decode(form)) == exactly(value)


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"{", b'{"a":1', b'{"a":1}}', b'{"a":1}{"a":2}', b"nan", b"+1", b"01",
        b'{"a":NaN', b"\x00" * 16, b"1\x00", b"\xff\xfe1\x00", b'"\xff"', b'["NaN", "\xc3',
        b"\xef\xbb\xbf1",
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000,
    ],
)
def test_damage_is_one_kind_of_error(line: bytes) -> None:
    """Whatever is wrong with a line, the error is the json module's, a ValueError."""
    with pytest.raises(json.JSONDecodeError):
        codec.decode(line)


def test_an_int_that_python_does_not_read_is_damage() -> None:
    """An int beyond Python's own limit of digits is no bare ValueError."""
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python has no limit")
    with pytest.raises(json.JSONDecodeError):
        codec.decode(b"1" * (sys.get_int_max_str_digits() + 1))


def test_deep_foreign_lines_with_marked_text_are_no_recursion_error() -> None:
    """A line deeper than the call stack is damage, not a crash."""
    with pytest.raises(json.JSONDecodeError):
        codec.decode(b"[" * 1020 + b'"NaN"' + b"]" * 1020)


@given(json_values, st.data())
def test_a_torn_line_is_never_another_value(value: Any, data: st.DataObject) -> None:
    """A line of a dict, cut anywhere, is damage."""
    line = codec.encode({"v": value})
    end = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(json.JSONDecodeError):
        codec.decode(line[:end])


@pytest.mark.parametrize("encode", [codec.encode, codec.encode_document])
@pytest.mark.parametrize("bad", [{1}, b"x", 1j, object(), len, np.array([1j]), Unit])
def test_errors_name_the_path(encode: Any, bad: Any) -> None:
    """No error of orjson gets out, and the path is that of the whole value."""
    with pytest.raises(SerializationError, match=r"config\.optim\[1\]\.fn is of type") as caught:
        encode({"a": math.nan, "config": {"optim": [0, {"fn": bad}]}})
    assert caught.value.context["key"] == "config.optim[1].fn"


def nested(depth: int, value: Any) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


@pytest.mark.parametrize("leaf", [1, math.nan, 2**70, "\ud800", None])
def test_both_ways_take_the_same_depth(leaf: Any) -> None:
    """The limit on depth does not depend on what is inside."""
    assert exactly(codec.decode(codec.encode(nested(MAX_DEPTH, leaf)))) == exactly(
        nested(MAX_DEPTH, leaf)
    )
    with pytest.raises(SerializationError, match="more than 254"):
        codec.encode(nested(MAX_DEPTH + 1, leaf))


def test_a_cycle_is_refused() -> None:
    """A value that contains itself is a typed error on the fast way too."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(SerializationError, match=r"x\[0\] contains itself"):
        codec.encode({"x": loop})


class Interrupting:
    def tolist(self) -> Any:
        raise KeyboardInterrupt


def test_an_interrupt_passes() -> None:
    """Ctrl-C while a value is converted is not taken for a bad value."""
    with pytest.raises(KeyboardInterrupt):
        codec.encode({"a": Interrupting()})


def test_values_that_orjson_knows_are_written_in_our_way() -> None:
    """Dates, dataclasses and UUIDs have one form, whoever writes them."""
    value = [dt.datetime(2024, 1, 1), Pair(uuid.UUID(int=1), math.nan), dt.time(1)]
    assert codec.decode(codec.encode(value)) == [
        "2024-01-01T00:00:00",
        {"first": str(uuid.UUID(int=1)), "second": pytest.approx(math.nan, nan_ok=True)},
        "01:00:00",
    ]


def test_encoding_leaves_the_value_alone() -> None:
    """Marking non-finite numbers happens on a copy."""
    value = {"a": [math.inf, "NaN"], "b": {"c": math.inf}}
    codec.encode(value)
    codec.encode_document(value)
    assert value == {"a": [math.inf, "NaN"], "b": {"c": math.inf}}


def test_a_plain_line_is_that_of_orjson() -> None:
    """Ordinary records take the fast way, byte for byte."""
    record = {"index": 3, "data": {"loss": 0.25, "NaNs": 0, "name": "Infinite"}, "at": "2024Z"}
    assert codec.encode(record) == orjson.dumps(record)
