"""What a failure is, how it is brought about, and what each error mode shows of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tests.delivery.site import World
from tests.delivery.training import BLOCK, Poison

MODES = ("strict", "default", "permissive")
EVER = 1_000_000
SHORT_S, LONG_S = 0.5, 30.0
"""How long a script waits for an answer where none comes, and where one does."""
Step = Callable[[World], object]


@dataclass(frozen=True)
class Told:
    """What a mode makes of an error of the delivery.

    Attributes:
        raised: How often it is raised.
        warned: The class of the one warning; empty for none.
        level: The level of the one line in the log.
    """

    raised: int
    warned: str
    level: int

    def __str__(self) -> str:
        shown = ["raised once"] * self.raised + [f"one `{self.warned}`"] * bool(self.warned)
        return ", ".join([*shown, f"logged once at {logging.getLevelName(self.level)}"])


class Verdict(Enum):
    """What a failure is to the user."""

    OUTAGE = "an outage"
    HALT = "a halt"
    REFUSAL = "a refusal"
    UNSEEN = "nothing"
    START = "the start fails"


@dataclass(frozen=True)
class Shown:
    """What the user sees of a verdict.

    Attributes:
        modes: In each mode, until it is over.
        over: What is logged, once, when it is over.
    """

    modes: Mapping[str, Told]
    over: str = ""


_W, _E, _C = logging.WARNING, logging.ERROR, logging.CRITICAL
SHOWN = {
    Verdict.OUTAGE: Shown(
        {"strict": Told(1, "", _E), "default": Told(0, "RecoverableWarning", _W),
         "permissive": Told(0, "", _W)}, over="works again after",
    ),
    Verdict.HALT: Shown(
        {"strict": Told(1, "", _C), "default": Told(0, "RecoverableWarning", _C),
         "permissive": Told(0, "", _C)}, over="goes on",
    ),
    Verdict.REFUSAL: Shown(
        {"strict": Told(1, "", _E), "default": Told(0, "DataLossWarning", _E),
         "permissive": Told(0, "DataLossWarning", _E)},
    ),
}  # fmt: skip
"""What each mode shows of them; a start that fails is raised, but in PERMISSIVE."""


@dataclass(frozen=True)
class Fault:
    """One way to fail, and how it is brought about.

    Attributes:
        name: Unique.
        way: What the proxy does to the requests until it is over; None for nothing.
        begin: What begins besides.
        end: What ends it.
        meet: Waits until the script has met it; by the verdict when omitted.
        env: Settings of the script.
        tls: Whether the server is reached by TLS.
        small_disks: Whether the server is the one whose disks can be filled.
        count: Records of each stream that are logged meanwhile.
        poison: What is in one record of each stream.
        starts_again: Whether only the next start of the run goes on, with the run made anew.
        raises: What a start raises that meets it, but in PERMISSIVE.
        modes: The error modes that it is tested in.
        hangs: Whether no answer comes, so that the script has to wait for it.
    """

    name: str
    way: Mapping[str, Any] | None = None
    begin: Step = lambda world: None
    end: Step = lambda world: None
    meet: Step | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False
    small_disks: bool = False
    count: int = BLOCK
    poison: Poison | None = None
    starts_again: bool = False
    raises: str = ""
    modes: tuple[str, ...] = MODES
    hangs: bool = False

    def start(self, world: World) -> None:
        """Let it begin."""
        if self.way is not None:
            world.proxy.fail(**{"times": EVER, **self.way})
        self._wait(world, SHORT_S)
        self.begin(world)

    def stop(self, world: World) -> None:
        """Let it end; what a server refuses it refuses for ever."""
        if self.poison is None:
            world.proxy.heal()
        self.end(world)
        self._wait(world, LONG_S)

    def _wait(self, world: World, timeout_s: float) -> None:
        for script in world.scripts if self.hangs else ():
            script.do("wait_for_answers", timeout_s)
