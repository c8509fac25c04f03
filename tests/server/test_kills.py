"""The server is killed with `-9` under load: what it acknowledged is there, and nothing twice."""

from __future__ import annotations

import os
import queue
import random
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml_dash.server.database import Database
from ml_dash.server.points.audit import problems
from tests.server import postgres
from tests.server.running import RunningServer, running_server

pytest.importorskip("ml_dash.server.launch")

KILLS = int(os.environ.get("ML_DASH_TEST_KILLS", "2"))
CLIENTS = 3
BATCH = 40


class Client(threading.Thread):
    """Sends batches under keys, each again until it is acknowledged, as a delivery does."""

    def __init__(self, server: RunningServer, number: int, told: queue.Queue[int]) -> None:
        super().__init__()
        self._server = server
        self._number = number
        self._told = told
        self._http = httpx.Client(timeout=60)
        self.ending = threading.Event()
        self.acknowledged: list[dict[str, Any]] = []
        body = {"type": "EXPERIMENT", "name": f"run-{number}", "parentId": "ROOT"}
        url = f"{server.address}/api/namespaces/lab/nodes"
        opened = self._http.post(url, json={**body, "projectSlug": "killed"})
        self.experiment: str = opened.raise_for_status().json()["experiment"]["id"]

    def run(self) -> None:
        """Send until told to end."""
        while not self.ending.is_set():
            first = len(self.acknowledged) * BATCH
            data = [{"client": self._number, "n": first + n} for n in range(BATCH)]
            reply = self._send(data, f"run-{self._number}/train/{first}-{first + BATCH - 1}")
            self.acknowledged.append(reply)
            self._told.put(self._number)
        self._http.close()

    def _send(self, data: list[dict[str, Any]], key: str) -> dict[str, Any]:
        url = f"{self._server.address}/api/experiments/{self.experiment}/metrics/train/append-batch"
        while True:
            try:
                reply = self._http.post(
                    url, json={"dataPoints": data}, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError:  # killed; the port is the same when it is back
                self.ending.wait(0.02)
                continue
            if reply.status_code < 500:
                found: dict[str, Any] = reply.raise_for_status().json()
                return found


def read_all(address: str, experiment: str) -> list[dict[str, Any]]:
    """Return all points of an experiment's metric, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = httpx.get(
            f"{address}/api/experiments/{experiment}/metrics/train/data",
            params={"startIndex": len(found), "limit": 1000}, timeout=60,
        ).raise_for_status().json()  # fmt: skip
        found += page["data"]
        if not page["hasMore"]:
            return found


def survive(server: RunningServer, kill_and_restart: Any, seed: int) -> None:
    """Load a server, kill it at random moments, and check what is there in the end."""
    told: queue.Queue[int] = queue.Queue()
    clients = [Client(server, number, told) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    randomly = random.Random(seed)
    for _ in range(KILLS):
        for _ in range(randomly.randint(5, 60)):
            told.get(timeout=120)
        kill_and_restart()
    for _ in range(10):
        told.get(timeout=120)
    for client in clients:
        client.ending.set()
    for client in clients:
        client.join()
        expected = len(client.acknowledged) * BATCH
        found = read_all(server.address, client.experiment)
        assert [int(point["index"]) for point in found] == list(range(expected))
        assert [point["data"]["n"] for point in found] == list(range(expected))
        starts = [int(reply["startIndex"]) for reply in client.acknowledged]
        assert starts == list(range(0, expected, BATCH))


def check_database(url: str) -> None:
    """Check that what is stored agrees with itself."""
    database = Database(url)
    with database.read() as connection:
        assert list(problems(connection, read_all=True)) == []
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_a_killed_server_acknowledged_is_there_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Batches sent under a key, again after each kill, are all there, in order, and once."""
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else ""
    with running_server(tmp_path / "data", url) as server:

        def kill_and_restart() -> None:
            server.kill()
            server.start()

        survive(server, kill_and_restart, seed=21)
        server.stop()
    check_database(url or f"sqlite:///{tmp_path / 'data' / 'ml-dash.db'}")


def test_what_is_acknowledged_survives_the_kill_of_postgresql(tmp_path: Path) -> None:
    """PostgreSQL is killed under a server, which goes on when it is back; nothing is lost."""
    missing = postgres.missing_programs()
    if missing:
        pytest.skip(f"PostgreSQL is not installed: no {', '.join(missing)}")
    with postgres.cluster() as cluster:
        url = cluster.url("postgres")
        with running_server(tmp_path / "data", url) as server:

            def kill_and_restart() -> None:
                cluster.kill()
                cluster.start()

            survive(server, kill_and_restart, seed=22)
            server.stop()
        check_database(url)
