"""Points of a series: indexes, windows and statistics, before and after they are moved."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_dash.exceptions import InvalidValueError, SerializationError
from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.points import limits
from ml_dash.server.points.audit import problems
from tests.server.points.test_columns import points as any_point
from tests.server.points.test_columns import same


def add(database: Database, series_id: int, *batches: Sequence[dict[str, Any]]) -> None:
    """Append batches, each in its own transaction."""
    for batch in batches:
        with database.write() as connection:
            points.append(connection, series_id, batch, at_ms=1000)


def read(database: Database, series_id: int, start: int = 0, limit: int = 10**6) -> list[Any]:
    """Return the data of a window, after a look at the indexes."""
    with database.read() as connection:
        found = points.window(connection, series_id, start, limit)
    assert [point.index for point in found] == list(range(start, start + len(found)))
    return [point.data for point in found]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks of 10 points, and put rows together from 6 on."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 10)
    monkeypatch.setattr(limits, "FOLD_ROWS", 6)


def test_indexes_are_consecutive(database: Database) -> None:
    """Each batch goes where the one before ended; another series begins at 0."""
    with database.write() as connection:
        first = points.append(connection, 7, [{"a": 1}, {"a": 2}])
        second = points.append(connection, 7, [{"a": 3}])
        other = points.append(connection, 8, [{"a": 1}])
    assert (first.first_index, first.last_index) == (0, 1)
    assert (second.first_index, second.last_index, second.waiting) == (2, 2, 3)
    assert (other.first_index, other.last_index, other.due) == (0, 0, False)


def test_a_transaction_rolled_back_leaves_no_hole(database: Database) -> None:
    """What is rolled back takes no index."""
    with database.write() as connection:
        points.append(connection, 1, [{"a": 1}] * 5)
        connection.rollback()
    add(database, 1, [{"a": 2}])
    assert read(database, 1) == [{"a": 2}]


def test_concurrent_writers_share_one_count(database: Database) -> None:
    """Eight writers at once: no index twice, none missing, each batch whole and in order."""
    places: list[tuple[int, int, int]] = []

    def write(writer: int) -> None:
        for batch in range(10):
            with database.write() as connection:
                put = points.append(
                    connection, 1, [{"w": writer, "b": batch, "n": n} for n in (0, 1, 2)]
                )
            places.append((put.first_index, writer, batch))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [
        {"w": writer, "b": batch, "n": n} for _, writer, batch in sorted(places) for n in (0, 1, 2)
    ]
    assert read(database, 1) == expected


@pytest.mark.parametrize("container", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_what_no_reader_could_take_is_refused(database: Database, container: Any) -> None:
    """A point nested deeper than JSON readers follow is an error at the call."""
    deep: Any = 1.0
    for _ in range(900):
        deep = container(deep)
    with database.write() as connection, pytest.raises(SerializationError):
        points.append(connection, 1, [{"a": deep}])
    assert read(database, 1) == []


@pytest.mark.parametrize("bad", [[], [[1]], [{"a": 1}, None], [{1: 2}]])
def test_what_is_no_point_is_refused(database: Database, bad: Any) -> None:
    """A batch that is empty or holds something else stores nothing."""
    with database.write() as connection, pytest.raises(InvalidValueError):
        points.append(connection, 1, bad)
    assert read(database, 1) == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(any_point, min_size=1, max_size=9), min_size=1, max_size=6))
def test_points_come_back_exactly_waiting_and_moved(
    database: Database, small: None, batches: list[list[dict[str, Any]]]
) -> None:
    """Points of any JSON read the same while they wait and after they are in chunks."""
    with database.write() as connection:
        points.remove(connection, 1)
    add(database, 1, *batches)
    everything = [point for batch in batches for point in batch]
    before = stats(database)
    assert same(read(database, 1), everything)
    points.compact(database, 1)
    assert same(read(database, 1), everything)
    assert same(read(database, 1, 3, 10), everything[3:13])
    after = stats(database)
    assert (after.total, after.chunked) == (len(everything), len(everything) // 10 * 10)
    assert {k: v["count"] for k, v in after.keys.items()} == {
        k: v["count"] for k, v in before.keys.items()
    }


def stats(database: Database, series_id: int = 1) -> points.Stats:
    """Return the statistics of a series."""
    with database.read() as connection:
        return points.stats(connection, series_id)


def test_statistics_are_kept_while_points_move(database: Database, small: None) -> None:
    """Count, extremes, mean and last are those of the points, whatever was moved."""
    losses = [1.0, math.nan, 4, 2.5, -math.inf, 3.0, 0.5]
    for turn in range(5):
        add(database, 1, [{"loss": loss, "at": {"x": turn}} for loss in losses])
        points.compact(database, 1)
        found = stats(database)
        loss = found.keys["loss"]
        assert found.total == (turn + 1) * 7
        assert loss["count"] == (turn + 1) * 7
        assert loss["non_finite"] == (turn + 1) * 2
        assert (loss["min"], loss["max"], loss["last"]) == (0.5, 4, 0.5)
        assert loss["mean"] == pytest.approx(11 / 5)
        assert found.keys["at.x"]["last"] == turn
    assert (found.chunks, found.chunked, found.more_keys) == (3, 30, False)


def test_a_batch_larger_than_a_chunk(database: Database, small: None) -> None:
    """One batch of several chunks reads the same before and after it is moved."""
    everything = [{"n": number} for number in range(57)]
    add(database, 1, everything[:3])
    with database.write() as connection:
        put = points.append(connection, 1, everything[3:])
    assert (put.first_index, put.last_index, put.due) == (3, 56, True)
    assert read(database, 1) == everything
    assert points.compact(database, 1) == 5
    assert read(database, 1) == everything
    assert (stats(database).chunked, stats(database).keys["n"]["count"]) == (50, 57)
    with database.read() as connection:
        assert list(problems(connection, read_all=True)) == []


def test_a_series_that_does_not_exist_is_empty(database: Database) -> None:
    """Every reader answers with nothing for a series without points."""
    found = stats(database, 99)
    assert (found.total, found.first_ms, found.keys) == (0, None, {})
    with database.read() as connection:
        assert points.window(connection, 99) == []
        assert points.buffered(connection, 99) == []
        assert points.chunk(connection, 99, 0) is None
        assert points.downsampled(connection, 99, "a", 10).total == 0


def test_points_keep_their_own_times(database: Database, small: None) -> None:
    """Points that say when they were logged say so after each move, beside others that do not."""
    times = [1_000_000 + (7 * number) % 11 for number in range(60)]
    for at in range(0, 60, 6):
        own = times[at : at + 6]
        batch = points.prepare([{"n": each} for each in own], own)
        with database.write() as connection:
            points.append(connection, 1, batch)
            points.append(connection, 1, [{"n": 5}], at_ms=5)
        with database.read() as connection:
            assert points.stats(connection, 1).first_ms == times[0]
        points.compact(database, 1)
    with database.read() as connection:
        found = points.window(connection, 1, 0, 100)
    assert len(found) == 70
    assert [point.at_ms for point in found] == [point.data["n"] for point in found]


def test_times_follow_their_points(database: Database, small: None) -> None:
    """When a point came is kept through folding and chunks."""
    for at_ms in range(100, 125):
        with database.write() as connection:
            points.append(connection, 1, [{"n": at_ms}], at_ms=at_ms)
        points.compact(database, 1)
    with database.read() as connection:
        found = points.window(connection, 1, 0, 100)
        waiting = points.buffered(connection, 1)
        second = points.chunk(connection, 1, 1)
    assert [point.at_ms for point in found] == list(range(100, 125))
    assert [point.index for point in waiting] == [20, 21, 22, 23, 24]
    assert second is not None
    assert [point.index for point in second] == list(range(10, 20))
    assert (stats(database).first_ms, stats(database).last_ms) == (100, 124)


def test_removed_series_leaves_nothing(database: Database, small: None) -> None:
    """A removed series is empty, and begins at 0 again."""
    add(database, 1, [{"a": 1.0}] * 25)
    points.compact(database, 1)
    with database.write() as connection:
        points.remove(connection, 1)
    add(database, 1, [{"a": 2.0}])
    assert read(database, 1) == [{"a": 2.0}]
    assert stats(database).keys["a"]["count"] == 1


def test_totals_of_many_series_in_few_questions(database: Database) -> None:
    """More series than one statement takes are counted; those without points are left out."""
    for series_id in (3, 1201):
        add(database, series_id, [{"a": 1}] * series_id)
    with database.read() as connection:
        assert points.totals(connection, range(1500)) == {3: 3, 1201: 1201}
