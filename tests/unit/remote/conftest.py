"""A running server and clients of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ml_dash._remote.retry import RetryPolicy
from ml_dash.client import RemoteClient
from tests.unit.remote.server import TOKEN, Server


class Waits:
    """Time that passes only by waiting, and a list of the waits."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waited_s: list[float] = []

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Let the time pass at once."""
        self.waited_s.append(seconds)
        self.now_s += seconds
        return stop.is_set()

    def policy(self, **changes: Any) -> RetryPolicy:
        """Return a policy that lives in this time, without chance."""
        settings: dict[str, Any] = {
            "clock": lambda: self.now_s, "wait": self.wait, "jitter": lambda: 1.0, **changes
        }  # fmt: skip
        return RetryPolicy(**settings)


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that runs until the test ends."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def waits() -> Waits:
    """Return a time of the test's own."""
    return Waits()


@pytest.fixture
def connect(server: Server, waits: Waits) -> Iterator[Callable[..., RemoteClient]]:
    """Return a function that makes clients of the server; they are closed in the end."""
    made: list[RemoteClient] = []

    def make(**changes: Any) -> RemoteClient:
        settings = {"api_key": TOKEN, "retry": waits.policy(), "timeout_s": 5.0, **changes}
        made.append(RemoteClient(settings.pop("url", server.url), **settings))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Callable[..., RemoteClient]) -> RemoteClient:
    """Return a client of the server."""
    return connect()
