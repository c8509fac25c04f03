"""Whether what is stored of points and entries agrees with itself, for `ml-dash server check`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from ml_dash.exceptions import CorruptDataError
from ml_dash.server.points import columns
from ml_dash.server.points.packing import unpack
from ml_dash.server.points.tables import batches, chunks, series, track_rows, tracks
from ml_dash.server.points.tracks import row_entries


def problems(connection: Connection, *, read_all: bool = False) -> Iterator[str]:
    """Yield what is wrong, a sentence each; nothing, where all is well.

    Args:
        connection: A transaction that sees one moment of the database.
        read_all: Also unpack every batch and every chunk.
    """
    for row in connection.execute(select(series).order_by(series.c.id)).all():
        yield from _problems_of_series(connection, row, read_all)
    for row in connection.execute(select(tracks).order_by(tracks.c.id)).all():
        yield from _problems_of_track(connection, row, read_all)
    for table, of in ((batches, series), (chunks, series), (track_rows, tracks)):
        own = table.c.track_id if table is track_rows else table.c.series_id
        lost = select(own).distinct().where(own.not_in(select(of.c.id)))
        for owner in connection.scalars(lost):
            yield f"Rows of {table.name} belong to {owner}, which does not exist."


def _problems_of_series(connection: Connection, row: Any, read_all: bool) -> Iterator[str]:
    yield from _problems_of_chunks(connection, row)
    yield from _problems_of_waiting(connection, row)
    if read_all:
        own = select(chunks).where(chunks.c.series_id == row.id).execution_options(yield_per=4)
        for chunk in connection.execute(own):
            name = f"Series {row.id}, chunk {chunk.number}"
            yield from _unreadable(name, _chunk_length, chunk)
        for batch in connection.execute(select(batches).where(batches.c.series_id == row.id)):
            name = f"Series {row.id}, batch at {batch.first_index}"
            yield from _unreadable(name, _batch_length, batch)


def _problems_of_chunks(connection: Connection, row: Any) -> Iterator[str]:
    end = number = 0
    kept = select(chunks.c.first_index, chunks.c.number, chunks.c.points)
    kept = kept.where(chunks.c.series_id == row.id).order_by(chunks.c.number)
    for chunk in connection.execute(kept).all():
        if (chunk.first_index, chunk.number) != (end, number):
            yield f"Series {row.id}: chunk {chunk.number} begins at {chunk.first_index}, not {end}."
        end, number = chunk.first_index + chunk.points, number + 1
    if (end, number) != (row.chunked, row.chunks):
        yield f"Series {row.id}: its {number} chunks end at {end}; {row.chunked} was noted."


def _problems_of_waiting(connection: Connection, row: Any) -> Iterator[str]:
    end, count, size_bytes = row.chunked, 0, 0
    waiting = select(batches.c.first_index, batches.c.points, batches.c.size_bytes)
    waiting = waiting.where(batches.c.series_id == row.id).order_by(batches.c.first_index)
    for batch in connection.execute(waiting).all():
        if batch.first_index != end:
            yield f"Series {row.id}: a batch begins at {batch.first_index}, not at {end}."
        end, count = batch.first_index + batch.points, count + 1
        size_bytes += batch.size_bytes
    if end != row.next_index:
        yield f"Series {row.id}: its points end at {end}; the next index is {row.next_index}."
    if (count, size_bytes) != (row.waiting_rows, row.waiting_bytes):
        yield f"Series {row.id}: {count} batches wait; {row.waiting_rows} were noted."


def _problems_of_track(connection: Connection, row: Any, read_all: bool) -> Iterator[str]:
    name = f"Track {row.id}"
    own = track_rows.c.track_id == row.id
    sums = select(func.count(), func.coalesce(func.sum(track_rows.c.size_bytes), 0))
    waiting = connection.execute(sums.where(own, track_rows.c.waiting)).one()
    if (waiting[0], int(waiting[1])) != (row.waiting_rows, row.waiting_bytes):
        yield f"{name}: {waiting[0]} rows wait; {row.waiting_rows} were noted."
    last = connection.scalar(select(func.max(track_rows.c.row)).where(own))
    if last is None or last >= row.next_row:
        yield f"{name}: its last row is {last}; the next was to be {row.next_row}."
    if read_all:
        every = select(track_rows).where(own).execution_options(yield_per=4)
        for each in connection.execute(every):
            yield from _unreadable(f"{name}, row {each.row}", _row_length, each)


def _unreadable(name: str, length: Any, row: Any) -> Iterator[str]:
    try:
        found, noted = length(row)
    except CorruptDataError as error:
        yield f"{name}: {error.message}."
    else:
        if found != noted:
            yield f"{name}: it holds {found}, not {noted}."


def _chunk_length(row: Any) -> tuple[int, int]:
    return len(columns.decode(row.payload)), row.points


def _batch_length(row: Any) -> tuple[int, int]:
    return len(unpack(row.payload, row.size_bytes)), row.points


def _row_length(row: Any) -> tuple[int, int]:
    return len(row_entries(row)), row.entries
