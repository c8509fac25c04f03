"""The start of a run on its server: who waits is told so, and what the server said is handed on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ml_dash._delivery import reaching
from ml_dash._delivery.reaching import reach
from ml_dash._delivery.sinks import Server
from ml_dash.exceptions import ServerUnreachableError
from tests.delivery.conftest import described
from tests.delivery.loopback import TOKEN, Loopback


@pytest.fixture
def client(server: Loopback) -> Iterator[Server]:
    """Return a client of the server."""
    made = Server(server.url, "alice", timeout_s=20.0, api_key=TOKEN)
    yield made
    made.close()


def test_who_waits_is_told_so(
    server: Loopback, client: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, after a while, even while the first request has not ended."""
    monkeypatch.setattr(reaching, "_SAY_AFTER_S", 0.05)
    said: queue.Queue[str] = queue.Queue()
    answers: list[dict[str, Any]] = []
    server.fail("hang")
    starts = threading.Thread(
        target=lambda: answers.append(reach(client, described(), 20.0, said.put))
    )
    starts.start()
    assert said.get(timeout=20) == f"Waiting for {server.url} to answer"
    assert not answers
    server.released.set()
    starts.join()
    assert answers[0]["experiment"]["id"]
    assert said.empty()


def test_who_does_not_wait_is_told_nothing(server: Loopback, client: Server) -> None:
    """Nothing is said, and nothing stays that could say it later."""
    said: queue.Queue[str] = queue.Queue()
    reach(client, described(), 20.0, said.put)
    assert said.empty()
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


def test_no_request_outlives_the_time(
    server: Loopback, client: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs is given up when the time is over, not when the request's is."""
    monkeypatch.setattr(reaching, "_LEAST_S", 0.1)
    server.fail("hang", times=1000)
    with pytest.raises(ServerUnreachableError, match="ReadTimeout"):
        reach(client, described(), 0.1, lambda _: None)
    assert client._transport._open_session().timeout_s == 20.0
    server.heal()
    assert reach(client, described(), 0.1, lambda _: None)["experiment"]["id"]


def test_the_hint_is_that_of_the_last_answer(server: Loopback, client: Server) -> None:
    """A page in place of an answer is another matter than a server that is not there."""
    server.fail("page", times=1000)
    with pytest.raises(ServerUnreachableError) as caught:
        reach(client, described(), 0.0, lambda _: None)
    assert "not of a proxy or a page" in caught.value.hint
