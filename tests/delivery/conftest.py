"""A server, and runs on their way to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import folder_of
from ml_dash._store.run_store import RunStore
from tests.delivery.loopback import TOKEN, Loopback, serving

PREFIX = "alice/vision/sweeps/first"


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Return a server that runs until the test ends."""
    with serving() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return an open run."""
    made = RunStore(tmp_path / "data", PREFIX.split("/"), "vision")
    made.open(described())
    return made


def described(**changes: Any) -> dict[str, Any]:
    """Return what a run is opened with."""
    return {
        "name": "first", "project": "vision", "description": "a run", "tags": ["t1"],
        "bindrs": [], "prefix": PREFIX, "metadata": {"seed": 7}, "write_protected": False,
        **changes,
    }  # fmt: skip


@pytest.fixture
def deliver(server: Loopback, store: RunStore) -> Iterator[Callable[..., RunDelivery]]:
    """Return a function that makes deliveries of the run to the server."""
    made: list[RunDelivery] = []

    def make(**changes: Any) -> RunDelivery:
        settings = {"backoff": Backoff(base_s=0.0), **changes}
        folder = folder_of(store.folder, server.url)
        folder.make(server.url, spool=False)
        client = Server(
            server.url, "alice", timeout_s=settings.pop("timeout_s", 5.0), api_key=TOKEN
        )
        made.append(RunDelivery(store, folder, client, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
    store.close("COMPLETED")
