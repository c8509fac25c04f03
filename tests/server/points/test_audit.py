"""The audit: silent on what is sound, and a sentence for each thing that is not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.points import limits, tracks
from ml_dash.server.points.audit import problems
from ml_dash.server.points.tables import batches, chunks, series, track_rows
from ml_dash.server.points.track_compaction import compact_track


@pytest.fixture
def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Return a database with a series of three chunks and two batches, and a track."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 10)
    monkeypatch.setattr(limits, "FOLD_ROWS", 4)
    for at in range(7):
        with database.write() as connection:
            points.append(connection, 1, [{"n": n} for n in range(5)])
            tracks.append(connection, 2, [{"timestamp": at, "x": at}])
        points.compact(database, 1)
        compact_track(database, 2)
    return database


def found(database: Database) -> str:
    """Return what the audit says."""
    with database.read() as connection:
        return "\n".join(problems(connection, read_all=True))


def test_what_is_sound_is_silent(filled: Database) -> None:
    """Nothing is said of a database that was only used."""
    assert found(filled) == ""


LOST_BATCH = {"series_id": 9, "first_index": 0, "points": 1, "at_ms": 0, "summary": "{}",
              "size_bytes": 2, "payload": b""}  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (delete(chunks).where(chunks.c.number == 1), "chunk 2 begins at 20, not 10"),
        (delete(chunks).where(chunks.c.number == 2), "its 2 chunks end at 20; 30 was noted"),
        (delete(batches), "its points end at 30; the next index is 35"),
        (update(series).values(waiting_rows=7), "1 batches wait; 7 were noted"),
        (update(batches).values(payload=b"bad"), "batch at 30: A stored batch of"),
        (update(chunks).where(chunks.c.number == 0).values(payload=b"bad"), "Series 1, chunk 0: A"),
        (update(chunks).where(chunks.c.number == 2).values(points=9), "it holds 10, not 9"),
        (update(track_rows).values(payload=b"bad"), "Track 2, row"),
        (delete(track_rows), "Track 2: its last row is None"),
        (insert(batches).values(LOST_BATCH), "Rows of point_batches belong to 9"),
    ],
)
def test_each_damage_is_told(filled: Database, damage: Any, told: str) -> None:
    """A row that is lost, changed or unreadable is named."""
    with filled.write() as connection:
        connection.execute(damage)
    assert told in found(filled)
