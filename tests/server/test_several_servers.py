"""Two server processes behind a proxy that balances connections: no state is in a process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from ml_dash.server.points import CHUNK_POINTS
from tests.server.live import experiment_of
from tests.server.load import loaded
from tests.server.recording import recording
from tests.server.running import RunningServer, running_server
from tests.server.test_kills import check_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningServer]]:
    """Return two servers on one database and one folder; in the end all that is stored agrees."""
    data = tmp_path_factory.mktemp("data")
    url = f"sqlite:///{data / 'ml-dash.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_cluster").new_database("several_servers")
    with running_server(data, url) as one, running_server(data, url) as other:
        yield [one, other]
    check_database(url)


@pytest.fixture
def clients(pair: list[RunningServer]) -> Iterator[list[httpx.Client]]:
    """Return a client of each server."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(httpx.Client(base_url=server.address, timeout=60))
            for server in pair
        ]


def test_clients_behind_a_proxy_lose_nothing(pair: list[RunningServer]) -> None:
    """Requests go to either; one is killed with -9 meanwhile, and comes back."""
    with recording(*(server.port for server in pair)) as proxy:
        with loaded([proxy.url] * 4) as load:
            load.await_acknowledgements(40)
            pair[0].kill()
            load.await_acknowledgements(40)
            pair[0].start()
            load.await_acknowledgements(40)
        answered = {each.port for each in proxy.connections if each.answered}
    assert answered == {server.port for server in pair}


def test_a_repeat_that_comes_to_the_other_process_is_one(clients: list[httpx.Client]) -> None:
    """Each batch is sent to both at once and once more; all answers are equal, and it is once."""
    run = experiment_of(clients[0], "lab/several/repeats")
    bodies = {
        f"{run}/metrics/m/append-batch": {"dataPoints": [{"v": n} for n in range(7)]},
        f"{run}/logs": {"logs": [{"message": "a"}, {"message": "b"}]},
        f"{run}/tracks/t/append_batch": {"entries": [{"timestamp": 1, "q": 1}]},
        f"{run}/parameters": {"data": {"lr": 0.1}},
    }

    def send(asked: tuple[httpx.Client, str, int]) -> bytes:
        client, path, number = asked
        headers = {"idempotency-key": str(number)}
        return client.post(path, json=bodies[path], headers=headers).raise_for_status().content

    with ThreadPoolExecutor(4) as pool:
        for number in range(10):
            for path in bodies:
                asked = [(client, path, number) for client in clients * 2]
                random.Random(number).shuffle(asked)
                assert len(set(pool.map(send, asked))) == 1
    found = [client.get(f"{run}/metrics/m/stats").json()["totalDataPoints"] for client in clients]
    assert found == ["70", "70"]
    assert [client.get(f"{run}/logs").json()["total"] for client in clients] == [20, 20]
    assert clients[1].get(f"{run}/parameters").json()["version"] == 10


def test_both_processes_move_points_and_each_is_there_once(clients: list[httpx.Client]) -> None:
    """What both find due is moved once, and read from either without a gap meanwhile."""
    metric = experiment_of(clients[0], "lab/several/moved") + "/metrics/m"
    batch = CHUNK_POINTS // 4
    for number in range(20):
        data = [{"n": n} for n in range(number * batch, (number + 1) * batch)]
        client = clients[number % 2]
        client.post(f"{metric}/append-batch", json={"dataPoints": data}).raise_for_status()
        params = {"startIndex": number * batch, "limit": 100}
        read = clients[1 - number % 2].get(f"{metric}/data", params=params).json()["data"]
        assert [each["data"]["n"] for each in read] == [each["n"] for each in data[:100]]
    while int(clients[0].get(f"{metric}/stats").json()["bufferedDataPoints"]) >= CHUNK_POINTS:
        pass
    every: list[int] = []
    while len(every) < 20 * batch:
        params = {"startIndex": len(every), "limit": 10_000}
        page = clients[1].get(f"{metric}/data", params=params).raise_for_status().json()["data"]
        every += [each["data"]["n"] for each in page]
    assert every == list(range(20 * batch))
