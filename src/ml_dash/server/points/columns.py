"""Chunks: dicts as a Parquet file, and back, with every value exactly as it was.

A key becomes one column per kind of scalar that it holds (``f:loss`` for floats, ``i:loss`` for
ints, ``b:`` and ``s:`` for bools and texts), so that a key that is now an int and now a float keeps
both. What has no column (None, lists, nested dicts, ints beyond 64 bit, keys beyond the limit)
stands per row as JSON in the column ``*``. A missing value is a null everywhere. When a row came
stands in the column ``t:``.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml_dash._record import codec
from ml_dash.exceptions import CorruptDataError
from ml_dash.server.points.limits import KEYS

_REST = "*"
_TIME = "t:"
_PREFIX_BY_TYPE: dict[type, str] = {float: "f:", int: "i:", bool: "b:", str: "s:"}
_TYPES = {"f:": pa.float64(), "i:": pa.int64(), "b:": pa.bool_(), "s:": pa.string()}
_TYPES[_TIME] = pa.int64()
_ENCODINGS = {"f:": "BYTE_STREAM_SPLIT", "i:": "DELTA_BINARY_PACKED", _TIME: "DELTA_BINARY_PACKED"}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

_NUMBERS = {float, int}

Row = Mapping[str, Any]
Columns = dict[str, tuple[Sequence[int], list[Any]]]
"""Positions of rows and their values, by key."""


def encode(rows: Sequence[Row], times_ms: Sequence[int] = ()) -> bytes:
    """Return rows as one compressed Parquet file.

    Args:
        rows: Dicts of plain JSON values.
        times_ms: When each row came, in milliseconds since the epoch; may be left out.

    Raises:
        SerializationError: a part of a row has no JSON form.
    """
    return encode_columns(by_key(rows), len(rows), times_ms)


def encode_columns(found: Columns, count: int, times_ms: Sequence[int] = ()) -> bytes:
    """Return ``count`` rows that are given by key as one compressed Parquet file."""
    split = _split(found)
    arrays = {name: _array(name, column, count) for name, column in split.items()}
    if times_ms:
        arrays[_TIME] = pa.array(times_ms, pa.int64())
    if not arrays:  # a file without columns would forget how many rows it has
        arrays[_REST] = pa.nulls(count, pa.binary())
    sink = io.BytesIO()
    pq.write_table(
        pa.table(arrays),
        sink,
        compression="zstd",
        use_dictionary=[name for name in arrays if name[:2] == "s:"],
        column_encoding={name: _ENCODINGS[name[:2]] for name in arrays if name[:2] in _ENCODINGS},
        write_page_checksum=True,
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue()


def decode(
    payload: bytes, start: int = 0, stop: int | None = None, keys: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of a chunk, or those from ``start`` to before ``stop``.

    Args:
        payload: What :func:`encode` returned.
        start: Position of the first row.
        stop: Position after the last row; all, when omitted.
        keys: What to return of each row; only these columns are unpacked.

    Raises:
        CorruptDataError: the chunk is damaged.
    """
    wanted = None if keys is None else [prefix + key for key in keys for prefix in _TYPES]
    table = _read(payload, None if wanted is None else [*wanted, _REST])
    table = table.slice(start, None if stop is None else max(stop - start, 0))
    rows: list[dict[str, Any]] = [{} for _ in range(table.num_rows)]
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == _REST:
            _add_rest(rows, column.to_pylist(), keys)
        elif name != _TIME:
            key = name[2:]
            for row, value in zip(rows, column.to_pylist(), strict=True):
                if value is not None:
                    row[key] = value
    return rows


def _add_rest(
    rows: list[dict[str, Any]], texts: list[bytes | None], keys: Collection[str] | None
) -> None:
    for row, text in zip(rows, texts, strict=True):
        if text is not None:
            rest = codec.decode(text)
            row.update(rest if keys is None else {key: rest[key] for key in rest if key in keys})


def times(payload: bytes, start: int = 0, stop: int | None = None) -> list[int]:
    """Return when the rows of a chunk came, in milliseconds since the epoch.

    Raises:
        CorruptDataError: the chunk is damaged.
    """
    table = _read(payload, [_TIME]).slice(start, None if stop is None else max(stop - start, 0))
    found: list[int] = table.column(_TIME).to_pylist()
    return found


