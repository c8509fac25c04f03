"""Cutting batches off a stream: bounded, named once, the same when they are sent again."""

from __future__ import annotations

import zlib
from dataclasses import replace

from ml_dash._delivery.cursors import Cursor, InFlight, digest
from ml_dash._delivery.ports import Batch, Bounds, Piece, Source
from ml_dash.exceptions import CorruptDataError

ALL = 1 << 62


def cut(
    source: Source, cursor: Cursor, bounds: Bounds, run_key: str, size: int
) -> tuple[Cursor, Batch | None]:
    """Return the cursor with the next batch named in it, and the batch; None when there is none.

    What lies between the records (blank lines, events of other kinds) is passed over; where that
    is all there is, the cursor is behind it.

    Args:
        source: The stream.
        cursor: How far it is dealt with.
        bounds: How large the batch may be.
        run_key: First part of its key.
        size: Up to where the stream is looked at, in bytes.

    Raises:
        OSError: the stream cannot be read.
        CorruptDataError: the stream is shorter than what is already delivered.
    """
    if size < cursor.offset:
        raise _shrunk(source, cursor, size)
    if size == cursor.offset:
        return cursor, None
    piece = _piece(source, cursor, bounds, size)
    if not piece.lines:
        return replace(cursor, offset=piece.end), None
    last = cursor.number + len(piece.lines) - 1
    # Two copies of a run that go on by themselves have other records under the same numbers.
    content = zlib.crc32(b"\n".join(piece.lines))
    key = f"{run_key}/{digest(cursor.name)}/{cursor.number}-{last}/{content:08x}"
    named = InFlight(piece.last_end, len(piece.lines), key, dict(source.facts()))
    return replace(cursor, in_flight=named), _batch(piece, cursor, named)


def _piece(source: Source, cursor: Cursor, bounds: Bounds, size: int) -> Piece:
    offset = cursor.offset
    if cursor.suspect_end <= offset:
        return source.read(offset, size, bounds.max_records, bounds.max_bytes)
    # One of these is refused: half of them at a time finds it in few requests.
    suspects = source.read(offset, cursor.suspect_end, ALL, ALL)
    half = max(1, len(suspects.lines) // 2)
    return source.read(offset, cursor.suspect_end, half, ALL)


def load(source: Source, cursor: Cursor) -> Batch:
    """Return the batch that the cursor names.

    Raises:
        OSError: the stream cannot be read.
        CorruptDataError: the stream is not what it was when the batch was named.
    """
    named = cursor.in_flight
    assert named is not None
    piece = source.read(cursor.offset, named.end, ALL, ALL)
    if len(piece.lines) != named.count or piece.last_end != named.end:
        raise _shrunk(source, cursor, source.size())
    return _batch(piece, cursor, named)


def _batch(piece: Piece, cursor: Cursor, named: InFlight) -> Batch:
    return Batch(piece.lines, cursor.number, named.key, named.facts)


def _shrunk(source: Source, cursor: Cursor, size: int) -> CorruptDataError:
    return CorruptDataError(
        f"The stream {source.name} was changed after {cursor.offset} bytes of it were delivered: "
        f"it has {size} bytes now",
        context={"stream": source.name, "offset": cursor.offset, "size_bytes": size},
        kept="the stream is untouched; nothing more of it is sent",
        hint="A run's streams are append-only; restore the file, or record to another prefix",
    )
