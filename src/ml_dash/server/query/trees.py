"""The nodes of a project as a tree."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from ml_dash.server.ids import parsed
from ml_dash.server.query.budget import Budget
from ml_dash.server.records.nodes import TOP
from ml_dash.server.tables import nodes
from ml_dash.server.web import shapes

DEEPEST = 20


class Tree:
    """Folders, experiments and files of a project.

    Args:
        connection: The answer's transaction.
        project_id: The project.
        budget: What the answer may cost.
    """

    def __init__(self, connection: Connection, project_id: int, budget: Budget) -> None:
        self._connection = connection
        self._project_id = project_id
        self._budget = budget

    def below(self, parent_id: str | None, max_depth: int | None) -> list[dict[str, Any]]:
        """Return the nodes below one, or those at the top; at most so many levels."""
        number = TOP if parent_id in (None, "ROOT") else parsed(parent_id)
        levels = min(DEEPEST if max_depth is None else max_depth, DEEPEST)
        return [] if number is None else self._children(number, levels)

    def _children(self, parent_id: int, levels: int) -> list[dict[str, Any]]:
        if levels <= 0:
            return []
        rows = self._by_parent[parent_id]
        self._budget.spend(len(rows))
        return [self._shown(row, levels) for row in rows]

    def _shown(self, row: Any, levels: int) -> dict[str, Any]:
        node = {"physicalFile": None, **shapes.node(row)}
        if row.type == "FOLDER":
            # Clients take a node with an experiment's id for the experiment.
            node["experimentId"] = None
        node["children"] = lambda _info: self._children(row.id, levels - 1)
        return node

    @cached_property
    def _by_parent(self) -> dict[int, list[Any]]:
        own = (nodes.c.project_id == self._project_id) & (nodes.c.gone == 0)
        shown = select(nodes).where(own, nodes.c.type != "PROJECT").order_by(nodes.c.id)
        found: dict[int, list[Any]] = defaultdict(list)
        for row in self._connection.execute(shown):
            found[row.parent_id].append(row)
        return found
