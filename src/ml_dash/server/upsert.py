"""Rows that several clients may make at the same moment: one is made, and all get it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row, unless one of its unique keys is taken; return whether it was inserted."""
    return bool(insert_all_new(connection, table, [values]))


def insert_all_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> set[Any]:
    """Insert rows, but those of which a unique key is taken.

    Args:
        connection: An open write transaction.
        table: A table whose primary key is one column.
        rows: The rows, with the same columns each; not empty.

    Returns:
        The primary keys of those that were inserted.
    """
    # Not by the number of rows, which is -1 on PostgreSQL whatever happened.
    made = connection.execute(_insert_new(connection.dialect.name, table), list(rows))
    return set(made.scalars())


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    # Made once: to make a statement takes longer than to run it.
    statement = _insert(dialect, table).on_conflict_do_nothing()
    return statement.returning(*table.primary_key.columns)


def upsert(
    connection: Connection,
    table: Table,
    key: Sequence[Column[Any]],
    values: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> Any:
    """Insert a row, or change the one with the same key; return it, locked until the end.

    Args:
        connection: An open write transaction.
        table: The table.
        key: The columns of one of its unique indexes.
        values: The row, when it is new.
        changes: What to change in the row that is there; not empty.
    """
    statement = _insert(connection.dialect.name, table).values(**values)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=dict(changes))
    return connection.execute(statement.returning(*table.c)).one()


def upsert_many(
    connection: Connection,
    table: Table,
    key: Sequence[Column[Any]],
    rows: Sequence[Mapping[str, Any]],
    changes: Sequence[str],
) -> None:
    """Insert rows in order, or change those with the same keys; they are locked until the end.

    Args:
        connection: An open write transaction.
        table: The table.
        key: The columns of one of its unique indexes.
        rows: The rows, all with the same columns; not empty.
        changes: The columns that the row that is there takes over from the new one.
    """
    statement = _insert(connection.dialect.name, table)
    taken = {name: statement.excluded[name] for name in changes}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=taken)
    connection.execute(statement, [dict(row) for row in rows])


def _insert(dialect: str, table: Table) -> Any:
    made: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return made(table)
