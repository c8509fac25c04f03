"""Metrics and tracks as things with a name, a description, tags and metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.names import checked_name, checked_tags
from ml_dash.server.tables import metrics, tracks
from ml_dash.server.upsert import insert_new

_NAMES = {"metrics": "name", "tracks": "topic"}
_WHAT = {"metrics": "metric", "tracks": "track"}


def ensure(
    connection: Connection,
    ids: Ids,
    table: Table,
    experiment_id: int,
    name: str,
    facts: Mapping[str, Any],
) -> Any:
    """Return a metric or a track, made when it is not there; what is given of it is noted."""
    given = {key: facts[key] for key in ("description", "tags", "metadata") if facts.get(key)}
    if "tags" in given:
        given["tags"] = checked_tags(given["tags"])
    row = find(connection, table, experiment_id, name)
    if row is None:
        checked_name(name, _WHAT[table.name], slashes=True)
        now = now_ms()
        new = {"id": ids.new(), "experiment_id": experiment_id, _NAMES[table.name]: name,
               "tags": [], "created_ms": now, "updated_ms": now, **given}  # fmt: skip
        insert_new(connection, table, new)
        row = find(connection, table, experiment_id, name)
    if any(getattr(row, key) != value for key, value in given.items()):
        own = table.c.id == row.id  # type: ignore[union-attr]
        changed = update(table).where(own).values(**given, updated_ms=now_ms())
        row = connection.execute(changed.returning(*table.c)).one()
    return row


def find(connection: Connection, table: Table, experiment_id: int, name: str) -> Any | None:
    """Return a metric or a track by its name; None when there is none."""
    own = (table.c.experiment_id == experiment_id) & (table.c[_NAMES[table.name]] == name)
    return connection.execute(select(table).where(own)).one_or_none()


def listed(connection: Connection, table: Table, experiment_ids: Collection[int]) -> list[Any]:
    """Return the metrics or tracks of experiments, by name."""
    own = table.c.experiment_id.in_(experiment_ids)
    statement = select(table).where(own).order_by(table.c[_NAMES[table.name]])
    return list(connection.execute(statement))


def paged(
    connection: Connection, table: Table, experiment_id: int, pattern: str | None, limit: int,
    offset: int,
) -> tuple[list[Any], int]:  # fmt: skip
    """Return some metrics or tracks of an experiment, by name, and how many there are.

    Args:
        connection: An open transaction.
        table: ``metrics`` or ``tracks``.
        experiment_id: The experiment.
        pattern: Only that of this name, or, where it ends in ``*``, those that begin so.
        limit: At most so many.
        offset: Skip so many.
    """
    name = table.c[_NAMES[table.name]]
    wanted = [table.c.experiment_id == experiment_id]
    if pattern is not None:
        # LIKE of SQLite would not tell small letters from capitals.
        begins = func.substr(name, 1, len(pattern) - 1) == pattern[:-1]
        wanted.append(begins | (name == pattern) if pattern.endswith("*") else name == pattern)
    total = connection.execute(select(func.count()).select_from(table).where(*wanted)).scalar_one()
    statement = select(table).where(*wanted).order_by(name).limit(limit).offset(offset)
    return list(connection.execute(statement)), int(total)


def counted(
    connection: Connection, table: Table, experiment_ids: Collection[int]
) -> dict[int, int]:
    """Return how many metrics or tracks each of some experiments has."""
    own = table.c.experiment_id.in_(experiment_ids)
    statement = select(table.c.experiment_id, func.count()).where(own)
    rows = connection.execute(statement.group_by(table.c.experiment_id))
    return {row[0]: row[1] for row in rows}


__all__ = ["counted", "ensure", "find", "listed", "metrics", "paged", "tracks"]
