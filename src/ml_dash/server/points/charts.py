"""A long series as few points, for a chart: shape and extremes stay, what they stand for is told.

Chosen by MinMaxLTTB (tsdownsample) from raw points at both ends of the asked range and from the
pyramid in between. The lowest and the highest number of the range are always among the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from ml_dash._record import codec
from ml_dash.exceptions import InvalidValueError
from ml_dash.server.points import columns, pyramid, summary
from ml_dash.server.points.limits import BINS, CANDIDATES, FAN_OUT, KEYS, POINTS_PER_BIN
from ml_dash.server.points.pyramid import Array, Node
from ml_dash.server.points.series import chunks_between, waiting_points
from ml_dash.server.points.tables import chunks, series

FEWEST = 3
MOST = 100_000


@dataclass(frozen=True)
class Chart:
    """Chosen points, and how many stand behind them.

    Attributes:
        indexes: Index of each chosen point, ascending.
        values: Its number; NaN and the infinities are among them.
        total: Points of the series in the asked range, with or without a number under the key.
        count: Numbers under the key in the asked range: what stands behind the chosen ones.
        non_finite: How many of these are NaN or infinite.
    """

    indexes: Array
    values: Array
    total: int
    count: int
    non_finite: int

    @property
    def exact(self) -> bool:
        """Whether every number of the range is there."""
        return len(self.indexes) == self.count


def downsampled(
    connection: Connection,
    series_id: int,
    key: str,
    n_points: int,
    start: int | None = None,
    stop: int | None = None,
) -> Chart:
    """Return at most ``n_points`` points of a series for a chart.

    Args:
        connection: An open transaction.
        series_id: The series; one that does not exist is empty.
        key: Dotted key of the numbers to draw.
        n_points: How many points at most, 3 to 100,000. All numbers are returned if they fit.
        start: First index of the range; the beginning, when omitted.
        stop: The index after the range; the end, when omitted.

    Raises:
        InvalidValueError: ``n_points`` is out of range.
        CorruptDataError: a stored batch, chunk or node is damaged.
    """
    if not FEWEST <= n_points <= MOST:
        raise InvalidValueError(
            f"A chart has {FEWEST} to {MOST} points, not {n_points}", context={"n_points": n_points}
        )
    first = max(start or 0, 0)
    # What waits is read first: a point that moves into a chunk meanwhile is then seen twice.
    waiting, waiting_end = _waiting(connection, series_id, key, first, stop)
    row = connection.execute(select(series).where(series.c.id == series_id)).one_or_none()
    if row is None:
        return Chart(*columns.joined([]), 0, 0, 0)
    chunked_end = row.chunked if stop is None else min(stop, row.chunked)
    parts = _chunked(connection, row, key, first, chunked_end, n_points)
    parts.append(_cut(waiting, row.chunked, None))
    total = max(max(chunked_end, waiting_end) - first, 0)
    return _chosen(parts, total, n_points)


def _waiting(
    connection: Connection, series_id: int, key: str, start: int, stop: int | None
) -> tuple[Node, int]:
    at, values, end = [], [], 0
    for point in waiting_points(connection, series_id, start, stop):
        number = point.data.get(key)
        if type(number) is not float:
            number = dict(columns.number_leaves(point.data)).get(key)
        if number is not None:
            at.append(point.index)
            values.append(number)
        end = point.index + 1
    return _counted(*columns.joined([(at, values)])), end


def _chunked(
    connection: Connection, row: Any, key: str, start: int, stop: int, n_points: int
) -> list[Node]:
    """Return what is in chunks: raw at both ends of the range, from the pyramid in between."""
    if start >= stop:
        return []
    first, last = _chunk_at(connection, row.id, start), _chunk_at(connection, row.id, stop - 1)
    whole_first = first.number + (first.first_index < start)
    whole_stop = last.number + (last.first_index + last.points <= stop)
    span = whole_stop - whole_first
    points = last.first_index + last.points - first.first_index
    top = _level(span, points / (last.number - first.number + 1), n_points)
    if top is None or _has_more_keys(row):
        return _raw(connection, row.id, key, start, stop)
    parts = [pyramid.read(connection, row.id, key, whole_first, whole_stop, top)]
    if whole_first > first.number:
        parts += _raw(connection, row.id, key, start, first.first_index + first.points)
    if whole_stop <= last.number:
        parts += _raw(connection, row.id, key, last.first_index, stop)
    return parts


def _has_more_keys(row: Any) -> bool:
    """Return whether a series has keys that the pyramid leaves out; mostly known by the length."""
    return len(row.summary) > KEYS * 10 and summary.is_full(codec.decode(row.summary))


def _level(span: int, per_chunk: float, n_points: int) -> int | None:
    """Return the highest level that offers enough numbers to choose from; None if none does."""
    best, level, width = None, 0, 1
    while span >= width:
        bins = max(4, min(BINS, int(per_chunk * width) // POINTS_PER_BIN))
        if span // width * 2 * bins < CANDIDATES * n_points:
            break
        best, level, width = level, level + 1, width * FAN_OUT
    return best


def _raw(connection: Connection, series_id: int, key: str, start: int, stop: int) -> list[Node]:
    parts = []
    for row in chunks_between(connection, series_id, start, stop):
        at, values = columns.numbers(row.payload, key)
        parts.append(_cut(_counted(at + row.first_index, values), start, stop))
    return parts


def _chunk_at(connection: Connection, series_id: int, index: int) -> Any:
    statement = (
        select(chunks.c.number, chunks.c.first_index, chunks.c.points)
        .where(chunks.c.series_id == series_id, chunks.c.first_index <= index)
        .order_by(chunks.c.first_index.desc())
        .limit(1)
    )
    return connection.execute(statement).one()


def _counted(at: Array, values: Array) -> Node:
    return Node(at, values, len(at), int(np.sum(~np.isfinite(values))))


def _cut(node: Node, start: int, stop: int | None) -> Node:
    """Return the part of raw numbers from ``start`` to before ``stop``."""
    first = np.searchsorted(node.at, start)
    last = len(node.at) if stop is None else np.searchsorted(node.at, stop)
    return _counted(node.at[first:last], node.values[first:last])


def _chosen(parts: list[Node], total: int, n_points: int) -> Chart:
    at, values = columns.joined([(part.at, part.values) for part in parts])
    count, non_finite = sum(p.count for p in parts), sum(p.non_finite for p in parts)
    if len(at) > n_points:
        finite = np.isfinite(values)
        odd = np.flatnonzero(~finite)
        if len(odd) > n_points // 4:
            odd = odd[np.linspace(0, len(odd) - 1, n_points // 4).round().astype(np.int64)]
        kept = np.flatnonzero(finite)
        kept = kept[_shape(at[kept], values[kept], n_points - len(odd))]
        chosen = np.sort(np.concatenate([kept, odd]))
        at, values = at[chosen], values[chosen]
    return Chart(at, values, total, count, non_finite)


def _shape(at: Array, values: Array, n_points: int) -> Array:
    """Return the positions of the points that keep a curve's shape, extremes among them."""
    if len(at) <= n_points:
        return np.arange(len(at))
    from tsdownsample import MinMaxLTTBDownsampler

    ends = [int(np.argmin(values)), int(np.argmax(values))]
    room = n_points - len(ends)
    if room < FEWEST:
        return np.unique([0, *ends][:n_points])
    picked = MinMaxLTTBDownsampler().downsample(at, values, n_out=room, minmax_ratio=CANDIDATES)
    return np.unique(np.concatenate([picked, np.array(ends)]).astype(np.int64))
