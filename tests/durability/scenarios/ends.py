"""Section C.1: how the process ends, with 10,000 of each kind logged at full speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.durability.reading import (
    RawRun,
    Tally,
    entry_numbers,
    log_numbers,
    point_numbers,
)
from tests.durability.running import Room

N = 10_000
KINDS = ("metric", "log", "track")


@dataclass(frozen=True)
class End:
    """One way to end.

    Attributes:
        how: The worker's word for it; ``x:started`` is without a ``with`` block.
        exit_code: What Python itself makes of it.
        status: What the run's document must say afterwards.
        error: The type and text of the exception that the document must name.
        n: How many items of each kind.
        env: Settings.
    """

    name: str
    how: str
    exit_code: int
    status: str
    error: tuple[str, str] | None = None
    n: int = N
    kinds: tuple[str, ...] = KINDS
    env: tuple[tuple[str, str], ...] = ()


_BIG_BATCHES = tuple((f"ML_DASH_{kind}_BATCH_SIZE", "10000") for kind in ("LOG", "METRIC", "TRACK"))
_UNBUFFERED = (("ML_DASH_BUFFER_ENABLED", "false"),)

ENDS = (
    End("normal close", "close", 0, "COMPLETED"),
    End("metrics alone, normal close", "close", 0, "COMPLETED", kinds=("metric",)),
    End("logs alone, normal close", "close", 0, "COMPLETED", kinds=("log",)),
    End("tracks alone, normal close", "close", 0, "COMPLETED", kinds=("track",)),
    End("exception", "exception", 1, "FAILED", ("ValueError", "boom")),
    End("sys.exit(3)", "sys_exit", 3, "FAILED", ("SystemExit", "3")),
    End("metrics.flush() before close", "metrics_flush", 0, "COMPLETED"),
    End("one second idle before close", "idle", 0, "COMPLETED"),
    End("exp.flush() before close", "exp_flush", 0, "COMPLETED"),
    End("started, never completed, script ends", "started:started", 0, "COMPLETED"),
    End("started, uncaught exception", "exception:started", 1, "FAILED", ("ValueError", "boom")),
    End("os._exit(0)", "os_exit", 0, "RUNNING"),
    End("kill -9 after logging", "kill", -9, "RUNNING"),
    End("SIGTERM inside with", "sigterm", -15, "CANCELLED"),
    End("SIGTERM outside with", "sigterm:started", -15, "CANCELLED"),
    End("SIGTERM, user's own handler", "own_handler", 7, "FAILED", ("SystemExit", "7")),
    End("Ctrl-C inside with", "ctrl_c", -2, "FAILED", ("KeyboardInterrupt", "")),
    End("Ctrl-C outside with", "ctrl_c:started", -2, "FAILED", ("KeyboardInterrupt", "")),
    End("complete() in atexit, 300", "atexit:started", 0, "COMPLETED", n=300),
    End("complete() in atexit, a file pending", "atexit_file:started", 0, "COMPLETED", n=200),
    End("batch sizes raised to 10,000", "close", 0, "COMPLETED", env=_BIG_BATCHES),
    End("buffering disabled, normal close", "close", 0, "COMPLETED", n=2_000, env=_UNBUFFERED),
    End("buffering disabled, kill -9", "kill", -9, "RUNNING", n=2_000, env=_UNBUFFERED),
)

RATES = ((50, 300), (500, 3_000), (900, 5_400), (1_000, 6_000), (2_000, 10_000), (5_000, 10_000))
"""Items a second of each kind, and how many."""


@dataclass
class Ended:
    """What is left after an end."""

    exit_code: int
    run: RawRun
    tallies: dict[str, Tally]
    stderr: str
    report: dict[str, Any]

    @property
    def lost(self) -> int:
        """How many items of any kind are gone."""
        return sum(tally.lost for tally in self.tallies.values())

    @property
    def twice(self) -> int:
        """How many items are there more than once."""
        return sum(tally.twice for tally in self.tallies.values())


def count(run: RawRun, n: int, kinds: tuple[str, ...] = KINDS) -> dict[str, Tally]:
    """Compare a run with the numbers 0 to n-1."""
    stored = {
        "metric": lambda: point_numbers(run.points()),
        "log": lambda: log_numbers(run.logs()),
        "track": lambda: entry_numbers(run.entries()),
    }
    return {kind: Tally.of(range(n), stored[kind]()) for kind in kinds}


def measure(room: Room, end: End) -> Ended:
    """End a process in one way and look at what is left."""
    done = room.finish(
        "end", how=end.how, n=end.n, kinds=list(end.kinds), env=dict(end.env))
    run = room.run()
    tallies = count(run, end.n, end.kinds)
    if "file" in end.how:
        tallies["file"] = Tally.of(["pending.bin"], [r["filename"] for r in run.files()])
    return Ended(done.exit_code, run, tallies, done.stderr, done.report)


def measure_rates(rooms: dict[int, Room]) -> dict[int, Ended]:
    """Log at several rates at once, each into its own room, and close normally."""
    sizes = dict(RATES)
    started = {
        rate: room.start("end", how="close", n=sizes[rate], kinds=list(KINDS), rate=rate)
        for rate, room in rooms.items()
    }
    results = {}
    for rate, worker in started.items():
        done = worker.finish()
        run = rooms[rate].run()
        results[rate] = Ended(
            done.exit_code, run, count(run, sizes[rate]), done.stderr, done.report)
    return results
