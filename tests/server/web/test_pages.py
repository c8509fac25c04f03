"""Lists come in pages, which say whether there is more; nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ml_dash.client import RemoteClient
from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, experiment_of, running

NAMES = [f"m/{n}" for n in range(7)]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server whose answers have three things at most."""
    with running(ServerSettings(data=tmp_path_factory.mktemp("data"), page_max=3)) as made:
        yield made


@pytest.fixture(scope="module")
def run(live: Live) -> str:
    """Return a run of alice with seven metrics, tracks, log lines, and points of one metric."""
    client = live.as_user("alice")
    path = experiment_of(client)
    for name in NAMES:
        body: dict[str, Any] = {"dataPoints": [{"a": 1}] * 7}
        client.post(f"{path}/metrics/{name}/append-batch", json=body).raise_for_status()
        body = {"entries": [{"timestamp": 1, "a": 1}]}
        client.post(f"{path}/tracks/{name}/append_batch", json=body).raise_for_status()
    logs = {"logs": [{"message": str(n)} for n in range(7)]}
    client.post(f"{path}/logs", json=logs).raise_for_status()
    return path


def paged(client: httpx.Client, path: str, name: str, step: str, **params: Any) -> list[Any]:
    """Return all pages of a list, each of which has two things."""
    found: list[Any] = []
    while True:
        reply = client.get(path, params={**params, "limit": 2, step: len(found)}).json()
        assert len(reply[name]) <= 2
        found += reply[name]
        if not reply["hasMore"]:
            return found


def test_pages_cover_all_and_nothing_twice(live: Live, run: str) -> None:
    """Metrics, tracks, log lines, points."""
    client = live.as_user("alice")
    assert [each["name"] for each in paged(client, f"{run}/metrics", "metrics", "offset")] == NAMES
    assert [each["topic"] for each in paged(client, f"{run}/tracks", "tracks", "offset")] == NAMES
    some = paged(client, f"{run}/tracks", "tracks", "offset", topic="m/*")
    assert [each["totalEntries"] for each in some] == [1] * 7
    logs = paged(client, f"{run}/logs", "logs", "offset")
    assert [each["message"] for each in logs] == list("0123456")
    points = paged(client, f"{run}/metrics/m/0/data", "data", "startIndex")
    assert [each["index"] for each in points] == list("0123456")


def test_no_answer_has_more_than_the_most(live: Live, run: str) -> None:
    """Without a limit, and with a large one; and it says that there is more."""
    client = live.as_user("alice")
    for path, name in (("metrics", "metrics"), ("tracks", "tracks"), ("logs", "logs"),
                       ("metrics/m/0/data", "data")):  # fmt: skip
        for params in ({}, {"limit": 1000}):
            reply = client.get(f"{run}/{path}", params=params).json()
            assert (len(reply[name]), reply["hasMore"]) == (3, True)
    query = """query($e: ID!) { experimentsPaginated(projectSlug: "vision", limit: 1000, offset: 0)
      { experiments { id } hasMore } experimentById(id: $e) {
      filesPaginated(limit: 1000, offset: 0) { totalCount } } }"""
    body = {"query": query, "variables": {"e": run.rpartition("/")[2]}}
    assert "errors" not in client.post("/graphql", json=body).json()


def test_our_client_reads_all_pages(live: Live, run: str) -> None:
    """Though it asks for no page."""
    client = RemoteClient(live.url, namespace="alice", api_key=live.token("alice"))
    number = run.rpartition("/")[2]
    assert [each["name"] for each in client.list_metrics(number)] == NAMES
    assert [each["topic"] for each in client.list_tracks_or_raise(number)] == NAMES
    client.close()


@pytest.mark.parametrize("topic", ["m/%", "m/_", "M/*", "%*", "_*"])
def test_topics_are_no_patterns_of_the_database(live: Live, run: str, topic: str) -> None:
    """Only the star at the end is one."""
    client = live.as_user("alice")
    assert client.get(f"{run}/tracks", params={"topic": topic}).json()["tracks"] == []
