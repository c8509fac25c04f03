"""Folders of an experiment by their paths: found level by level, and made where they lack."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from ml_dash.server.ids import Ids
from ml_dash.server.records.nodes import ensure_folder, named
from ml_dash.server.tables import nodes

Steps = tuple[str, ...]
"""The names of folders, from the top of an experiment down."""


def ensure_folders(
    connection: Connection, ids: Ids, experiment: Any, paths: Collection[Steps]
) -> dict[Steps, Any]:
    """Return the nodes of folders, those above them included; what is not there is made.

    Args:
        connection: An open write transaction.
        ids: Gives out ids.
        experiment: The experiment.
        paths: The folders; ``()`` is the experiment itself.
    """
    top = select(nodes).where(nodes.c.id == experiment.node_id)
    found: dict[Steps, Any] = {(): connection.execute(top).one()}
    for depth in range(1, max(map(len, paths)) + 1):
        wanted = sorted({path[:depth] for path in paths if len(path) >= depth})
        places = {(found[path[:-1]].id, path[-1]) for path in wanted}
        known = named(connection, experiment.project_id, "FOLDER", places)
        for path in wanted:
            parent = found[path[:-1]]
            found[path] = known.get((parent.id, path[-1])) or ensure_folder(
                connection, ids, experiment.project_id, parent, path[-1], experiment.id
            )
    return found
