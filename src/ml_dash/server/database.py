"""The server's database: one write transaction or one read at a time, on SQLite or PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, create_engine, event


class Database:
    """Engine and transactions.

    Args:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, **_pool(url))
        self._one_writer: AbstractContextManager[Any] = nullcontext()
        if self.engine.dialect.name == "sqlite":
            # SQLite has one writer at a time; those of other processes sleep until it is their
            # turn, but threads of this one need not.
            self._one_writer = threading.Lock()
            event.listen(self.engine, "connect", _on_connect)
            event.listen(self.engine, "begin", _on_begin)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block."""
        with self._one_writer:
            made = self.engine.connect().execution_options(ml_dash_write=True)
            with made as connection, connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _pool(url: str) -> dict[str, Any]:
    """Return how many connections there are.

    One for each thread that answers requests, on SQLite. Those to PostgreSQL are fewer, since all
    processes share its limit; each is asked first, since a restarted one has closed them.
    """
    if url.startswith("sqlite"):
        return {"pool_size": 20, "max_overflow": 40}
    return {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    # FULL: what was acknowledged survives a power cut too; a commit takes a millisecond more.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("ml_dash_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
