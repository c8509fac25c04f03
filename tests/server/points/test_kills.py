"""PostgreSQL itself is killed with `-9`: what was acknowledged is there when it is back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ml_dash.server.database import Database
from ml_dash.server.tables import metadata
from tests.server import postgres
from tests.server.points.test_worker import WRITER, check_whole

KILLS = int(os.environ.get("ML_DASH_TEST_KILLS", "1"))


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    """A cluster of its own, to be killed."""
    missing = postgres.missing_programs()
    if missing:
        pytest.skip(f"PostgreSQL is not installed: no {', '.join(missing)}")
    with postgres.cluster() as made:
        yield made


def test_nothing_is_lost_when_postgresql_is_killed(cluster: postgres.Cluster) -> None:
    """Points acknowledged before the kill are there after the restart, whole and in order."""
    url = cluster.url("postgres")
    database = Database(url)
    metadata.create_all(database.engine)
    randomly = random.Random(12)
    told: list[list[int]] = []
    for number in range(KILLS):
        with subprocess.Popen(
            [sys.executable, str(WRITER), url, str(number)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as writer:  # fmt: skip
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(randomly.randint(30, 300))]
            cluster.kill()
            lines += writer.stdout.read().split("\n")[:-1]
        assert writer.returncode != 0
        told += [list(map(int, line.split())) for line in lines]
        database.close()
        cluster.start()
        found = check_whole(database)
    database.close()
    for first, number_of, number, count in told:
        for at in range(count):
            point = {"writer": number_of, "number": number, "at": at, "x": 0.5}
            assert found[first + at] == point
