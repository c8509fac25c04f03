"""Points of a metric: append, read by window, statistics.

Every function takes the connection of the caller's transaction, so that what the caller writes next
to the points is stored with them or not at all.

Reads see a series without a gap while :mod:`~ml_dash.server.points.compaction` moves its points,
whatever the isolation of their transaction: they look at what waits *before* they look at the
chunks. A point that moves in between is seen twice, and taken once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from ml_dash._record import codec
from ml_dash.exceptions import InvalidValueError
from ml_dash.server.points import columns, limits, moments, summary
from ml_dash.server.points.packing import pack, unpack
from ml_dash.server.points.tables import batches, chunks, nodes, series

Data = dict[str, Any]

_AT_ONCE = 500
_INSERT_BATCH = batches.insert()


@dataclass(frozen=True)
class Batch:
    """Points made ready outside of any transaction, so that none waits for it.

    Attributes:
        count: Points.
        size_bytes: Bytes of JSON.
        rows: One row for each ``CHUNK_POINTS`` points, without place, and without time where that
            is not known.
        span_ms: When the first and the last point were logged, if that is known.
    """

    count: int
    size_bytes: int
    rows: tuple[dict[str, Any], ...]
    span_ms: tuple[int, int] | None = None


@dataclass(frozen=True)
class Appended:
    """Where points were put.

    Attributes:
        first_index: Index of the first of them.
        last_index: Index of the last of them.
        waiting: Points of the series that are in no chunk yet, these included.
        due: Whether compaction has something to do.
    """

    first_index: int
    last_index: int
    waiting: int
    due: bool


class Point(NamedTuple):
    """A stored point: its index, when it was logged or else came (ms since 1970), what was sent."""

    index: int  # type: ignore[assignment] # a tuple has a method of this name
    at_ms: int
    data: Data


@dataclass(frozen=True)
class Stats:
    """What is known of a series without looking at its points.

    Attributes:
        total: Points; the next one gets this index.
        chunked: Points in chunks.
        chunks: Chunks.
        first_ms: When the first point was logged, or else came, in ms since the epoch; None
            without points.
        last_ms: The same of the last point.
        keys: Facts of the numbers under each dotted key, see
            :func:`~ml_dash.server.points.summary.described`.
        more_keys: Whether there may be further keys, which are not followed.
    """

    total: int
    chunked: int
    chunks: int
    first_ms: int | None
    last_ms: int | None
    keys: dict[str, dict[str, Any]]
    more_keys: bool


def prepare(
    points: Sequence[Mapping[str, Any]], times: Sequence[int] | None = None
) -> Batch:
    """Make points ready for :func:`append`; this is where the time goes.

    Args:
        points: The points.
        times: When each was logged, in ms since the epoch; unknown, when omitted.

    Raises:
        InvalidValueError: there is no point, or one is no dict with text as keys.
        SerializationError: a part of a point has no JSON form.
    """
    if not points:
        raise InvalidValueError("A batch without points", hint="send at least one point")
    for position, point in enumerate(points):
        if type(point) is not dict:
            raise InvalidValueError(
                f"Point {position} of the batch is no object", context={"position": position}
            )
    size = limits.CHUNK_POINTS
    rows = tuple(
        _row(points[at : at + size], times and times[at : at + size])
        for at in range(0, len(points), size)
    )
    span = (times[0], times[-1]) if times else None
    return Batch(len(points), sum(row["size_bytes"] for row in rows), rows, span)


def _row(points: Sequence[Mapping[str, Any]], times: Sequence[int] | None) -> dict[str, Any]:
    found = columns.by_key(points)
    if not all(isinstance(key, str) for key in found):
        raise InvalidValueError("The keys of a point are texts")
    payload, size_bytes = pack(points)  # before the look into nested dicts: it refuses deep ones
    facts = codec.encode(summary.summarize(columns.numbers_by_key(found))).decode()
    logged = {"at_ms": times[-1], "times": moments.packed(times)} if times else {"times": None}
    return {
        "points": len(points), "summary": facts, "size_bytes": size_bytes, "payload": payload,
        **logged,
    }  # fmt: skip


def append(
    connection: Connection,
    series_id: int,
    points: Batch | Sequence[Mapping[str, Any]],
    at_ms: int | None = None,
) -> Appended:
    """Add points at the end of a series, which is made if it does not exist.

    The row of the series gives out the indexes and stays locked until the transaction ends: writers
    in any number of processes get consecutive indexes, and a transaction that is rolled back leaves
    no hole.

    Args:
        connection: An open write transaction.
        series_id: The series.
        points: Points in order, or what :func:`prepare` made of them.
        at_ms: When those came that do not say when they were logged; now, when omitted.

    Raises:
        InvalidValueError: as :func:`prepare`; nothing was stored.
        SerializationError: as :func:`prepare`; nothing was stored.
    """
    batch = points if isinstance(points, Batch) else prepare(points)
    return append_all(connection, {series_id: batch}, at_ms)[series_id]


def append_all(
    connection: Connection, batches_by_id: Mapping[int, Batch], at_ms: int | None = None
) -> dict[int, Appended]:
    """Add points at the ends of many series, as :func:`append` does to one.

    Args:
        connection: An open write transaction.
        batches_by_id: What :func:`prepare` made, by series; not empty. Writers that give the series
            in the same order never wait for each other in a circle.
        at_ms: When those came that do not say when they were logged; now, when omitted.
    """
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    taken = [_taken(series_id, batch, now_ms) for series_id, batch in batches_by_id.items()]
    rows = {row.id: row for row in connection.execute(_counted(connection.dialect.name), taken)}
    placed = [
        each
        for series_id, batch in batches_by_id.items()
        for each in _placed(batch, series_id, rows[series_id].next_index - batch.count, now_ms)
    ]
    connection.execute(_INSERT_BATCH, placed)
    return {
        row.id: Appended(
            row.next_index - batches_by_id[row.id].count, row.next_index - 1,
            row.next_index - row.chunked, row.due,
        )
        for row in rows.values()
    }  # fmt: skip


def _taken(series_id: int, batch: Batch, now_ms: int) -> dict[str, Any]:
    """Return the row of a series that has this batch only."""
    first_ms, last_ms = batch.span_ms or (now_ms, now_ms)
    return {
        "id": series_id,
        "next_index": batch.count,
        "first_ms": first_ms,
        "last_ms": last_ms,
        "waiting_bytes": batch.size_bytes,
        "waiting_rows": len(batch.rows),
        "due": batch.count >= limits.CHUNK_POINTS or batch.size_bytes >= limits.CHUNK_BYTES,
    }


def _placed(
    batch: Batch, series_id: int, first_index: int, now_ms: int
) -> Iterator[dict[str, Any]]:
    for row in batch.rows:
        yield {"series_id": series_id, "at_ms": now_ms, **row, "first_index": first_index}
        first_index += row["points"]


def is_due(waiting: Any, waiting_bytes: Any, waiting_rows: Any) -> Any:
    """Return the SQL condition under which compaction has something to do."""
    # Looked up when the statement runs: it is made once, and tests change the limits.
    points: Any = bindparam("chunk_points", callable_=lambda: limits.CHUNK_POINTS)
    size_bytes: Any = bindparam("chunk_bytes", callable_=lambda: limits.CHUNK_BYTES)
    rows: Any = bindparam("fold_rows", callable_=lambda: limits.FOLD_ROWS)
    return or_(waiting >= points, waiting_bytes >= size_bytes, waiting_rows >= rows)


def window(
    connection: Connection, series_id: int, start: int = 0, limit: int = 1000
) -> list[Point]:
    """Return the points from index ``start`` on, at most ``limit`` of them, in order.

    Raises:
        CorruptDataError: a stored batch or chunk is damaged.
    """
    start = max(start, 0)
    stop = start + max(limit, 0)
    waiting = list(waiting_points(connection, series_id, start, stop))
    found: list[Point] = []
    end = start
    for row in chunks_between(connection, series_id, start, stop):
        found += chunk_points(row, start, stop)
        end = row.first_index + row.points
    return found + [point for point in waiting if point.index >= end]


def chunk(connection: Connection, series_id: int, number: int) -> list[Point] | None:
    """Return the points of one chunk, or None when the series has no such chunk (yet).

    Raises:
        CorruptDataError: the chunk is damaged.
    """
    statement = select(chunks).where(chunks.c.series_id == series_id, chunks.c.number == number)
    row = connection.execute(statement).one_or_none()
    return None if row is None else chunk_points(row, 0, row.first_index + row.points)


def buffered(connection: Connection, series_id: int) -> list[Point]:
    """Return all points that are in no chunk yet.

    Raises:
        CorruptDataError: a stored batch is damaged.
    """
    return list(waiting_points(connection, series_id, 0, None))


def stats(connection: Connection, series_id: int) -> Stats:
    """Return what is known of a series; its points are not looked at.

    A series without points has zeros, None and no keys.
    """
    # One statement, so that a batch is seen either waiting or as part of the summary.
    joined = series.outerjoin(batches, batches.c.series_id == series.c.id)
    statement = (
        select(series, batches.c.summary.label("batch_summary"))
        .select_from(joined)
        .where(series.c.id == series_id)
        .order_by(batches.c.first_index)
    )
    rows = connection.execute(statement).all()
    if not rows:
        return Stats(0, 0, 0, None, None, {}, False)
    row = rows[0]
    facts = codec.decode(row.summary)
    for each in rows:
        if each.batch_summary is not None:
            facts = summary.join(facts, codec.decode(each.batch_summary))
    return Stats(
        row.next_index, row.chunked, row.chunks, row.first_ms, row.last_ms,
        summary.described(facts), summary.is_full(facts),
    )  # fmt: skip


def totals(connection: Connection, series_ids: Collection[int]) -> dict[int, int]:
    """Return how many points each of some series has; those without points are left out."""
    wanted, found = list(series_ids), {}
    for start in range(0, len(wanted), _AT_ONCE):
        own = series.c.id.in_(wanted[start : start + _AT_ONCE])
        for row in connection.execute(select(series.c.id, series.c.next_index).where(own)):
            found[row.id] = row.next_index
    return found


def remove(connection: Connection, series_id: int) -> None:
    """Remove a series and all of its points."""
    for table in (nodes, chunks, batches):
        connection.execute(delete(table).where(table.c.series_id == series_id))
    connection.execute(delete(series).where(series.c.id == series_id))


# --- parts that the other modules of this package use -------------------------------------------


def waiting_points(
    connection: Connection, series_id: int, start: int, stop: int | None
) -> Iterator[Point]:
    """Yield the points from ``start`` to before ``stop`` that are in no chunk yet."""
    statement = select(batches).where(
        batches.c.series_id == series_id, batches.c.first_index + batches.c.points > start
    )
    if stop is not None:
        statement = statement.where(batches.c.first_index < stop)
    for row in connection.execute(statement.order_by(batches.c.first_index)):
        for point in batch_points(row):
            if point.index >= start and (stop is None or point.index < stop):
                yield point


def batch_points(row: Any) -> list[Point]:
    """Return the points of a row of ``point_batches``."""
    values = unpack(row.payload, row.size_bytes)
    indexes = range(row.first_index, row.first_index + row.points)
    return list(map(Point, indexes, batch_times(row), values))


def chunks_between(connection: Connection, series_id: int, start: int, stop: int) -> Sequence[Any]:
    """Return the rows of the chunks that hold points from ``start`` to before ``stop``."""
    own = chunks.c.series_id == series_id
    earliest = (
        select(func.max(chunks.c.first_index))
        .where(own, chunks.c.first_index <= start)
        .scalar_subquery()
    )
    statement = (
        select(chunks)
        .where(own, chunks.c.first_index < stop)
        .where(chunks.c.first_index >= func.coalesce(earliest, 0))
        .where(chunks.c.first_index + chunks.c.points > start)
        .order_by(chunks.c.first_index)
    )
    return connection.execute(statement).all()


def chunk_points(row: Any, start: int, stop: int) -> list[Point]:
    """Return the points of a row of ``point_chunks`` from ``start`` to before ``stop``."""
    first = max(start - row.first_index, 0)
    last = min(stop - row.first_index, row.points)
    values = columns.decode(row.payload, first, last)
    came = columns.times(row.payload, first, last)
    return list(map(Point, range(row.first_index + first, row.first_index + last), came, values))


def batch_times(row: Any) -> list[int]:
    """Return when each point of a row of ``point_batches`` came."""
    if row.times is None:
        return [row.at_ms] * row.points
    return moments.unpacked(row.times)


@cache
def _counted(dialect: str) -> Any:
    """Return the statement that takes indexes for batches, and locks the series; made once."""
    # Both have the same ways; their types do not say so.
    insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(series)
    new = statement.excluded
    counts = {
        "next_index": series.c.next_index + new.next_index,
        "waiting_bytes": series.c.waiting_bytes + new.waiting_bytes,
        "waiting_rows": series.c.waiting_rows + new.waiting_rows,
    }
    waiting = counts["next_index"] - series.c.chunked
    due = is_due(waiting, counts["waiting_bytes"], counts["waiting_rows"])
    # The clocks of two server processes may differ; what is told must not run backwards.
    last_ms = case((series.c.last_ms > new.last_ms, series.c.last_ms), else_=new.last_ms)
    statement = statement.on_conflict_do_update(
        index_elements=[series.c.id], set_={**counts, "last_ms": last_ms, "due": due}
    )
    return statement.returning(series.c.id, series.c.next_index, series.c.chunked, series.c.due)
