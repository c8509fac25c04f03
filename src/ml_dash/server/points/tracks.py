"""Entries of tracks: by time, in whichever order they come.

Entries of equal time are one entry to readers: their fields together, the later sent ones winning.
They are stored as they come, sorted within each row, and merged when read; compaction merges rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ml_dash._record import codec
from ml_dash._record.flatten import flatten
from ml_dash.exceptions import InvalidValueError
from ml_dash.server.points import columns, limits
from ml_dash.server.points.packing import pack, unpack
from ml_dash.server.points.tables import track_rows, tracks

TIME = "timestamp"
Entry = dict[str, Any]

_AT_ONCE = 500
_INSERT_ROW = track_rows.insert()


@dataclass(frozen=True)
class EntryBatch:
    """Entries made ready outside of any transaction: merged, sorted, packed."""

    times: list[float]
    columns: list[str]
    payload: bytes
    size_bytes: int


@dataclass(frozen=True)
class TrackStats:
    """What is known of a track without reading it.

    Attributes:
        entries: Entries as a reader sees them.
        columns: Names of all fields, sorted, without the timestamp.
        first: Earliest timestamp, None without entries.
        last: Latest timestamp.
    """

    entries: int
    columns: list[str]
    first: float | None
    last: float | None


NOTHING = TrackStats(0, [], None, None)
"""What is known of a track without entries."""


def prepare(entries: Sequence[Mapping[str, Any]]) -> EntryBatch:
    """Make entries ready for :func:`append`: nested dicts become dotted keys.

    Args:
        entries: Dicts with a number ``timestamp`` (any clock, any order) and any fields.

    Raises:
        InvalidValueError: no entries, or one without a finite timestamp.
        SerializationError: a part of an entry has no JSON form.
    """
    if not entries:
        raise InvalidValueError("A batch without entries", hint="send at least one entry")
    merged: dict[float, Entry] = {}
    for position, entry in enumerate(entries):
        at = _time(entry, position)
        merged.setdefault(at, {TIME: at}).update(
            flatten({key: value for key, value in entry.items() if key != TIME})
        )
    ordered = [merged[at] for at in sorted(merged)]
    names = {key for entry in ordered for key in entry} - {TIME}
    return EntryBatch([entry[TIME] for entry in ordered], sorted(names), *pack(ordered))


def append(
    connection: Connection, track_id: int, entries: EntryBatch | Sequence[Mapping[str, Any]]
) -> int:
    """Add entries to a track, which is made if it does not exist.

    Args:
        connection: An open write transaction; the track stays locked until it ends.
        track_id: The track.
        entries: Entries, or what :func:`prepare` made of them.

    Returns:
        How many entries the track gained; those of times that it had already are merged into them.

    Raises:
        InvalidValueError: as :func:`prepare`; nothing was stored.
        SerializationError: as :func:`prepare`; nothing was stored.
    """
    batch = entries if isinstance(entries, EntryBatch) else prepare(entries)
    found = connection.execute(_counted(connection.dialect.name), {"id": track_id}).one()
    gained = _new_times(connection, found, batch.times)
    row = row_of(track_id, found.next_row - 1, batch.times, batch.payload, batch.size_bytes)
    connection.execute(_INSERT_ROW, row)
    _note(connection, found, batch, gained)
    return gained


def read(
    connection: Connection,
    track_id: int,
    start: float | None = None,
    stop: float | None = None,
    keys: Collection[str] | None = None,
) -> Iterator[Entry]:
    """Yield entries by ascending time, merged; memory is that of a few rows, at any length.

    Args:
        connection: An open transaction; it must stay open while the entries are taken.
        track_id: The track; one that does not exist has no entries.
        start: Earliest timestamp, included.
        stop: Latest timestamp, included.
        keys: Fields to return, beside the timestamp.

    Raises:
        CorruptDataError: a stored row is damaged.
    """
    statement = _rows_between(track_id, start, stop).order_by(track_rows.c.lowest)
    wanted = None if keys is None else {TIME, *keys}
    pending: dict[float, list[tuple[int, Entry]]] = {}
    # One statement is one view of the track, also where compaction goes on meanwhile.
    with connection.execution_options(yield_per=8).execute(statement) as rows:
        for row in rows:
            yield from _before(pending, row.lowest)
            for entry in row_entries(row, wanted):
                if (start is None or entry[TIME] >= start) and (
                    stop is None or entry[TIME] <= stop
                ):
                    pending.setdefault(entry[TIME], []).append((row.row, entry))
    yield from _before(pending, None)


def stats(connection: Connection, track_id: int) -> TrackStats:
    """Return what is known of a track; its entries are not looked at."""
    return all_stats(connection, [track_id]).get(track_id, NOTHING)


def all_stats(connection: Connection, track_ids: Collection[int]) -> dict[int, TrackStats]:
    """Return what is known of each of some tracks; those without entries are left out."""
    wanted, found = list(track_ids), {}
    for start in range(0, len(wanted), _AT_ONCE):
        own = tracks.c.id.in_(wanted[start : start + _AT_ONCE])
        for row in connection.execute(select(tracks).where(own)):
            names, ends = codec.decode(row.columns), (row.first, row.last)
            found[row.id] = TrackStats(row.entries, names, *map(codec.decode, ends))
    return found


def remove(connection: Connection, track_id: int) -> None:
    """Remove a track and all of its entries."""
    connection.execute(delete(track_rows).where(track_rows.c.track_id == track_id))
    connection.execute(delete(tracks).where(tracks.c.id == track_id))


# --- parts that compaction uses -----------------------------------------------------------------


def row_of(
    track_id: int, number: int, times: Sequence[float], payload: bytes, size_bytes: int
) -> dict[str, Any]:
    """Return a row of ``track_rows`` that waits, of entries in order of time."""
    return {
        "track_id": track_id,
        "row": number,
        "lowest": float(times[0]),
        "highest": float(times[-1]),
        "entries": len(times),
        "size_bytes": size_bytes,
        "waiting": True,
        "payload": payload,
    }


def row_entries(row: Any, keys: Collection[str] | None = None) -> list[Entry]:
    """Return the entries of a row of ``track_rows``."""
    if not row.waiting:
        return columns.decode(row.payload, keys=keys)
    entries = unpack(row.payload, row.size_bytes)
    if keys is None:
        return entries
    return [{key: entry[key] for key in entry if key in keys} for entry in entries]


def is_due(waiting_bytes: Any, waiting_rows: Any) -> Any:
    """Return the SQL condition under which compaction has something to do."""
    return or_(waiting_bytes >= limits.CHUNK_BYTES, waiting_rows >= limits.FOLD_ROWS)


def merge(entries: Sequence[tuple[int, Entry]]) -> Entry:
    """Return entries of one time as one; what comes from the later row wins."""
    if len(entries) == 1:
        return entries[0][1]
    merged: Entry = {}
    for _, entry in sorted(entries, key=lambda pair: pair[0]):
        merged.update(entry)
    return merged


def _before(pending: dict[float, list[tuple[int, Entry]]], lowest: float | None) -> Iterator[Entry]:
    """Take out, in order, what no later row can add to."""
    ready = [at for at in pending if lowest is None or float(at) < lowest]
    for at in sorted(ready):
        yield merge(pending.pop(at))


def _time(entry: Any, position: int) -> float:
    at: Any = entry.get(TIME) if isinstance(entry, dict) else None
    number = columns.as_float(at) if type(at) is int else at
    if type(number) is float and math.isfinite(number):
        return at  # type: ignore[no-any-return]
    raise InvalidValueError(
        f"Entry {position} of the batch has no finite number as its {TIME}",
        context={"position": position},
    )


def _rows_between(track_id: int, start: float | None, stop: float | None) -> Any:
    # As floats, which keep the order of longer ints but not all of their digits: hence a row too
    # many may be found, and never one too few.
    statement = select(track_rows).where(track_rows.c.track_id == track_id)
    if start is not None:
        statement = statement.where(track_rows.c.highest >= float(start))
    if stop is not None:
        statement = statement.where(track_rows.c.lowest <= float(stop))
    return statement


@cache
def _counted(dialect: str) -> Any:
    """Return the statement that takes a row's number, and locks the track; made once."""
    insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(tracks).values(id=bindparam("id"), next_row=1)
    statement = statement.on_conflict_do_update(
        index_elements=[tracks.c.id], set_={"next_row": tracks.c.next_row + 1}
    )
    return statement.returning(tracks)


