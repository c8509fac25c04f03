"""Databases for the tests of the server: the same tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server import postgres

if TYPE_CHECKING:
    from tests.server.web.wire import World


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that run a real old release."""
    config.addinivalue_line(
        "markers", "old_release: runs a real ml-dash 0.6 release (installed with pip, cached)"
    )


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """One cluster for all tests; skips, by name, what needs it where PostgreSQL is missing."""
    missing = postgres.missing_programs()
    if missing:
        pytest.skip(f"PostgreSQL is not installed: no {', '.join(missing)}")
    with postgres.cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: postgres.Cluster) -> str:
    """Return the URL of an empty database on PostgreSQL: the cluster's one, emptied."""
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres_cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        # What killed processes began may not have ended yet.
        others = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE "
        own = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        connection.execute(text(others + own))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_cluster.url("postgres")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new database: each test runs once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'server.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a run with something of each kind, on a server for the tests of a module."""
    from ml_dash.server.settings import ServerSettings
    from tests.server.live import running
    from tests.server.web.wire import made_run

    with running(ServerSettings(data=tmp_path_factory.mktemp("data"))) as live:
        yield made_run(live)
