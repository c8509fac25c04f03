"""One server for the tests of a file, emptied before each; on SQLite, or on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from ml_dash.server.database import Database
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import facts, metadata
from tests.server import postgres
from tests.server.live import Live, running


def emptied(live: Live) -> Live:
    """Take everything out of a server's database but what its processes share."""
    database = Database(live.settings.database_url)
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if table is not facts:
                connection.execute(table.delete())
    database.close()
    return live


@pytest.fixture(scope="module")
def _on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(ServerSettings(data=tmp_path_factory.mktemp("data"))) as made:
        yield made


@pytest.fixture(scope="module")
def _on_postgres(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: postgres.Cluster
) -> Iterator[Live]:
    data = tmp_path_factory.mktemp("data")
    name = f"web_{data.parent.name}_{data.name}".replace("-", "_")
    url = postgres_cluster.new_database(name)
    with running(ServerSettings(data=data, database=url)) as made:
        yield made


@pytest.fixture
def live(_on_sqlite: Live) -> Live:
    """Return an empty server on SQLite."""
    return emptied(_on_sqlite)


@pytest.fixture(params=["sqlite", "postgres"])
def live_on_both(request: pytest.FixtureRequest) -> Live:
    """Return an empty server: each test runs once on SQLite, once on PostgreSQL."""
    found: Live = request.getfixturevalue(f"_on_{request.param}")
    return emptied(found)


@pytest.fixture
def alice(live: Live) -> httpx.Client:
    """Return a client of the user alice."""
    return live.as_user("alice")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with low limits."""
    settings = ServerSettings(
        data=tmp_path_factory.mktemp("data"), body_max_bytes=100_000, file_max_bytes=50_000,
        batch_max=100, page_max=50,
    )  # fmt: skip
    with running(settings) as made:
        yield made
