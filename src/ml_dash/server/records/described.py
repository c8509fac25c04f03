"""Metrics and tracks as things with a name, a description, tags and metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.names import checked_name, checked_tags
from ml_dash.server.tables import metrics, tracks
from ml_dash.server.upsert import insert_all_new

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
    """Return a metric or a track; see :func:`ensure_all`."""
    return ensure_all(connection, ids, table, experiment_id, {name: facts})[name]


def ensure_all(
    connection: Connection,
    ids: Ids,
    table: Table,
    experiment_id: int,
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return metrics or tracks, made when they are not there; what is given of them is noted.

    Args:
        connection: An open write transaction.
        ids: Gives the ids of new ones.
        table: ``metrics`` or ``tracks``.
        experiment_id: Whose they are.
        facts: What is given of each, by its name; not empty.

    Raises:
        UnfitError: a name or a tag cannot be one.
    """
    given = {name: _given(each) for name, each in facts.items()}
    rows = _found(connection, table, experiment_id, given)
    missing = [name for name in given if name not in rows]
    if missing:
        now, label = now_ms(), _NAMES[table.name]
        new = [
            {"id": ids.new(), "experiment_id": experiment_id, label: checked, "tags": [],
             "description": None, "metadata": None, "created_ms": now, "updated_ms": now,
             **given[checked]}
            for checked in (checked_name(name, _WHAT[table.name], slashes=True) for name in missing)
        ]  # fmt: skip
        insert_all_new(connection, table, new)
        rows |= _found(connection, table, experiment_id, missing)
    return {name: _updated(connection, table, rows[name], given[name]) for name in given}


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: facts[key] for key in ("description", "tags", "metadata") if facts.get(key)}
    if "tags" in given:
        given["tags"] = checked_tags(given["tags"])
    return given


def _found(
    connection: Connection, table: Table, experiment_id: int, names: Collection[str]
) -> dict[str, Any]:
    label = _NAMES[table.name]
    own = (table.c.experiment_id == experiment_id) & table.c[label].in_(names)
    return {getattr(row, label): row for row in connection.execute(select(table).where(own))}


def _updated(connection: Connection, table: Table, row: Any, given: Mapping[str, Any]) -> Any:
    if all(getattr(row, key) == value for key, value in given.items()):
        return row
    changed = update(table).where(table.c.id == row.id).values(**given, updated_ms=now_ms())
    return connection.execute(changed.returning(*table.c)).one()


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


__all__ = ["counted", "ensure", "ensure_all", "find", "listed", "metrics", "paged", "tracks"]
