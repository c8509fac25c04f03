"""Entries of tracks: by time, merged, whatever the order they came in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from ml_dash.exceptions import InvalidValueError
from ml_dash.server.database import Database
from ml_dash.server.points import limits, tracks
from ml_dash.server.points.tables import track_rows
from ml_dash.server.points.track_compaction import compact_track, due_tracks
from tests.server.points.test_columns import same

times = st.integers(-3, 12) | st.sampled_from([0.5, 1.0, -2.5, 1e300, 2**60, 2**60 + 1])
entries = st.fixed_dictionaries(
    {"timestamp": times},
    optional={"x": st.floats() | st.integers(), "y": st.text(max_size=3), "z": st.none()},
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put rows together from 4 on, in chunks of 10."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 10)
    monkeypatch.setattr(limits, "FOLD_ROWS", 4)


def add(database: Database, *batches: list[dict[str, Any]]) -> list[int]:
    """Append batches to track 1, each in its own transaction; return what each added."""
    gained = []
    for batch in batches:
        with database.write() as connection:
            gained.append(tracks.append(connection, 1, batch))
    return gained


def read(database: Database, *span: Any, **wanted: Any) -> list[dict[str, Any]]:
    """Return what a reader gets of track 1."""
    with database.read() as connection:
        return list(tracks.read(connection, 1, *span, **wanted))


def expected(batches: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return entries merged by time in the plainest way."""
    merged: dict[Any, dict[str, Any]] = {}
    for batch in batches:
        for entry in batch:
            first = merged.setdefault(entry["timestamp"], {"timestamp": entry["timestamp"]})
            first.update({key: entry[key] for key in entry if key != "timestamp"})
    return [merged[at] for at in sorted(merged)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(entries, min_size=1, max_size=8), min_size=1, max_size=9))
def test_entries_read_the_same_before_and_after_they_are_put_together(
    database: Database, small: None, batches: list[list[dict[str, Any]]]
) -> None:
    """Merged, sorted and counted as a plain merge would be, waiting or in chunks, in any range."""
    with database.write() as connection:
        tracks.remove(connection, 1)
    gained = []
    for number, batch in enumerate(batches):
        gained += add(database, batch)
        merged = expected(batches[: number + 1])
        assert sum(gained) == len(merged)
        if number % 4 == 3:
            assert compact_track(database, 1) == 1
        found = read(database)
        assert [float(entry["timestamp"]) for entry in found] == [
            float(entry["timestamp"]) for entry in merged
        ]
        assert all(
            same({**a, "timestamp": 0}, {**b, "timestamp": 0})
            for a, b in zip(found, merged, strict=True)
        )
    assert len(read(database, 0, 5)) == sum(0 <= entry["timestamp"] <= 5 for entry in merged)


def test_statistics_of_a_track(database: Database) -> None:
    """Entries, columns and both ends are known without reading; times keep their digits."""
    add(database, [{"timestamp": 2**60 + 1, "cam": {"p": 1}}], [{"timestamp": 2**60 + 3, "q": [1]}])
    with database.read() as connection:
        found = tracks.stats(connection, 1)
        nothing = tracks.stats(connection, 2)
        assert tracks.all_stats(connection, range(1500)) == {1: found}
    assert found == tracks.TrackStats(2, ["cam.p", "q"], 2**60 + 1, 2**60 + 3)
    assert nothing == tracks.TrackStats(0, [], None, None)
    assert read(database)[0] == {"timestamp": 2**60 + 1, "cam.p": 1}


def test_columns_are_chosen_waiting_and_in_chunks(database: Database, small: None) -> None:
    """A reader that names columns gets these and the time, of every entry."""
    for start in range(0, 24, 6):
        add(database, [{"timestamp": start + n, "x": 1.5, "y": [n], "z": None} for n in range(6)])
    for moved in (0, 1):
        assert compact_track(database, 1) == 1 - moved or not moved
        assert read(database, keys=["y", "none"]) == [
            {"timestamp": at, "y": [at % 6]} for at in range(24)
        ]
        assert read(database, 4, 5, keys=["x"]) == [
            {"timestamp": 4, "x": 1.5}, {"timestamp": 5, "x": 1.5}
        ]  # fmt: skip


def test_rows_are_few_after_they_are_put_together(database: Database, small: None) -> None:
    """Single entries end up in full chunks and one row that waits; then nothing is due."""
    for at in range(47):
        add(database, [{"timestamp": at, "x": float(at)}])
        compact_track(database, 1)
    with database.read() as connection:
        rows = connection.execute(
            select(track_rows.c.waiting, func.count()).group_by(track_rows.c.waiting)
        ).all()
        assert due_tracks(connection) == []
    assert dict(map(tuple, rows))[False] == 4
    assert dict(map(tuple, rows))[True] <= limits.FOLD_ROWS
    assert [entry["x"] for entry in read(database)] == list(range(47))


@pytest.mark.parametrize(
    "bad",
    [[], [{}], [{"timestamp": "1"}], [{"timestamp": True}], [{"timestamp": float("nan")}],
     [{"timestamp": 10**400}], [{"timestamp": 1}, None]],
)  # fmt: skip
def test_entries_without_a_time_are_refused(database: Database, bad: Any) -> None:
    """A batch with an entry that has no finite time stores nothing."""
    with database.write() as connection, pytest.raises(InvalidValueError):
        tracks.append(connection, 1, bad)
    assert read(database) == []


def test_a_reader_sees_one_view_while_rows_are_put_together(
    database: Database, small: None
) -> None:
    """Rows that are put together while a reader is among them are not missed and not seen twice."""
    for start in range(40):
        add(database, [{"timestamp": start, "x": 1}, {"timestamp": start + 100, "x": 2}])
    with database.read() as connection:
        event.listen(connection, "after_cursor_execute", lambda *_: compact_track(database, 1))
        found = [entry["timestamp"] for entry in tracks.read(connection, 1)]
    assert found == [*range(40), *range(100, 140)]


def test_a_step_planned_on_rows_that_changed_stores_nothing(
    database: Database, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two processes that put the same rows together, one does it and the other sees that."""
    add(database, *[[{"timestamp": at, "x": at}] for at in range(8)])
    from ml_dash.server.points import track_compaction

    make = track_compaction._made
    done = []

    def made_twice(*arguments: Any) -> Any:
        monkeypatch.setattr(track_compaction, "_made", make)
        done.append(compact_track(database, 1))
        return make(*arguments)

    monkeypatch.setattr(track_compaction, "_made", made_twice)
    assert compact_track(database, 1) == 0
    assert done == [1]
    assert [entry["x"] for entry in read(database)] == list(range(8))
