"""Databases are made and updated at the start, and those of newer releases are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import ml_dash.server.points.tables  # noqa: F401 - its tables belong to the metadata
from ml_dash.exceptions import ConfigurationError
from ml_dash.server.database import Database
from ml_dash.server.migrate import existing, migrate, revision
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import metadata


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return an empty database, on SQLite and on PostgreSQL."""
    with closing(Database(database_url)) as made:
        yield made


def test_the_changes_make_the_tables_that_the_program_uses(database: Database) -> None:
    """No table, column, or index differs; a second start changes nothing."""
    migrate(database)
    migrate(database)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert revision(connection) is not None


def test_servers_that_start_together_make_one_database(database_url: str) -> None:
    """One makes the tables, the others wait and find them."""

    def start(_: int) -> None:
        with closing(Database(database_url)) as own:
            migrate(own)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [None] * 4


def test_a_newer_database_is_refused_and_untouched(database: Database) -> None:
    """With both revisions in the text."""
    migrate(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"newer release.*9999"):
        migrate(database)
    with database.read() as connection:
        assert revision(connection) == "9999"
        assert "users" in inspect(connection).get_table_names()


def test_commands_want_a_database_that_a_server_has_made(database_url: str) -> None:
    """An empty one, or none, is an error that names it, and is left as it was."""
    settings = ServerSettings(database=database_url)
    with pytest.raises(ConfigurationError, match="No server has been started on"):
        existing(settings)
    assert settings.sqlite_file is None or not settings.sqlite_file.exists()
    with closing(Database(database_url)) as made:
        migrate(made)
    with closing(existing(settings)) as found, found.read() as connection:
        assert revision(connection) is not None
