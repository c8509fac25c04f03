"""Moving points that wait into chunks, in the background, in small transactions.

One step reads the rows that wait (they never change), makes the chunk outside of any lock, and
stores it in one short transaction that takes the rows away and moves the series' boundary. The
boundary is the guard: a step that finds it moved by another process stores nothing. Killed at any
moment, a step has happened or has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from ml_dash._record import codec
from ml_dash.server.database import Database
from ml_dash.server.points import columns, limits, moments, pyramid, summary
from ml_dash.server.points.packing import compress, unpack
from ml_dash.server.points.series import batch_times, is_due
from ml_dash.server.points.tables import batches, chunks, nodes, series


@dataclass(frozen=True)
class _Step:
    """What one transaction stores instead of some rows.

    Attributes:
        boundary: Points of the series in chunks before the step.
        rows: How many rows are taken away, which are the first that wait.
        points: How many points they hold.
        size_bytes: Bytes of JSON that they hold.
        chunk: The points of the new chunk; none where rows are only put together.
        row: What goes on waiting of them, as a row of ``point_batches``.
    """

    boundary: int
    rows: int
    points: int
    size_bytes: int
    chunk: dict[str, Any] | None
    summary: str
    nodes: list[dict[str, Any]]
    row: dict[str, Any] | None


def compact(database: Database, series_id: int) -> int:
    """Move what is due of one series.

    Returns:
        The number of transactions that moved something; less than due where another process works.

    Raises:
        CorruptDataError: a stored batch is damaged; it stays where it is.
    """
    steps = 0
    while True:
        with database.read() as connection:
            step = _planned(connection, series_id)
        if step is None:
            return steps
        with database.write() as connection:
            if not _stored(connection, series_id, step):
                return steps
        steps += 1


def due_series(connection: Connection, limit: int = 1000) -> list[int]:
    """Return the series that have something to move."""
    found = connection.scalars(select(series.c.id).where(series.c.due).limit(limit))
    return list(found)


def _planned(connection: Connection, series_id: int) -> _Step | None:
    # The rows first: a boundary that moved since makes the guard refuse the step.
    waiting = connection.execute(
        select(batches.c.first_index, batches.c.points, batches.c.size_bytes)
        .where(batches.c.series_id == series_id)
        .order_by(batches.c.first_index)
    ).all()
    found = connection.execute(select(series).where(series.c.id == series_id)).one_or_none()
    if found is None or not waiting or waiting[0].first_index != found.chunked:
        return None
    taken = _enough(waiting)
    if taken:
        return _chunk_step(connection, found, waiting[:taken])
    if len(waiting) >= limits.FOLD_ROWS:
        return _fold_step(connection, found, waiting)
    return None


def _enough(waiting: Sequence[Any]) -> int:
    """Return how many of the rows that wait make a chunk; 0 if all of them do not."""
    points = size_bytes = 0
    for number, row in enumerate(waiting, 1):
        points += row.points
        size_bytes += row.size_bytes
        if points >= limits.CHUNK_POINTS or size_bytes >= limits.CHUNK_BYTES:
            return number
    return 0


def _points(
    connection: Connection, series_id: int, rows: Sequence[Any]
) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the data of the points of some rows, and when each came."""
    statement = (
        select(batches)
        .where(batches.c.series_id == series_id)
        .where(batches.c.first_index >= rows[0].first_index)
        .where(batches.c.first_index <= rows[-1].first_index)
        .order_by(batches.c.first_index)
    )
    data: list[dict[str, Any]] = []
    times: list[int] = []
    for row in connection.execute(statement):
        data += unpack(row.payload, row.size_bytes)
        times += batch_times(row)
    return data, times


def _chunk_step(connection: Connection, found: Any, rows: Sequence[Any]) -> _Step:
    points, times = _points(connection, found.id, rows)
    most = limits.CHUNK_POINTS
    moved, kept = points[:most], points[most:]
    by_key = columns.by_key(moved)
    chunk = {
        "series_id": found.id,
        "first_index": found.chunked,
        "number": found.chunks,
        "points": len(moved),
        "payload": columns.encode_columns(by_key, len(moved), times[:most]),
    }
    numbers = columns.numbers_by_key(by_key)
    facts = summary.join(codec.decode(found.summary), summary.summarize(numbers))
    leaf = pyramid.leaves(numbers, found.chunked, len(moved))
    new = pyramid.new_nodes(connection, found.id, found.chunks, leaf, len(moved))
    return _Step(
        found.chunked,
        len(rows),
        len(points),
        sum(row.size_bytes for row in rows),
        chunk,
        codec.encode(facts).decode(),
        [_node_row(found.id, *each) for each in new],
        _batch_row(found.id, found.chunked + most, kept, times[most:]) if kept else None,
    )


def _fold_step(connection: Connection, found: Any, rows: Sequence[Any]) -> _Step:
    points, times = _points(connection, found.id, rows)
    return _Step(
        found.chunked,
        len(rows),
        len(points),
        sum(row.size_bytes for row in rows),
        None,
        found.summary,
        [],
        _batch_row(found.id, found.chunked, points, times),
    )


def _node_row(
    series_id: int, level: int, number: int, key_digest: str, node: pyramid.Node
) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "key_digest": key_digest,
        "level": level,
        "number": number,
        "numbers": node.count,
        "non_finite": node.non_finite,
        "payload": pyramid.written(node),
    }


def _batch_row(
    series_id: int, first_index: int, data: list[dict[str, Any]], times: list[int]
) -> dict[str, Any]:
    numbers = columns.numbers_by_key(columns.by_key(data))
    payload, size_bytes = compress(codec.encode(data))
    return {
        "series_id": series_id,
        "first_index": first_index,
        "points": len(data),
        "at_ms": times[-1],
        "summary": codec.encode(summary.summarize(numbers)).decode(),
        "size_bytes": size_bytes,
        "times": moments.packed(times),
        "payload": payload,
    }


def _stored(connection: Connection, series_id: int, step: _Step) -> bool:
    """Do a step; return False, with nothing changed, when the series is not as it was planned."""
    if not _as_planned(connection, series_id, step):
        return False
    moved = step.chunk["points"] if step.chunk else 0
    size_bytes = series.c.waiting_bytes - step.size_bytes
    count = series.c.waiting_rows - step.rows
    if step.row is not None:
        size_bytes, count = size_bytes + step.row["size_bytes"], count + 1
    waiting = series.c.next_index - step.boundary - moved
    values = {
        "chunked": step.boundary + moved,
        "chunks": series.c.chunks + (1 if moved else 0),
        "summary": step.summary,
        "waiting_bytes": size_bytes,
        "waiting_rows": count,
        "due": is_due(waiting, size_bytes, count),
    }
    connection.execute(update(series).where(series.c.id == series_id).values(values))
    connection.execute(delete(batches).where(_taken(series_id, step)))
    for table, rows in ((batches, step.row), (chunks, step.chunk), (nodes, step.nodes)):
        if rows:
            connection.execute(table.insert(), rows)
    return True


def _as_planned(connection: Connection, series_id: int, step: _Step) -> bool:
    """Lock the series, and return whether its rows are those that the step takes away."""
    locked = select(series.c.chunked).where(series.c.id == series_id).with_for_update()
    if connection.scalar(locked) != step.boundary:
        return False
    present = select(func.count(), func.sum(batches.c.points)).where(_taken(series_id, step))
    return tuple(connection.execute(present).one()) == (step.rows, step.points)


def _taken(series_id: int, step: _Step) -> ColumnElement[bool]:
    end = step.boundary + step.points
    return and_(batches.c.series_id == series_id, batches.c.first_index < end)