def _new_times(connection: Connection, found: Any, times: list[float]) -> int:
    """Return how many times a track does not have yet; in order, that is known without reading."""
    if found.last is None or times[0] > codec.decode(found.last):
        return len(times)
    known: set[float] = set()
    for row in connection.execute(_rows_between(found.id, times[0], times[-1])):
        known.update(entry[TIME] for entry in row_entries(row, {TIME}))
    return sum(at not in known for at in times)


def _note(connection: Connection, found: Any, batch: EntryBatch, gained: int) -> None:
    first, last = batch.times[0], batch.times[-1]
    if found.last is not None:
        first = min(first, codec.decode(found.first))
        last = max(last, codec.decode(found.last))
    names = sorted({*codec.decode(found.columns), *batch.columns})
    waiting_bytes, waiting_rows = found.waiting_bytes + batch.size_bytes, found.waiting_rows + 1
    values = {
        "entries": found.entries + gained,
        "columns": codec.encode(names).decode(),
        "first": codec.encode(first).decode(),
        "last": codec.encode(last).decode(),
        "waiting_bytes": waiting_bytes,
        "waiting_rows": waiting_rows,
        "due": waiting_bytes >= limits.CHUNK_BYTES or waiting_rows >= limits.FOLD_ROWS,
    }
    connection.execute(update(tracks).where(tracks.c.id == found.id).values(values))
