"""The thread that moves points: it survives damage, several of it agree, and it may be killed."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.points import limits, tables, tracks
from ml_dash.server.points.audit import problems
from ml_dash.server.points.worker import Compaction

WRITER = Path(__file__).with_name("writer.py")
KILLS = int(os.environ.get("ML_DASH_TEST_KILLS", "2"))


def fill(database: Database, series_id: int, count: int) -> None:
    """Append points to a series in batches of 30."""
    for start in range(0, count, 30):
        with database.write() as connection:
            data = [{"n": n} for n in range(start, min(start + 30, count))]
            points.append(connection, series_id, data)


def check_whole(database: Database, series_id: int = 1) -> list[dict[str, Any]]:
    """Check that indexes, rows, statistics and chart of a series agree; return its data."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":  # where the server ends what a client began
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        found = points.window(connection, series_id, 0, 10**6)
        known = points.stats(connection, series_id)
        key = next(iter(found[0].data))
        drawn = points.downsampled(connection, series_id, key, 50)
        assert list(problems(connection, read_all=True)) == []
    assert [point.index for point in found] == list(range(known.total))
    assert known.keys[key]["count"] == known.total == drawn.total == drawn.count
    return [point.data for point in found]


def test_the_thread_moves_what_is_due(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points and entries that are due when it starts, or come later, end up in chunks."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 20)
    monkeypatch.setattr(limits, "FOLD_ROWS", 5)
    with database.write() as connection:
        for at in range(25):
            tracks.append(connection, 5, [{"timestamp": at}])
    fill(database, 1, 90)
    fill(database, 2, 10)
    moved = threading.Event()
    worker = Compaction(database)
    event.listen(database.engine, "commit", lambda _: check(database, moved))
    worker.start()
    assert moved.wait(60)
    worker.stop()
    assert check_whole(database, 1) == [{"n": n} for n in range(90)]
    assert check_whole(database, 2) == [{"n": n} for n in range(10)]


_looking = threading.local()


def check(database: Database, moved: threading.Event) -> None:
    """Set an event when nothing is due any more."""
    if getattr(_looking, "now", False):
        return
    _looking.now = True
    try:
        with database.read() as connection:
            left = points.due_series(connection) + tracks_due(connection)
        if not left:
            moved.set()
    finally:
        _looking.now = False


def tracks_due(connection: Any) -> list[int]:
    """Return the tracks that are due."""
    return list(connection.scalars(select(tables.tracks.c.id).where(tables.tracks.c.due)))


def test_a_damaged_series_is_told_and_does_not_stop_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage is logged once, its data stays where it is, and the rest is moved."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 20)
    for series_id in (1, 2):
        fill(database, series_id, 60)
    with database.write() as connection:
        damage = update(tables.batches).where(
            tables.batches.c.series_id == 1, tables.batches.c.first_index == 30
        )
        connection.execute(damage.values(payload=b"damaged"))
    worker = Compaction(database)
    with caplog.at_level(logging.ERROR, "ml_dash.server.points"):
        worker.run()
        worker.run()
    assert [record.args[:2] for record in caplog.records] == [("series", 1)]
    with database.read() as connection:
        assert points.stats(connection, 1).total == 60
        assert points.stats(connection, 2).chunked == 60
        assert len(points.window(connection, 1, 0, 30)) == 30


def test_several_movers_agree(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three threads that move the same points while others append: each point is there once."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 20)
    monkeypatch.setattr(limits, "FOLD_ROWS", 4)
    ended = threading.Event()

    def move() -> None:
        while not ended.is_set():
            points.compact(database, 1)

    movers = [threading.Thread(target=move) for _ in range(3)]
    for mover in movers:
        mover.start()
    for number in range(150):
        with database.write() as connection:
            points.append(connection, 1, [{"n": number}] * (number % 5 + 1))
    ended.set()
    for mover in movers:
        mover.join()
    expected = [{"n": number} for number in range(150) for _ in range(number % 5 + 1)]
    assert check_whole(database) == expected


def test_nothing_is_lost_when_processes_are_killed(database: Database, database_url: str) -> None:
    """Two processes append and move, and are killed at any moment: all they told of is there."""
    randomly = random.Random(11)
    told: list[list[int]] = []
    for _ in range(KILLS):
        writers = [
            subprocess.Popen(
                [sys.executable, str(WRITER), database_url, str(writer)],
                stdout=subprocess.PIPE, text=True,
            )
            for writer in (0, 1)
        ]  # fmt: skip
        for writer in writers:
            assert writer.stdout is not None
            told += [
                list(map(int, writer.stdout.readline().split()))
                for _ in range(randomly.randint(30, 90))
            ]
            writer.kill()
        for writer in writers:
            rest, _ = writer.communicate()
            told += [list(map(int, line.split())) for line in rest.split("\n")[:-1]]
        found = check_whole(database)
    for first, number_of, number, count in told:
        for at in range(count):
            point = {"writer": number_of, "number": number, "at": at, "x": 0.5}
            assert found[first + at] == point
