"""Taking a project away, with all that is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from ml_dash.server import points
from ml_dash.server.points import tracks as entries
from ml_dash.server.tables import (
    applied,
    experiments,
    logs,
    metrics,
    nodes,
    parameters,
    projects,
    reports,
    tracks,
)


@dataclass(frozen=True)
class Removed:
    """How much was taken away."""

    nodes: int
    experiments: int


def remove_project(connection: Connection, project: Any) -> Removed:
    """Remove a project; the bytes of its files go at the next collection."""
    own = nodes.c.project_id == project.id
    count = select(func.count()).select_from(nodes).where(own, nodes.c.gone == 0)
    removed = int(connection.execute(count).scalar_one())
    found = select(experiments.c.id).where(experiments.c.project_id == project.id)
    experiment_ids = list(connection.execute(found).scalars())
    for experiment_id in experiment_ids:
        _remove_records(connection, experiment_id)
    connection.execute(delete(experiments).where(experiments.c.project_id == project.id))
    connection.execute(delete(nodes).where(own))
    connection.execute(delete(projects).where(projects.c.id == project.id))
    return Removed(removed, len(experiment_ids))


def _remove_records(connection: Connection, experiment_id: int) -> None:
    for table, remove in ((metrics, points.remove), (tracks, entries.remove)):
        found = select(table.c.id).where(table.c.experiment_id == experiment_id)
        for series_id in connection.execute(found).scalars().all():
            remove(connection, series_id)
    for table in (metrics, tracks, logs, parameters, applied, reports):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))
