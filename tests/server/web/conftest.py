"""A server for each test, on SQLite or on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, running


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Run a server on SQLite."""
    with running(ServerSettings(data=tmp_path / "data")) as made:
        yield made


@pytest.fixture
def live_on_both(tmp_path: Path, database_url: str) -> Iterator[Live]:
    """Run a server on SQLite and on PostgreSQL."""
    with running(ServerSettings(data=tmp_path / "data", database=database_url)) as made:
        yield made


@pytest.fixture
def alice(live: Live) -> httpx.Client:
    """Return a client of the user alice."""
    return live.as_user("alice")
