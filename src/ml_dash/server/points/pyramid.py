"""The pyramid from which charts of long series are drawn.

A node keeps, of one key and one stretch of chunks, the lowest and the highest number of each of up
to ``BINS`` pieces, and how many numbers stand behind them. Level 0 covers one chunk, each further
level ``FAN_OUT`` nodes of the level below. Nodes are immutable and made together with the chunks,
so a chart of any length is read from a number of nodes that does not grow with the series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, and_, or_, select

from ml_dash.exceptions import CorruptDataError
from ml_dash.server.points import columns
from ml_dash.server.points.limits import BINS, FAN_OUT, KEYS, POINTS_PER_BIN
from ml_dash.server.points.tables import nodes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Node:
    """Chosen numbers of one key, by index; and how many there are in all."""

    at: Array
    values: Array
    count: int
    non_finite: int


def digest(key: str) -> str:
    """Return what stands for a key in the table of nodes."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def reduced(node: Node, covered: int) -> Node:
    """Return a node with fewer numbers: the extremes of each piece, and some that are not finite.

    Args:
        node: What to choose from.
        covered: Points, with or without a number, that the node stands for.
    """
    bins = max(4, min(BINS, covered // POINTS_PER_BIN))
    finite = np.isfinite(node.values)
    at, values = node.at[finite], node.values[finite]
    chosen = extremes(values, bins)
    odd_at, odd = _thinned(node.at[~finite], node.values[~finite], bins // 4 + 1)
    kept = columns.joined([(at[chosen], values[chosen]), (odd_at, odd)])
    return Node(*kept, node.count, node.non_finite)


def extremes(values: Array, bins: int) -> Array:
    """Return the positions of the lowest and the highest of each of ``bins`` pieces, in order."""
    if len(values) <= 2 * bins:
        return np.arange(len(values))
    from tsdownsample import MinMaxDownsampler

    return np.unique(MinMaxDownsampler().downsample(values, n_out=2 * bins))


def leaves(numbers: columns.Columns, first_index: int, covered: int) -> dict[str, Node]:
    """Return the nodes of level 0 of one chunk, for each of its first ``KEYS`` keys with numbers.

    A series with more is drawn from its chunks: its summary is full, which tells.

    Args:
        numbers: The chunk's numbers by key; positions count from its start.
        first_index: Index of the chunk's first point.
        covered: Points of the chunk.
    """
    found = {}
    for key, (at, listed) in islice(numbers.items(), KEYS):
        places, values = columns.joined([(at, columns.as_floats(listed))])
        odd = int(np.sum(~np.isfinite(values)))
        found[key] = reduced(Node(places + first_index, values, len(values), odd), covered)
    return found


def merged(children: Iterable[Node], covered: int) -> Node:
    """Return the node above some nodes, which are given in order."""
    parts = list(children)
    at, values = columns.joined([(part.at, part.values) for part in parts])
    whole = Node(at, values, sum(p.count for p in parts), sum(p.non_finite for p in parts))
    return reduced(whole, covered)


def new_nodes(
    connection: Connection, series_id: int, number: int, leaf: dict[str, Node], first_points: int
) -> Iterator[tuple[int, int, str, Node]]:
    """Yield level, number, digest and node of all nodes that a new chunk completes.

    Args:
        connection: For the nodes that are there; they are immutable.
        series_id: The series.
        number: Number of the new chunk.
        leaf: Its nodes of level 0, by key.
        first_points: Points of the chunk.
    """
    level = 0
    current = {digest(key): node for key, node in leaf.items()}
    covered = first_points
    while True:
        for name, node in current.items():
            yield level, number, name, node
        if number % FAN_OUT != FAN_OUT - 1:
            return
        covered *= FAN_OUT
        siblings = _by_digest(connection, series_id, level, number - FAN_OUT + 1, number)
        for name, node in current.items():
            siblings.setdefault(name, []).append(node)
        current = {name: merged(parts, covered) for name, parts in siblings.items()}
        level, number = level + 1, number // FAN_OUT


def _by_digest(
    connection: Connection, series_id: int, level: int, first: int, stop: int
) -> dict[str, list[Node]]:
    statement = (
        select(nodes)
        .where(nodes.c.series_id == series_id, nodes.c.level == level)
        .where(nodes.c.number >= first, nodes.c.number < stop)
        .order_by(nodes.c.number)
    )
    found: dict[str, list[Node]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.key_digest, []).append(_read(row))
    return found


def cover(first: int, stop: int, top: int) -> list[tuple[int, int, int]]:
    """Return levels and stretches of nodes, none above ``top``, that cover chunks exactly.

    Args:
        first: The first chunk.
        stop: The chunk after the last.
        top: The highest level to use.

    Returns:
        Tuples of level, first node, node after the last; at most two for each level.
    """
    found: list[tuple[int, int, int]] = []
    for level in range(top):
        # What does not fill a node of the next level, at either end, is taken from this one.
        inner_first, inner_stop = -(-first // FAN_OUT), stop // FAN_OUT
        if inner_first >= inner_stop:
            return [*found, (level, first, stop)]
        found += [(level, first, inner_first * FAN_OUT), (level, inner_stop * FAN_OUT, stop)]
        first, stop = inner_first, inner_stop
    return [part for part in (*found, (top, first, stop)) if part[1] < part[2]]


def read(connection: Connection, series_id: int, key: str, first: int, stop: int, top: int) -> Node:
    """Return what the pyramid holds of a key from chunk ``first`` to before ``stop``.

    Raises:
        CorruptDataError: a node is damaged.
    """
    parts = [
        and_(nodes.c.level == level, nodes.c.number >= begin, nodes.c.number < end)
        for level, begin, end in cover(first, stop, top)
        if begin < end
    ]
    if not parts:
        return Node(*columns.joined([]), 0, 0)
    own = and_(nodes.c.series_id == series_id, nodes.c.key_digest == digest(key))
    found: list[Node] = [
        _read(row) for row in connection.execute(select(nodes).where(own, or_(*parts)))
    ]
    at, values = columns.joined([(node.at, node.values) for node in found])
    return Node(at, values, sum(n.count for n in found), sum(n.non_finite for n in found))


def written(node: Node) -> bytes:
    """Return a node's numbers as bytes: count, steps between indexes, values; compressed."""
    steps = np.diff(node.at, prepend=0).astype("<i8").tobytes()
    body = steps + node.values.astype("<f8").tobytes()
    packed: bytes = pa.Codec("zstd", compression_level=1).compress(body, asbytes=True)
    return len(node.at).to_bytes(4, "little") + packed


def _read(row: Any) -> Node:
    count = int.from_bytes(row.payload[:4], "little")
    try:
        body = pa.Codec("zstd").decompress(row.payload[4:], 16 * count, asbytes=True)
    except (pa.ArrowException, OSError) as error:
        raise CorruptDataError(
            f"Node {row.level}/{row.number} of series {row.series_id} is unreadable: {error}",
            kept="the points themselves, in their chunks",
            hint="restore the database from a backup",
            cause=error,
        ) from error
    at = np.cumsum(np.frombuffer(body, "<i8", count))
    values = np.frombuffer(body, "<f8", count, offset=8 * count)
    return Node(at, values, row.numbers, row.non_finite)


def _thinned(at: Array, values: Array, most: int) -> tuple[Array, Array]:
    if len(at) <= most:
        return at, values
    chosen = np.unique(np.linspace(0, len(at) - 1, most).round().astype(np.int64))
    return at[chosen], values[chosen]
