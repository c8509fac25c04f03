"""A script that fails, is killed, started and synced at random, and logs what a server refuses."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from ml_dash._delivery.target import folder_of
from ml_dash.cli_commands._codes import PARTLY
from tests.delivery.account import account_of, adds_up, refused
from tests.delivery.content import found, stored
from tests.delivery.fault import Fault, Verdict
from tests.delivery.faults import FAULTS, nested
from tests.delivery.site import World
from tests.delivery.training import BLOCK, Poison, run_command

SEEDS = range(30) if os.environ.get("ML_DASH_TEST_FULL") else range(2)
STEPS = 16
FASTER = {"ML_DASH_CLOSE_TIMEOUT": "0.5", "ML_DASH_REQUEST_TIMEOUT": "0.5",
          "ML_DASH_CONNECT_TIMEOUT": "0.2"}  # fmt: skip
FAILURES = [
    fault
    for verdict, fault in FAULTS
    if verdict in (Verdict.OUTAGE, Verdict.HALT)
    and not (fault.tls or fault.small_disks or fault.meet or fault.starts_again)
]
WORD = b"poison-422"
POISONS = (
    Poison({"text": WORD.decode()}, WORD),
    Poison({"deep": nested(100)}, streams=("metrics/train", "logs")),  # a 400 of the server itself
)


class Walk:
    """One way through failures, kills, starts and syncs.

    Args:
        world: Where.
        chance: Chooses the way.
    """

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._fault: Fault | None = None
        self._start = 0
        self.way: list[str] = []

    def step(self) -> None:
        """Go one step."""
        moves = [self.fail if self._fault is None else self.heal]
        moves += [self.log, self.log_poison, self.kill, self.kill_while_it_logs, self.close]
        if not self._world.scripts:
            moves = [moves[0], self.begin, self.begin, self.sync, self.mend]
        move = self._chance.choice(moves)
        self.way.append(move.__name__)
        move()

    def begin(self) -> None:
        """Start the script."""
        assert self._world.start().do("open") == ""

    def fail(self) -> None:
        """Let something fail."""
        self._fault = replace(self._chance.choice(FAILURES), hangs=False)
        self.way.append(self._fault.name)
        self._fault.start(self._world)

    def heal(self) -> None:
        """Let it work again."""
        if self._fault is not None:
            self._fault.stop(self._world)
            self._fault = None

    def log(self) -> None:
        """Log a few records of each stream."""
        self._world.training.do("record", self._next())

    def log_poison(self) -> None:
        """Log a few records of each stream, some of which the server refuses for good."""
        poison = self._chance.choice(POISONS)
        streams = self._chance.sample(poison.streams, self._chance.randint(1, len(poison.streams)))
        poison = replace(poison, streams=tuple(streams))
        self._world.training.do("record", self._next(), BLOCK, poison)

    def _next(self) -> int:
        self._start += BLOCK
        return self._start

    def kill(self) -> None:
        """Kill the script."""
        self._world.scripts.pop().kill()

    def kill_while_it_logs(self) -> None:
        """Kill the script in the middle of a call."""
        self._world.training.begin("record", self._next())
        self._world.training.wait_a_little(self._chance.random())
        self.kill()

    def close(self) -> None:
        """End the run, whatever is pending."""
        self._world.training.do("close")
        self.kill()

    def sync(self) -> None:
        """Let a sync try."""
        self._command("sync", "--timeout", "0.3")

    def mend(self) -> None:
        """Send what was refused once more, in vain, or let go of it."""
        self._command("rejected", *self._chance.choice((["retry"], ["discard", "--yes"])))

    def _command(self, *words: str) -> None:
        setup = self._world.setup()
        if setup.root.joinpath(setup.prefix).exists():
            run_command(setup, *words, str(setup.root / setup.prefix))

    def end(self) -> None:
        """Let everything work, end the run, and deliver it."""
        self.heal()
        if not self._world.scripts:
            self.begin()
        self.log_poison()
        self._world.env["ML_DASH_CLOSE_TIMEOUT"] = "60"
        self.close()
        setup = self._world.setup()
        assert run_command(setup, "sync", str(setup.root / setup.prefix))[0] == PARTLY


@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk(make: Callable[[Fault], World], seed: int) -> None:
    """The server has what the folder has but for what it refused: each record once, in order."""
    world = make(replace(FAILURES[0], env=FASTER))
    world.proxy.poison = WORD
    walk = Walk(world, random.Random(seed))
    for _ in range(STEPS):
        walk.step()
    walk.end()
    run = world.root / world.setup().prefix
    aside = refused(run, world.url)
    run_id = folder_of(run, world.url).target.run_id
    there = found(world.site.server.address, world.token, world.namespace, run_id)
    assert there == stored(run, aside), walk.way
    assert there.logs
    assert all(is_poisoned(entry) and entry["reason"] for entry in aside), walk.way
    report = account_of(run, world.url)
    adds_up(report)
    assert (report["pending"], report["maybe_duplicated"]) == (0, 0)
    assert Counter(entry["stream"] for entry in aside) == Counter({
        name: sum(row["rejected"].values()) + row["discarded"]
        for name, row in report["streams"].items()
    }), walk.way  # fmt: skip


def is_poisoned(entry: dict[str, Any]) -> bool:
    """Tell whether something that was refused is what a server refuses."""
    return entry["status"] in (400, 422) and any(
        mark in entry["record"] for mark in ("poison", '"deep"')
    )
