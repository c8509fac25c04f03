"""Experiments that are shown together: what belongs to them is read for all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from ml_dash.server.points.tables import series
from ml_dash.server.query.budget import Budget
from ml_dash.server.records import described, files
from ml_dash.server.tables import parameters, reports
from ml_dash.server.web import shapes

_AT_ONCE = 5000


class Group:
    """Experiments of one answer.

    Args:
        connection: The answer's transaction.
        rows: Their rows.
        show_project: Returns a project as GraphQL sees it, by its id.
        page_max: Most files of a page.
        budget: What the answer may cost.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Sequence[Any],
        show_project: Callable[[int], dict[str, Any]],
        page_max: int,
        budget: Budget,
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._ids = [row.id for row in rows]
        self._show_project = show_project
        self._page_max = page_max
        self._budget = budget

    def shown(self) -> list[dict[str, Any]]:
        """Return the experiments as GraphQL sees them."""
        self._budget.spend(len(self._rows))
        return [self._shown(row) for row in self._rows]

    def _shown(self, row: Any) -> dict[str, Any]:
        return {
            **shapes.experiment(row),
            "logMetadata": {"totalLogs": row.logs},
            "project": lambda _info: self._show_project(row.project_id),
            "metrics": lambda _info: list(map(self._metric, self._spent(self._metrics[row.id]))),
            "files": lambda _info: list(map(file_node, self._spent(self._files[row.id]))),
            "filesPaginated": lambda _info, limit, offset: self._page(row.id, limit, offset),
            "trackCount": lambda _info: self._track_counts.get(row.id, 0),
            "parameters": lambda _info: self._parameters.get(row.id),
            "reports": lambda _info: list(map(shapes.report, self._spent(self._reports[row.id]))),
        }

    def _metric(self, row: Any) -> dict[str, Any]:
        return {
            "name": row.name,
            "metricMetadata": lambda _info: {"totalDataPoints": self._totals.get(row.id, 0)},
        }

    def _page(self, experiment_id: int, limit: int, offset: int) -> dict[str, Any]:
        most = page_size(limit, self._page_max)
        found = files.listed(self._connection, [experiment_id], most, max(offset, 0))
        total = files.counted(self._connection, [experiment_id]).get(experiment_id, 0)
        return paged("files", list(map(file_node, self._spent(found))), total, offset)

    def _spent(self, rows: list[Any]) -> list[Any]:
        self._budget.spend(len(rows))
        return rows

    @cached_property
    def _metrics(self) -> dict[int, list[Any]]:
        return _by_experiment(described.listed(self._connection, described.metrics, self._ids))

    @cached_property
    def _totals(self) -> dict[int, int]:
        ids = [each.id for found in self._metrics.values() for each in found]
        totals: dict[int, int] = {}
        for start in range(0, len(ids), _AT_ONCE):
            wanted = series.c.id.in_(ids[start : start + _AT_ONCE])
            found = select(series.c.id, series.c.next_index).where(wanted)
            totals |= {row.id: row.next_index for row in self._connection.execute(found)}
        return totals

    @cached_property
    def _files(self) -> dict[int, list[Any]]:
        return _by_experiment(files.listed(self._connection, self._ids))

    @cached_property
    def _track_counts(self) -> dict[int, int]:
        return described.counted(self._connection, described.tracks, self._ids)

    @cached_property
    def _reports(self) -> dict[int, list[Any]]:
        wanted = reports.c.experiment_id.in_(self._ids)
        found = select(reports).where(wanted).order_by(reports.c.told_ms)
        return _by_experiment(self._connection.execute(found).all())

    @cached_property
    def _parameters(self) -> dict[int, dict[str, Any]]:
        wanted = parameters.c.experiment_id.in_(self._ids)
        rows = self._connection.execute(select(parameters).where(wanted))
        return {row.experiment_id: {"id": str(row.id), "data": row.data} for row in rows}


def file_node(row: Any) -> dict[str, Any]:
    """Return a file, or another node without children, as GraphQL sees it."""
    return {"physicalFile": None, **shapes.node(row), "children": []}


def page_size(limit: int, most: int) -> int:
    """Return how many things a page has."""
    return max(1, min(limit, most))


def paged(name: str, found: list[Any], total: int, offset: int) -> dict[str, Any]:
    """Return a page."""
    return {
        name: found, "totalCount": total, "hasMore": max(offset, 0) + len(found) < total,
    }  # fmt: skip


def _by_experiment(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.experiment_id].append(row)
    return found
