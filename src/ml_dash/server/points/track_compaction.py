"""Putting the rows of a track together, in the background, as :mod:`.compaction` does for points.

All rows that wait become one, merged and sorted; of that, as many full chunks as there are become
columnar and are never touched again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from ml_dash.server.database import Database
from ml_dash.server.points import columns, limits
from ml_dash.server.points.packing import pack
from ml_dash.server.points.tables import track_rows, tracks
from ml_dash.server.points.tracks import TIME, Entry, is_due, merge, row_entries, row_of


def compact_track(database: Database, track_id: int) -> int:
    """Put together what waits of one track, if it is due.

    Returns:
        1 if rows were put together, 0 if none were due or another process did it.

    Raises:
        CorruptDataError: a stored row is damaged; it stays where it is.
    """
    with database.read() as connection:
        track = select(tracks.c.due).where(tracks.c.id == track_id)
        if not connection.scalar(track):
            return 0
        statement = select(track_rows).where(_taken(track_id, None)).order_by(track_rows.c.row)
        rows = connection.execute(statement).all()
    if not rows:
        return 0
    made = _made(track_id, rows)
    with database.write() as connection:
        return int(_stored(connection, track_id, rows, made))


def due_tracks(connection: Connection, limit: int = 1000) -> list[int]:
    """Return the tracks that have something to put together."""
    return list(connection.scalars(select(tracks.c.id).where(tracks.c.due).limit(limit)))


def _taken(track_id: int, last: int | None) -> Any:
    own = and_(track_rows.c.track_id == track_id, track_rows.c.waiting)
    return own if last is None else and_(own, track_rows.c.row <= last)


def _made(track_id: int, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the rows that stand for others; they need no more numbers than those had."""
    by_time: dict[float, list[tuple[int, Entry]]] = {}
    for row in rows:
        for entry in row_entries(row):
            by_time.setdefault(entry[TIME], []).append((row.row, entry))
    entries = [merge(by_time[at]) for at in sorted(by_time)]
    size_bytes = sum(row.size_bytes for row in rows)
    per_chunk = limits.CHUNK_POINTS
    if size_bytes >= limits.CHUNK_BYTES:
        per_chunk = max(1, min(per_chunk, len(entries) * limits.CHUNK_BYTES // size_bytes))
    parts = [entries[at : at + per_chunk] for at in range(0, len(entries), per_chunk)]
    if len(parts) > len(rows):  # few rows of very many entries
        parts = [entries]
    return [
        _row(track_id, row.row, part, waiting=len(part) < per_chunk)
        for row, part in zip(rows, parts, strict=False)
    ]


def _row(track_id: int, number: int, entries: list[Entry], *, waiting: bool) -> dict[str, Any]:
    payload, size_bytes = pack(entries)
    made = row_of(track_id, number, [entry[TIME] for entry in entries], payload, size_bytes)
    return made if waiting else {**made, "waiting": False, "payload": columns.encode(entries)}


def _stored(
    connection: Connection, track_id: int, rows: Sequence[Any], made: list[dict[str, Any]]
) -> bool:
    locked = select(tracks).where(tracks.c.id == track_id).with_for_update()
    if connection.execute(locked).one_or_none() is None:
        return False
    taken = _taken(track_id, rows[-1].row)
    present = select(func.count(), func.min(track_rows.c.row), func.sum(track_rows.c.entries))
    planned = (len(rows), rows[0].row, sum(row.entries for row in rows))
    if tuple(connection.execute(present.where(taken)).one()) != planned:
        return False
    left = [row for row in made if row["waiting"]]
    size_bytes = tracks.c.waiting_bytes - sum(row.size_bytes for row in rows)
    size_bytes += sum(row["size_bytes"] for row in left)
    count = tracks.c.waiting_rows - len(rows) + len(left)
    connection.execute(delete(track_rows).where(taken))
    connection.execute(track_rows.insert(), made)
    values = {"waiting_bytes": size_bytes, "waiting_rows": count, "due": is_due(size_bytes, count)}
    connection.execute(update(tracks).where(tracks.c.id == track_id).values(values))
    return True
