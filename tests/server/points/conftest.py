"""A database with the tables of points."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ml_dash.server.points.tables  # noqa: F401 - the tables that the fixture makes
from ml_dash.server.database import Database
from ml_dash.server.tables import metadata


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return an empty database, on SQLite and on PostgreSQL."""
    made = Database(database_url)
    metadata.create_all(made.engine)
    yield made
    made.close()
