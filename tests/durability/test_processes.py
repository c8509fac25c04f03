"""Threads, forks and processes write one run: nothing lost, nothing twice, no number twice."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import pytest

from tests.durability.running import Room
from tests.durability.scenarios import processes
from tests.durability.scenarios.processes import Shared

CASES: dict[str, Callable[[Room], Shared]] = {
    "2 threads, one metric": processes.threads_one_metric,
    "2 threads, logs": processes.threads_logs,
    "2 threads, unbuffered": processes.threads_unbuffered,
    "2 threads, 2,000 new names each": processes.threads_new_names,
    "2 threads, one topic, and flushes": processes.threads_one_topic,
    "2 processes, every kind and parameters": processes.two_processes,
    "4 processes, one metric": processes.four_processes,
    "4 processes, the same new names": processes.same_new_names,
    "2 processes set parameters, a third reads": processes.params_written_and_read,
    "values buffered while others are summarised": processes.buffer_and_summarise,
    "50 records at a fork, both sides flush": processes.fork_both_flush,
    "150 forks while a thread logs": processes.many_forks,
}


def assert_shared(shared: Shared) -> None:
    """Check counts, lines, documents and numbers."""
    for worker in shared.workers:
        assert worker.exit_code == 0, worker.stderr[-2000:]
        assert worker.report.get("errors", []) == []
        warned = [w for w in worker.report.get("warnings", ()) if "RuntimeWarning" in w["types"]]
        assert warned == []
    assert {kind: t for kind, t in shared.tallies.items() if t.lost or t.twice} == {}
    assert shared.run.bad_lines == []
    assert shared.run.bad_documents() == []
    assert shared.run.numbering_faults() == []


@pytest.fixture(scope="module")
def shared_by(
    tmp_path_factory: pytest.TempPathFactory, interpreter: str
) -> Callable[[str], Shared]:
    """Return a function that runs a case once, for all tests that look at it."""

    @functools.cache
    def run(case: str) -> Shared:
        return CASES[case](Room(tmp_path_factory.mktemp("shared"), interpreter))

    return run


@pytest.mark.parametrize("case", CASES)
def test_several_writers_lose_nothing(case: str, shared_by: Callable[[str], Shared]) -> None:
    """Each record of each writer is stored once, under a number of its own."""
    shared = shared_by(case)

    assert_shared(shared)
    assert all(tally.accepted for tally in shared.tallies.values())


def test_no_read_of_parameters_is_empty(shared_by: Callable[[str], Shared]) -> None:
    """A third process that reads while two write sees parameters appear and never vanish."""
    facts = shared_by("2 processes set parameters, a third reads").facts

    assert facts["reads"] > 20
    assert (facts["empty"], facts["torn"]) == (0, 0)
    assert facts["highest"] == 400


@pytest.mark.parametrize("leave", ["complete", "flush", "os_exit", "exit"])
def test_a_forked_child_loses_nothing_and_ends_nothing(leave: str, room: Room) -> None:
    """A child's 1,000 records are stored; the run is RUNNING until its parent closes it."""
    shared = processes.fork_child(room, leave)

    assert shared.facts["child"] == 0
    assert_shared(shared)
    assert json.loads(shared.facts["document_while_running"])["status"] == "RUNNING"
    assert (shared.run.document("experiment.json") or {})["status"] == "COMPLETED"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing_lose_nothing(method: str, room: Room) -> None:
    """Four workers, by either start method, log 500 of each kind each."""
    shared = processes.multiprocessing_pool(room, method)

    assert shared.facts["codes"] == [0, 0, 0, 0]
    assert_shared(shared)
    assert (shared.run.document("experiment.json") or {})["status"] == "COMPLETED"


def test_forks_while_a_thread_logs_do_not_hang(shared_by: Callable[[str], Shared]) -> None:
    """Every one of 150 children ends well, within a minute for all."""
    assert shared_by("150 forks while a thread logs").facts["codes"] == [0] * 150


def test_ids_differ_after_a_fork(room: Room) -> None:
    """20,000 ids of a parent and 20,000 of its child are 40,000 ids."""
    facts = processes.ids(room).facts

    assert (facts["equal"], facts["repeated"]) == (0, 0)


def test_a_failing_echo_costs_no_record(room: Room) -> None:
    """200 logs and 200 points are stored although stdout is a pipe that nobody reads."""
    shared = processes.broken_stdout(room)

    assert {kind: (t.lost, t.twice) for kind, t in shared.tallies.items()} == {
        "log": (0, 0), "metric": (0, 0)}
    assert shared.facts["errors"] == []
