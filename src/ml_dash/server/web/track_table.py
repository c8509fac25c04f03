"""Entries as a Parquet table: its columns are known only when the last entry has been seen.

So the entries are put down in a file first, and read twice: for the types of the columns, and for
the table itself. Memory holds a part of them at a time.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ml_dash._record import codec
from ml_dash.server.errors import UnfitError
from ml_dash.server.points.columns import as_float

MOST_COLUMNS = 4096
_PART_BYTES = 4 << 20
_PART_ENTRIES = 10_000
_PART_CELLS = 4_000_000
_NUMBER = pa.float64()
_CANNOT = (pa.ArrowException, OverflowError, UnicodeError)

Entry = dict[str, Any]


def write_table(sink: IO[bytes], entries: Iterable[Entry], first: str) -> None:
    """Write entries.

    Args:
        sink: Where to.
        entries: The entries; every one has a number under ``first``.
        first: The column that stands first.

    Raises:
        UnfitError: there are too many columns for a table.
    """
    with tempfile.TemporaryFile() as spool:
        for entry in entries:
            spool.write(codec.encode(entry) + b"\n")
        columns = _Columns(first)
        for part in _parts(spool, _PART_ENTRIES):
            columns.see(part)
        schema = columns.schema()
        rows = max(1, min(_PART_ENTRIES, _PART_CELLS // len(schema)))
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            for part in _parts(spool, rows):
                arrays = [columns.array(name, part) for name in columns.types]
                writer.write_table(pa.table(arrays, schema=schema))


def _parts(spool: IO[bytes], most: int) -> Iterator[list[Entry]]:
    """Yield the entries of a file from its beginning on, some at a time."""
    spool.seek(0)
    part: list[Entry] = []
    size = 0
    for line in spool:
        part.append(codec.decode(line))
        size += len(line)
        if size >= _PART_BYTES or len(part) == most:
            yield part
            part, size = [], 0
    if part:
        yield part


class _Columns:
    """The columns of a table, and their types: None is JSON, for values of mixed kinds."""

    def __init__(self, first: str) -> None:
        self.types: dict[str, pa.DataType | None] = {first: _NUMBER}
        self._first = first

    def see(self, part: list[Entry]) -> None:
        """Let the types be such that they hold the values of some entries, too."""
        found: dict[str, list[Any]] = {}
        for entry in part:
            for name, value in entry.items():
                found.setdefault(name, []).append(value)
        del found[self._first]
        for name, values in found.items():
            own = _type_of(values)
            self.types[name] = _joined(self.types[name], own) if name in self.types else own
        if len(self.types) > MOST_COLUMNS:
            raise UnfitError(
                f"The entries have more than {MOST_COLUMNS} fields, too many for a table",
                hint="Name some of them as columns, or ask for json or jsonl",
            )

    def schema(self) -> pa.Schema:
        """Return the names and types of the table."""
        fields = ((_name(name), _written(kind)) for name, kind in self.types.items())
        return pa.schema(list(fields))

    def array(self, name: str, part: list[Entry]) -> pa.Array:
        """Return a column of some entries."""
        values, kind = [entry.get(name) for entry in part], self.types[name]
        if kind is None:
            return pa.array([None if v is None else codec.encode(v).decode() for v in values])
        try:
            return pa.array(values, type=kind)
        except _CANNOT:  # a number among floats that no float is exactly
            return pa.array([_fitted(value, kind) for value in values], type=kind)


def _type_of(values: list[Any]) -> pa.DataType | None:
    """Return the type that holds some values; None when there is none."""
    try:
        found = pa.array(values).type
    except _CANNOT:
        is_number = all(value is None or type(value) in (int, float) for value in values)
        return _NUMBER if is_number else None
    return found if _can_be_written(found) else None


def _joined(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """Return the type that holds the values of two; None when there is none."""
    if one is None or other is None or one.equals(other):
        return one if other is not None else None
    both = [pa.schema([("", each)]) for each in (one, other)]
    try:
        found = pa.unify_schemas(both, promote_options="permissive").field(0).type
    except _CANNOT:
        return None
    return found if _can_be_written(found) else None


def _can_be_written(kind: pa.DataType) -> bool:
    """Return whether Parquet has the type: not one of objects without fields, for example."""
    if not pa.types.is_nested(kind):
        return True
    try:
        pq.write_table(pa.table({"": pa.nulls(0, kind)}), io.BytesIO())
    except NotImplementedError:
        return False
    return True


def _fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a value as the type has it: numbers of the nearest float."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return as_float(value)
    if pa.types.is_list(kind):
        return [_fitted(each, kind.value_type) for each in value]
    if pa.types.is_struct(kind):
        return {field.name: _fitted(value.get(field.name), field.type) for field in kind}
    return value


def _written(kind: pa.DataType | None) -> pa.DataType:
    return pa.string() if kind is None else kind


def _name(name: str) -> str:
    """Return the name of a column, in which halves of surrogate pairs are shown escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
