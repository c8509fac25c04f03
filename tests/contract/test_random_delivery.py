"""A random walk with a server: any failures of it and of the disk; the account always adds up."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.target import folder_of
from ml_dash.exceptions import MLDashError
from tests.contract.refusing import refusing
from tests.contract.test_random_walk import Listener
from tests.delivery.loopback import TOKEN, serving

ENVIRONMENT = {
    "ML_DASH_TOKEN": TOKEN,
    "ML_DASH_CLOSE_TIMEOUT": "0.2",
    "ML_DASH_CONNECT_TIMEOUT": "0.2",
}
PREFIX = "alice/vision/walk"
POISON = 7
"""Every so many-th log line is one that the server refuses."""

faults = st.one_of(
    st.builds(dict, kind=st.sampled_from(["reset", "cut", "page", "nothing"]), after=st.booleans()),
    st.builds(
        dict,
        status=st.sampled_from([429, 500, 503]),
        headers=st.sampled_from([{}, {"Retry-After": "0"}]),
    ),
)
parts = st.sampled_from(["", "/logs", "/append-batch"])


class RandomDelivery(RuleBasedStateMachine):
    """One run on its way to one server."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="ml-dash-walk-"))
        self.numbers = itertools.count()
        self.limit: int | None = None
        self.logs: list[int] = []
        self.points: list[int] = []
        self.held = ExitStack()
        self.held.enter_context(mock.patch.dict(os.environ, ENVIRONMENT))
        self.server = self.held.enter_context(serving())
        self.server.refuses = lambda record: record.get("message", "").startswith("poison")
        self.listener = Listener()
        logging.getLogger("ml_dash").addHandler(self.listener)

    @initialize(
        mode=st.sampled_from(["strict", "default", "permissive"]),
        offline=st.sampled_from([False, False, False, True]),
    )
    def begin(self, mode: str, offline: bool) -> None:
        """Build the experiment; some of them deliver, some leave it to ``ml-dash sync``."""
        self.exp = Experiment(PREFIX, dash_url=self.server.url, dash_root=self.root, echo=False,
                              error_mode=mode, offline=offline)  # fmt: skip
        self.exp.run.start()

    @property
    def is_open(self) -> bool:
        """Whether the run is open."""
        return self.exp._is_open

    def call(self, step: Callable[[], Any]) -> tuple[Exception | None, list[str]]:
        """Make a call; return what it raised and what was told."""
        self.listener.texts.clear()
        raised: Exception | None = None
        with warnings.catch_warnings(record=True) as told, ExitStack() as disk:
            warnings.simplefilter("always")
            if self.limit is not None:
                disk.enter_context(refusing(self.limit))
            try:
                step()
            except MLDashError as error:
                raised = error
        return raised, [*self.listener.texts, *(str(each.message) for each in told)]

    # -- faults ------------------------------------------------------------------------------------

    @rule(fault=faults, part=parts, times=st.integers(1, 4))
    def fail(self, fault: dict[str, Any], part: str, times: int) -> None:
        """The server fails on what comes next."""
        self.server.fail(**fault, part=part, times=times)

    @precondition(lambda self: self.is_open)
    @rule(fault=faults, part=st.sampled_from(["/logs", "/append-batch"]))
    def flush_into(self, fault: dict[str, Any], part: str) -> None:
        """The server fails once on what is handed over."""
        self.log(2)
        self.point(2)
        self.server.fail(**fault, part=part)
        self.flush()

    @rule()
    def heal(self) -> None:
        """The server works again."""
        self.server.heal()

    @rule(limit=st.none() | st.sampled_from([0, 500, 3000]))
    def change_the_disk(self, limit: int | None) -> None:
        """From now on files end at a size, or nowhere."""
        self.limit = limit

    # -- the life of the run -----------------------------------------------------------------------

    @precondition(lambda self: not self.is_open)
    @rule()
    def start(self) -> None:
        """Open the run, if server and disk let it."""
        raised, _ = self.call(self.exp.run.start)
        assert self.is_open == (raised is None)

    @precondition(lambda self: self.is_open)
    @rule(often=st.integers(1, 9))
    def log(self, often: int) -> None:
        """Log lines, some of which the server will refuse."""
        for number in itertools.islice(self.numbers, often):
            word = "poison" if number % POISON == 0 else "line"
            if self.accepted("logs", lambda w=word, n=number: self.exp.log(f"{w} {n}")):
                self.logs.append(number)

    @precondition(lambda self: self.is_open)
    @rule(often=st.integers(1, 9))
    def point(self, often: int) -> None:
        """Log points."""
        for number in itertools.islice(self.numbers, often):
            if self.accepted("metrics", lambda n=number: self.exp.metrics("m").log(n=n)):
                self.points.append(number)

    def accepted(self, kind: str, step: Callable[[], Any]) -> bool:
        """Make a logging call; return whether its record was accepted."""
        before = self.exp.ledger().streams[kind].accepted
        raised, _ = self.call(step)
        more = self.exp.ledger().streams[kind].accepted - before
        assert more in (0, 1)
        assert more or raised is not None
        return bool(more)

    @precondition(lambda self: self.is_open)
    @rule()
    def flush(self) -> None:
        """Hand over: what is not delivered afterwards was told."""
        raised, told = self.call(lambda: self.exp.flush(timeout_s=0.2))
        report = self.exp.delivery
        assert self.exp._courier.offline or not report.pending or raised or told

    @precondition(lambda self: self.is_open)
    @rule(really=st.sampled_from([False, False, True]))
    def end(self, really: bool) -> None:
        """Close; what is not delivered was told."""
        if not really:
            return
        raised, told = self.call(self.exp.run.complete)
        assert not self.is_open
        report = self.exp.delivery
        assert self.exp._courier.offline or not report.pending or raised or told

    # -- what holds --------------------------------------------------------------------------------

    @invariant()
    def the_account_adds_up(self) -> None:
        """Whatever happens meanwhile."""
        if hasattr(self, "exp"):
            report = self.exp.delivery
            assert report.accepted == report.delivered + report.pending + report.rejected

    def teardown(self) -> None:
        """Mend everything; then the server has each record once, or it is kept with its refusal."""
        try:
            if hasattr(self, "exp"):
                self.mend()
        finally:
            logging.getLogger("ml_dash").removeHandler(self.listener)
            self.held.close()
            shutil.rmtree(self.root)

    def mend(self) -> None:
        """Write, close and deliver."""
        self.limit = None
        self.server.heal()
        if not self.is_open:
            self.call(self.exp.run.start)
        self.call(self.exp.flush)
        self.call(self.exp.run.complete)
        assert not self.is_open
        done = sync(self.exp.folder, folder_of(self.exp.folder, self.server.url))
        assert done.outcome in (Outcome.DELIVERED, Outcome.REJECTED), done
        refused = [number for number in self.logs if number % POISON == 0]
        assert done.report.rejected == len(refused), done
        assert done.report.accepted == done.report.delivered + done.report.rejected
        arrived = [int(line["message"].split()[1]) for line in self.server.run.logs]
        assert arrived == [number for number in self.logs if number % POISON]
        assert [point["n"] for point in self.server.run.points.get("m", [])] == self.points


TestRandomDelivery = RandomDelivery.TestCase
TestRandomDelivery.settings = settings(
    max_examples=int(os.environ.get("ML_DASH_TEST_WALKS", "12")),
    stateful_step_count=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
