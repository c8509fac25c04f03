"""Section C.5: threads, processes and forks that write one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.durability.reading import (
    RawRun,
    Tally,
    entry_numbers,
    log_numbers,
    point_numbers,
)
from tests.durability.running import Finished, Room


@dataclass
class Shared:
    """What several writers left in one run."""

    run: RawRun
    tallies: dict[str, Tally]
    workers: list[Finished]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """How many items are gone."""
        return sum(tally.lost for tally in self.tallies.values())

    @property
    def twice(self) -> int:
        """How many items are there more than once."""
        return sum(tally.twice for tally in self.tallies.values())


def _look(room: Room, accepted: dict[str, Any], workers: list[Finished]) -> Shared:
    run = room.run()
    stored = {
        "metric": lambda: point_numbers(run.points()),
        "log": lambda: log_numbers(run.logs()),
        "track": lambda: entry_numbers(run.entries()),
        "param": lambda: list(run.params()),
        "value": lambda: _summarised(run),
        "name": lambda: [(n, p["data"]["n"]) for n, points in run.metrics() for p in points],
        "topic": lambda: [(topic, e["n"]) for topic in run.topics() for e in run.entries(topic)],
    }
    tallies = {kind: Tally.of(wanted, stored[kind]()) for kind, wanted in accepted.items()}
    return Shared(run, tallies, workers, workers[0].report)


def _summarised(run: RawRun) -> list[int]:
    counts = [p["data"].get("v.count", 0) for p in run.points("buffered")]
    return list(range(sum(counts)))


def each(numbers: Any) -> dict[str, Any]:
    """Return the same numbers for every kind."""
    return dict.fromkeys(("metric", "log", "track"), numbers)


def one(room: Room, case: str, accepted: dict[str, Any], timeout_s: float = 120.0,
        **options: Any) -> Shared:
    """Run one process and compare."""
    done = room.finish("processes", case=case, timeout_s=timeout_s, **options)
    return _look(room, accepted, [done])


def several(room: Room, cases: tuple[dict[str, Any], ...], accepted: dict[str, Any]) -> Shared:
    """Run processes at the same time on one run and compare."""
    started = [room.start("processes", **options) for options in cases]
    try:
        return _look(room, accepted, [worker.finish() for worker in started])
    finally:
        for worker in started:
            worker.end()


def threads_one_metric(room: Room, n: int = 20_000) -> Shared:
    """Two threads, one metric, full speed."""
    return one(room, "threads_metric", {"metric": range(2 * n)}, n=n)


def threads_logs(room: Room, n: int = 10_000) -> Shared:
    """Two threads, logs."""
    return one(room, "threads_log", {"log": range(2 * n)}, n=n)


def threads_unbuffered(room: Room, n: int = 1_000) -> Shared:
    """Two threads, every kind, 0.6's buffering turned off."""
    env = {"ML_DASH_BUFFER_ENABLED": "false"}
    return one(room, "threads_each", each(range(2 * n)), n=n, env=env)


def threads_new_names(room: Room, n: int = 2_000) -> Shared:
    """Two threads, 2,000 new names each, at the same time."""
    wanted = [(f"m{name:04}", worker) for name in range(n) for worker in range(2)]
    return one(room, "threads_names", {"name": wanted}, n=n)


def threads_one_topic(room: Room, n: int = 50_000) -> Shared:
    """Two threads, one topic, and a third that flushes."""
    return one(room, "threads_topic", {"track": range(2 * n)}, n=n)


def buffer_and_summarise(room: Room, n: int = 300_000) -> Shared:
    """One thread buffers, another summarises."""
    return one(room, "summary_race", {"value": range(n)}, n=n)


def two_processes(room: Room, n: int = 3_000, params: int = 200) -> Shared:
    """Two processes, every kind and 200 parameters each."""
    names = [f"w{worker}.k{number}" for worker in range(2) for number in range(params)]
    cases = tuple({"case": "kinds", "n": n, "params": params, "rank": w} for w in range(2))
    return several(room, cases, {**each(range(2 * n)), "param": names})


def four_processes(room: Room, n: int = 2_000) -> Shared:
    """Four processes, one metric."""
    cases = tuple({"case": "one_metric", "n": n, "rank": worker} for worker in range(4))
    return several(room, cases, {"metric": range(4 * n)})


def same_new_names(room: Room, n: int = 300) -> Shared:
    """Four processes make the same 300 metrics and 300 tracks at the same time.

    A name has one directory; a record in another one is lost to the readers.
    """
    names = [(f"m{name:03}", rank) for name in range(n) for rank in range(4)]
    topics = [(f"t{name:03}", rank) for name in range(n) for rank in range(4)]
    return one(room, "same_new_names", {"name": names, "topic": topics}, n=n)


def params_written_and_read(room: Room, n: int = 200) -> Shared:
    """Two processes set parameters while a third reads them."""
    names = [f"w{worker}.k{number}" for worker in range(2) for number in range(n)]
    cases: tuple[dict[str, Any], ...] = (
        {"case": "read_params", "n": n},
        *({"case": "write_params", "n": n, "rank": worker} for worker in range(2)))
    return several(room, cases, {"param": names})


def fork_child(room: Room, leave: str, n: int = 1_000) -> Shared:
    """A forked child logs 1,000 and leaves in one of several ways."""
    return one(room, "fork_child", each([*range(200), *range(1_000, 1_000 + n)]), leave=leave, n=n)


def fork_both_flush(room: Room) -> Shared:
    """50 records at the fork; both sides flush."""
    return one(room, "fork_both_flush", each(range(50)))


def many_forks(room: Room, n: int = 150) -> Shared:
    """150 forks while another thread logs."""
    shared = one(room, "many_forks", {}, timeout_s=60.0, n=n)
    wanted = each([*range(n), *range(10_000, 10_000 + shared.facts.get("thread", 0))])
    return _look(room, wanted, shared.workers)


def multiprocessing_pool(room: Room, method: str, n: int = 500) -> Shared:
    """Four workers of `multiprocessing`, 500 of each kind each."""
    return one(room, "pool", each(range(4 * n)), method=method, n=n)


def broken_stdout(room: Room) -> Shared:
    """The echo fails and warnings are errors; 200 logs and points."""
    return one(room, "broken_stdout", {"log": range(200), "metric": range(200)},
               env={"ML_DASH_ECHO": "1"})


def ids(room: Room, n: int = 20_000) -> Shared:
    """20,000 ids in parent and child after a fork."""
    return one(room, "ids", {}, n=n)
