"""Charts of long series: the shape and the extremes stay, and what stands behind them is told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select

from ml_dash.exceptions import InvalidValueError
from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.points import limits, pyramid, summary
from ml_dash.server.points.tables import nodes


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small chunks and narrow nodes, so that few points have a pyramid of several levels."""
    monkeypatch.setattr(limits, "CHUNK_POINTS", 20)
    monkeypatch.setattr(pyramid, "BINS", 4)
    monkeypatch.setattr(points.charts, "BINS", 4)


def chart(database: Database, key: str, n_points: int, **span: int) -> points.Chart:
    """Return a chart of series 1."""
    with database.read() as connection:
        return points.downsampled(connection, 1, key, n_points, **span)


def fill(database: Database, values: list[Any], key: str = "loss") -> None:
    """Append values to series 1, one batch and compaction per 100."""
    for start in range(0, len(values), 100):
        with database.write() as connection:
            points.append(connection, 1, [{key: v} for v in values[start : start + 100]])
        points.compact(database, 1)


def test_what_fits_is_returned_whole(database: Database, small: None) -> None:
    """A chart with room for all numbers has all of them, NaN included."""
    values = [0.5, math.nan, 3, "text", None, -math.inf] * 5
    fill(database, values)
    found = chart(database, "loss", 30)
    assert found.exact
    assert (found.total, found.count, found.non_finite) == (30, 20, 10)
    assert found.indexes.tolist() == [i for i in range(30) if i % 6 not in (3, 4)]
    assert str(found.values.tolist()[:4]) == "[0.5, nan, 3.0, -inf]"


def test_extremes_of_a_long_series_are_kept(database: Database, small: None) -> None:
    """Single spikes are in the chart with their true indexes, whatever level it is drawn from."""
    values = [math.sin(number / 50) for number in range(1965)]
    values[333], values[1001] = 50.0, -50.0
    fill(database, values)
    for n_points in (5, 10, 40, 200):
        found = chart(database, "loss", n_points)
        drawn = dict(zip(found.indexes.tolist(), found.values.tolist(), strict=True))
        assert len(drawn) <= n_points
        assert (drawn[333], drawn[1001]) == (50.0, -50.0)
        assert all(values[index] == value for index, value in drawn.items())
        assert (found.total, found.count, found.exact) == (1965, 1965, False)


def test_any_range_counts_what_stands_behind_it(database: Database, small: None) -> None:
    """Total, count and extremes of any range are those of its points, holes or not."""
    values = [None if number % 3 == 0 else float(number % 101) for number in range(1000)]
    fill(database, values)
    rng = np.random.default_rng(5)
    for start, stop in np.sort(rng.integers(0, 1010, (40, 2)), axis=1).tolist():
        inside = [value for value in values[start:stop] if value is not None]
        found = chart(database, "loss", 8, start=start, stop=stop)
        assert (found.total, found.count) == (len(values[start:stop]), len(inside))
        if inside:
            assert (found.values.min(), found.values.max()) == (min(inside), max(inside))
            assert start <= found.indexes.min() <= found.indexes.max() < stop


def test_numbers_that_are_not_finite_stay_visible(database: Database, small: None) -> None:
    """A run that diverges shows NaN and infinities in its chart, and how many there are."""
    fill(database, [1.0] * 500 + [math.inf] + [math.nan] * 499)
    found = chart(database, "loss", 40)
    assert (found.count, found.non_finite) == (1000, 500)
    assert np.isnan(found.values).any()
    assert np.isfinite(found.values).any()


def test_a_key_that_comes_late_is_found(database: Database, small: None) -> None:
    """A key that only some chunks hold has a chart of just these."""
    fill(database, [1.0] * 400)
    fill(database, [2.0] * 400, key="late")
    found = chart(database, "late", 10)
    assert (found.total, found.count) == (800, 400)
    assert found.indexes.min() >= 400


def test_a_series_of_very_many_keys_has_right_charts(
    database: Database, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys beyond those that the pyramid follows are drawn from the points themselves."""
    for module in (pyramid, summary, points.charts):
        monkeypatch.setattr(module, "KEYS", 30)
    with database.write() as connection:
        points.append(connection, 1, [{f"key{n}": 0.5 for n in range(40)} for _ in range(205)])
    assert points.compact(database, 1) == 10
    for key in ("key0", "key39"):
        found = chart(database, key, 3)
        assert (found.total, found.count) == (205, 205)
    with database.read() as connection:
        assert points.stats(connection, 1).more_keys
        kept = select(func.count(nodes.c.key_digest.distinct())).where(nodes.c.series_id == 1)
        assert connection.scalar(kept) == 30


def test_rows_read_do_not_grow_with_the_series(database: Database, small: None) -> None:
    """Ten times the points cost at most a level more of nodes."""
    rows = []
    for size in (300, 3000):
        fill(database, [float(number % 17) for number in range(size)])
        rows.append(nodes_read(database))
    assert rows[1] - rows[0] <= 2 * limits.FAN_OUT


def nodes_read(database: Database) -> int:
    """Return how many nodes a chart of series 1 reads."""
    with database.read() as connection:
        total = points.stats(connection, 1).chunks
    top = points.charts._level(total, 20, 4)
    assert top is not None
    return sum(stop - first for _, first, stop in pyramid.cover(0, total, top))


@given(st.integers(0, 600), st.integers(0, 600), st.integers(0, 4))
def test_cover_is_exact(first: int, span: int, top: int) -> None:
    """Nodes of all levels together cover each chunk of a range once, and nothing else."""
    covered: list[int] = []
    for level, begin, end in pyramid.cover(first, first + span, top):
        assert level <= top
        width = limits.FAN_OUT**level
        covered += range(begin * width, end * width)
    assert sorted(covered) == list(range(first, first + span))


@pytest.mark.parametrize("n_points", [2, 0, -1, 10**6])
def test_a_chart_of_too_few_or_too_many_points_is_refused(
    database: Database, n_points: int
) -> None:
    """The number of points has bounds, which the error tells."""
    with pytest.raises(InvalidValueError, match="3 to 100000"):
        chart(database, "loss", n_points)


def test_readers_see_no_gap_while_points_move(database: Database, small: None) -> None:
    """Points that move after any statement of a reader are neither missed nor seen twice."""
    for reader in ("window", "stats", "downsampled"):
        for moment in range(4):
            with database.write() as connection:
                points.remove(connection, 1)
                points.append(connection, 1, [{"loss": float(number)} for number in range(95)])
            with database.read() as connection:
                move_after(database, connection, moment)
                if reader == "window":
                    found = [point.index for point in points.window(connection, 1, 5, 200)]
                    assert found == list(range(5, 95)), moment
                elif reader == "stats":
                    found_stats = points.stats(connection, 1)
                    assert (found_stats.total, found_stats.keys["loss"]["count"]) == (95, 95)
                else:
                    drawn = points.downsampled(connection, 1, "loss", 100)
                    assert drawn.indexes.tolist() == list(range(95)), moment


def move_after(database: Database, connection: Any, moment: int) -> None:
    """Have the points of series 1 moved after some statements of a connection."""
    seen = []

    def look(*_: Any) -> None:
        seen.append(1)
        if len(seen) == moment:
            assert points.compact(database, 1) == 4

    event.listen(connection, "after_cursor_execute", look)
