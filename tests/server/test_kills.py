"""The server is killed with `-9` under load: what it acknowledged is there, and nothing twice.

Here twice each; `ML_DASH_TEST_KILLS=25 pytest tests/server/test_kills.py` kills 25 times.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_dash.server.database import Database
from ml_dash.server.points.audit import problems
from tests.server import postgres
from tests.server.load import loaded
from tests.server.running import RunningServer, running_server

KILLS = int(os.environ.get("ML_DASH_TEST_KILLS", "2"))
CLIENTS = 3
EARLY_SERVER = (sys.executable, str(Path(__file__).with_name("early_server.py")))


def survive(
    server: RunningServer, kill_and_restart: Callable[[], None], *, seed: int, kills: int
) -> None:
    """Load a server, kill it at random moments, and check what is there in the end."""
    randomly = random.Random(seed)
    with loaded([server.address] * CLIENTS) as load:
        for _ in range(kills):
            load.await_acknowledgements(randomly.randint(5, 100))
            kill_and_restart()
        load.await_acknowledgements(20)


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
    """Whatever a run can send, again after each kill, is all there, in order, and once."""
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else ""
    with running_server(tmp_path / "data", url) as server:

        def kill_and_restart() -> None:
            server.kill()
            server.start()

        survive(server, kill_and_restart, seed=21, kills=KILLS)
        server.stop()
    check_database(url or f"sqlite:///{tmp_path / 'data' / 'ml-dash.db'}")


def test_what_is_acknowledged_survives_the_kill_of_postgresql(tmp_path: Path) -> None:
    """All of it, its postmaster, or one backend, under a server that goes on when it is back."""
    missing = postgres.missing_programs()
    if missing:
        pytest.skip(f"PostgreSQL is not installed: no {', '.join(missing)}")
    with postgres.cluster() as cluster:
        randomly = random.Random(23)
        victims = itertools.cycle(("backend", "all", "postmaster"))

        def kill_and_restart() -> None:
            victim = next(victims)
            if victim == "backend":  # PostgreSQL ends all others, and comes back by itself
                cluster.kill_backend(randomly)
            else:
                cluster.kill(postmaster_only=victim == "postmaster")
                cluster.start()

        with running_server(tmp_path / "data", cluster.url("postgres")) as server:
            survive(server, kill_and_restart, seed=22, kills=max(KILLS, 3))
            server.stop()
        check_database(cluster.url("postgres"))


def test_a_server_that_acknowledges_too_early_is_found_out(tmp_path: Path) -> None:
    """The proof that these tests can fail: a server that answers before it commits fails them."""
    with (
        running_server(tmp_path / "data", command=EARLY_SERVER) as server,
        pytest.raises(AssertionError, match="were acknowledged"),
    ):
        survive_early(server, tmp_path / "data" / "held")


def survive_early(server: RunningServer, held: Path) -> None:
    """Kill a server when it has acknowledged what it has not committed."""
    with loaded([server.address] * CLIENTS) as load:
        while not held.exists():
            load.await_acknowledgements(1)
        load.await_silence()
        server.kill()
        server.start()
        load.await_acknowledgements(5)
