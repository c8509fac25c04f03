"""Snowflake ids."""

from __future__ import annotations

import os
import threading
import time

import pytest

from ml_dash.exceptions import InvalidValueError
from ml_dash.snowflake import (
    SnowflakeIDGenerator,
    _worker_of,
    generate_id,
    get_generator,
    parse_id,
)


def test_ids_rise_and_never_repeat() -> None:
    """More ids than one millisecond holds are still rising and distinct."""
    generator = SnowflakeIDGenerator(7)
    ids = [generator.generate() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert all(parse_id(number)["worker_id"] == 7 for number in ids)


def test_an_id_tells_its_parts() -> None:
    """Time, worker and sequence can be read back; both times are milliseconds, as in 0.6."""
    before = time.time_ns() // 1_000_000
    parts = parse_id(SnowflakeIDGenerator(3).generate())
    assert before <= parts["timestamp_ms"] <= time.time_ns() // 1_000_000
    assert parts["timestamp"] == parts["timestamp_ms"]
    assert (parts["worker_id"], parts["sequence"]) == (3, 0)


def test_a_clock_that_goes_back_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids go on rising while the clock is behind."""
    generator = SnowflakeIDGenerator(1)
    first = generator.generate()
    monkeypatch.setattr("ml_dash.snowflake._now_ms", lambda: 1_704_067_200_001)
    assert generator.generate() > first


@pytest.mark.parametrize("worker", [-1, 1024, True, 1.0, "7"])
def test_a_worker_out_of_range_is_refused(worker: object) -> None:
    """Ten bits hold 0 to 1023; other kinds of values are no worker."""
    with pytest.raises(InvalidValueError, match="worker_id") as caught:
        SnowflakeIDGenerator(worker)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("number", [-1, 1 << 64, "12", None])
def test_what_is_no_id_has_no_parts(number: object) -> None:
    """Only a whole number of at most 64 bits is read."""
    with pytest.raises(InvalidValueError, match="snowflake_id"):
        parse_id(number)  # type: ignore[arg-type]


def test_processes_with_one_id_on_two_machines_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """In containers each process may have the id 1: the machine's name tells them apart."""
    workers = set()
    for name in ("pod-a", "pod-b"):
        monkeypatch.setattr("platform.node", lambda name=name: name)
        workers.add(_worker_of(1))
    assert len(workers) == 2


def test_threads_share_the_generator() -> None:
    """Threads at full speed get distinct ids."""
    ids: list[int] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(generate_id() for _ in range(2_000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8_000


@pytest.mark.parametrize("generator", [get_generator(), SnowflakeIDGenerator(5)])
def test_a_forked_child_never_repeats_its_parents_ids(generator: SnowflakeIDGenerator) -> None:
    """Nor a sibling's, whether the worker was given or not; 0.6 gave 18,972 of 20,000 twice."""
    children = []
    for _ in range(3):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, b" ".join(b"%d" % generator.generate() for _ in range(2_000)))
            os._exit(0)
        os.close(writing)
        children.append((child, reading))
    everyones = [generator.generate() for _ in range(2_000)]
    for child, reading in children:
        with os.fdopen(reading, "rb") as pipe:
            everyones += [int(number) for number in pipe.read().split()]
        os.waitpid(child, 0)
    assert len(set(everyones)) == len(everyones) == 8_000


def test_a_child_with_a_distance_of_1024_takes_another_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Process ids whose low bits are equal do not give parent and child one worker."""
    generator = SnowflakeIDGenerator(5)
    far = os.getpid() + 1024
    monkeypatch.setattr(os, "getpid", lambda: far)
    generator.reset_after_fork()
    assert generator.worker_id != 5
