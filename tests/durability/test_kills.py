"""`kill -9` of the process group, at random moments, loses nothing that was acknowledged."""

from __future__ import annotations

import os
import random

import pytest

from tests.durability.running import Room
from tests.durability.scenarios.kills import measure

_PER_KIND = 28


@pytest.mark.parametrize("processes", [1, 4])
def test_no_kill_loses_an_acknowledged_record(processes: int, room: Room) -> None:
    """After each of 28 kills every acknowledged record is stored once and no line is torn."""
    seed = int(os.environ.get("ML_DASH_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"ML_DASH_TEST_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails

    result = measure(room, seed=seed, runs=4, lives=7, processes=processes)

    assert result.faults == [], f"ML_DASH_TEST_SEED={seed}"
    assert result.kills == _PER_KIND
    assert result.lost.total() == result.twice.total() == 0
    assert min(result.acknowledged[kind] for kind in ("metric", "log", "track", "merged")) > 100
    assert result.acknowledged["param"] > 0
    assert result.acknowledged["file"] > 0
