"""Transactions: whole or not at all, one view per read, writers in turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, func, select

from ml_dash.server.database import Database
from tests.server import postgres

own = MetaData()
numbers = Table("numbers", own, Column("id", BigInteger, primary_key=True, autoincrement=False))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with one table."""
    made = Database(database_url)
    own.create_all(made.engine)
    yield made
    made.close()


def count(database: Database) -> int:
    """Return how many numbers are stored."""
    with database.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(numbers)) or 0)


def test_a_block_that_fails_stores_nothing(database: Database) -> None:
    """An error takes back all that its block wrote, and leaves the database usable."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117 - the block is what is tested
        with database.write() as connection:
            connection.execute(numbers.insert(), {"id": 1})
            _ = 1 // 0
    assert count(database) == 0
    with database.write() as connection:
        connection.execute(numbers.insert(), {"id": 2})
    assert count(database) == 1


def test_writers_wait_for_each_other(database: Database) -> None:
    """Eight threads that read, then write what they read plus one, never collide on SQLite."""
    if database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL orders writers by the rows they lock, not by transactions")

    def work() -> None:
        for _ in range(20):
            with database.write() as connection:
                last = connection.scalar(select(func.max(numbers.c.id))) or 0
                connection.execute(numbers.insert(), {"id": last + 1})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 160


def test_a_restarted_postgresql_is_found_again(postgres_cluster: postgres.Cluster) -> None:
    """Connections that a restart has closed are replaced without an error."""
    database = Database(postgres_cluster.url("template1"))
    with database.read() as connection:
        assert connection.scalar(select(1)) == 1
    postgres_cluster.kill()
    postgres_cluster.start()
    with database.read() as connection:
        assert connection.scalar(select(1)) == 1
    database.close()