def numbers(payload: bytes, key: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return positions and values of the numbers that a chunk holds under a dotted key.

    Raises:
        CorruptDataError: the chunk is damaged.
    """
    table = _read(payload, [f"f:{key}", f"i:{key}", _REST])
    parts: list[tuple[Any, Any]] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == _REST:
            parts.append(_numbers_of_rest(column.to_pylist(), key))
        else:
            valid = np.flatnonzero(np.asarray(column.is_valid()))
            parts.append((valid, np.asarray(column.drop_null(), dtype=np.float64)))
    return joined(parts)


def joined(
    parts: Sequence[tuple[Any, Any]],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return several positions and values as one, ordered by position."""
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    at = np.concatenate([np.asarray(part[0], np.int64) for part in parts])
    values = np.concatenate([np.asarray(part[1], np.float64) for part in parts])
    if len(at) > 1 and np.any(at[1:] < at[:-1]):
        order = np.argsort(at, kind="stable")
        return at[order], values[order]
    return at, values


def number_leaves(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a dict, and of dicts in it, under their dotted keys."""
    for key, value in row.items():
        kind = type(value)
        if kind is float:
            yield prefix + key, value
        elif kind is int:
            yield prefix + key, as_float(value)
        elif kind is dict:
            yield from number_leaves(value, f"{prefix}{key}.")


def as_float(value: int) -> float:
    """Return an int as the nearest float, which may be infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def as_floats(values: list[Any]) -> np.ndarray[Any, Any]:
    """Return numbers as floats; ints beyond their range become infinite."""
    try:
        return np.array(values, np.float64)
    except OverflowError:
        return np.array([as_float(value) for value in values], np.float64)


def _read(payload: bytes, columns: list[str] | None) -> pa.Table:
    try:
        opened = pq.ParquetFile(pa.BufferReader(payload), page_checksum_verification=True)
        names = opened.schema_arrow.names
        wanted = names if columns is None else [name for name in names if name in set(columns)]
        if not wanted:  # Arrow would answer with no rows
            return pa.table({_REST: pa.nulls(opened.metadata.num_rows, pa.binary())})
        # Arrow takes `a` for every `a.b` as well: what was asked for is picked once more.
        return opened.read(columns=wanted, use_threads=False).select(wanted)
    except (pa.ArrowException, OSError) as error:
        raise CorruptDataError(
            f"A stored chunk of {len(payload)} bytes is unreadable: {error}",
            kept="the damaged bytes, as they are in the database",
            hint="restore the database from a backup, or remove the chunk",
            cause=error,
        ) from error


def _numbers_of_rest(texts: Iterable[bytes | None], key: str) -> tuple[list[int], list[float]]:
    at, values = [], []
    for position, text in enumerate(texts):
        if text is not None:
            number = dict(number_leaves(codec.decode(text))).get(key)
            if number is not None:
                at.append(position)
                values.append(number)
    return at, values


def by_key(rows: Sequence[Row]) -> Columns:
    """Return what rows hold under each key: positions and values, in order."""
    count = len(rows)
    keys = list(rows[0]) if rows else []
    if all(map(keys.__eq__, map(list, rows))):  # nearly always so, and four times as fast
        return {key: (range(count), list(map(itemgetter(key), rows))) for key in keys}
    found: dict[str, tuple[list[int], list[Any]]] = {}
    for position, row in enumerate(rows):
        for key, value in row.items():
            column = found.get(key)
            if column is None:
                column = found[key] = ([], [])
            column[0].append(position)
            column[1].append(value)
    return {**found}


def numbers_by_key(columns: Columns) -> Columns:
    """Return the numbers among the values of columns, those in nested dicts under dotted keys."""
    found: Columns = {}
    mixed: dict[str, tuple[list[int], list[Any]]] = {}
    for key, (at, values) in columns.items():
        kinds = set(map(type, values))
        if kinds <= _NUMBERS:
            found[key] = (at, values)
        elif not kinds.isdisjoint((float, int, dict)):
            for position, value in zip(at, values, strict=True):
                for path, number in number_leaves({key: value}):
                    places, numbers = mixed.setdefault(path, ([], []))
                    places.append(position)
                    numbers.append(number)
    for path, (places, numbers) in mixed.items():
        before = found.get(path, ((), []))  # {"a": {"b": 1}} and {"a.b": 1} are one key
        found[path] = ([*before[0], *places], [*before[1], *numbers])
    return found


def _split(found: Columns) -> dict[str, tuple[Sequence[int], list[Any]]]:
    """Return rows as typed columns of positions and values; the rest is encoded."""
    columns: dict[str, tuple[Sequence[int], list[Any]]] = {}
    rest: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for key, (at, values) in found.items():
        for kind in set(map(type, values)):
            own = at, values
            if len(set(map(type, values))) > 1:
                own = _of_kind(kind, at, values)
            if len(columns) < KEYS and _has_column(kind, key, own[1]):
                columns[_PREFIX_BY_TYPE[kind] + key] = own
            else:
                for position, value in zip(*own, strict=True):
                    rest[position][key] = value
    if rest:
        places = sorted(rest)
        columns[_REST] = (places, [codec.encode(rest[position]) for position in places])
    return columns


def _of_kind(kind: type, at: Sequence[int], values: list[Any]) -> tuple[list[int], list[Any]]:
    chosen = [pair for pair in zip(at, values, strict=True) if type(pair[1]) is kind]
    return [position for position, _ in chosen], [value for _, value in chosen]


def _has_column(kind: type, key: str, values: list[Any]) -> bool:
    """Return whether the values of one kind have a typed column; if one has none, none has."""
    if kind not in _PREFIX_BY_TYPE or not _is_text(key):
        return False
    if kind is int:
        return bool(min(values) >= _LOWEST and max(values) <= _HIGHEST)
    return kind is not str or all(map(_is_text, values))


def _is_text(value: str) -> bool:
    """Return whether a text has a form in UTF-8; half of a surrogate pair has none."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _array(name: str, column: tuple[Sequence[int], list[Any]], count: int) -> pa.Array:
    at, values = column
    kind = pa.binary() if name == _REST else _TYPES[name[:2]]
    if len(at) == count:
        return pa.array(values, kind)
    spread: list[Any] = [None] * count
    for position, value in zip(at, values, strict=True):
        spread[position] = value
    return pa.array(spread, kind)
