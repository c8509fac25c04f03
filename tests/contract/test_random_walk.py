"""A random walk: any calls, any faults of disk and clock, any mode; nothing is silent or lost."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ml_dash import Experiment
from ml_dash.exceptions import MLDashError
from ml_dash.testing import recorded
from tests.contract.refusing import refusing

KINDS = ("logs", "metrics", "tracks")
SNAPSHOTS = (
    "experiment.json", "parameters.json", "logs/.log_sequence", "metrics/a/metadata.json",
    "tracks/a/metadata.json", "files/.files_metadata.json",
)  # fmt: skip
STREAMS = (
    "logs/logs.jsonl", "metrics/a/data.jsonl", "metrics/b/data.jsonl", "tracks/a/.pending.jsonl",
    ".ml-dash/journal.jsonl",
)  # fmt: skip
modes = st.sampled_from(["strict", "default", "permissive"])
names = st.sampled_from(["a", "b", "c/d"])
choices = st.fixed_dictionaries(
    {
        "error_mode": st.none() | modes,
        "future": st.sampled_from([None, "0.6", "0.9", "1.0", "values_checked"]),
    }
)
environments = st.fixed_dictionaries(
    {
        "ML_DASH_DURABILITY": st.sampled_from(["process", "batch", "fsync"]),
        "ML_DASH_BUFFER_ENABLED": st.sampled_from(["true", "false"]),
        "ML_DASH_BACKLOG_MAX_BYTES": st.sampled_from(["0", "300", "1000000"]),
    }
)


@dataclass
class Heard:
    """What one call led to."""

    raised: Exception | None = None
    told: list[str] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def was_told(self) -> bool:
        """Whether anybody could know that something went wrong."""
        return self.raised is not None or bool(self.told)


class Listener(logging.Handler):
    """Keeps what is logged at WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.texts.append(record.getMessage())


class RandomWalk(RuleBasedStateMachine):
    """One run, what it should hold by now, and the faults that are in place."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="ml-dash-walk-"))
        self.numbers = itertools.count()
        self.limit: int | None = None
        self.ahead_s = 0.0
        self.outage_told = False
        self.given: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.params: dict[str, int] = {}
        self.files: dict[str, str] = {}
        self.listener = Listener()
        logging.getLogger("ml_dash").addHandler(self.listener)

    # -- the world ---------------------------------------------------------------------------------

    @contextmanager
    def world(self) -> Iterator[list[warnings.WarningMessage]]:
        """Put the faults in place for one call; give its warnings."""
        now = time.time

        def shifted() -> float:
            return now() + self.ahead_s

        with ExitStack() as faults:
            told = faults.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("error" if self.warnings_raise else "always")
            for place in ("time.time", "ml_dash.metric.time"):
                faults.enter_context(mock.patch(place, shifted))
            if self.limit is not None:
                faults.enter_context(refusing(self.limit))
            yield told

    def call(self, step: Callable[[], Any]) -> Heard:
        """Make a call; only errors of ours and warnings may come out of it."""
        heard, before = Heard(), self.counts()
        self.listener.texts.clear()
        with self.world() as told:
            try:
                step()
            except (MLDashError, Warning) as error:
                heard.raised = error
        heard.told = [*self.listener.texts, *(str(each.message) for each in told)]
        after = self.counts()
        heard.accepted = {kind: after[kind][0] - before[kind][0] for kind in KINDS}
        heard.refused = sum(after[kind][1] - before[kind][1] for kind in KINDS)
        self.outage_told |= heard.was_told
        return heard

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return how many records were accepted and refused so far."""
        if self.exp._store is None:
            return dict.fromkeys(KINDS, (0, 0))
        rows = self.exp.ledger().streams
        return {kind: (rows[kind].accepted, rows[kind].refused) for kind in KINDS}

    def waiting(self) -> int:
        """Return how many records wait in memory."""
        return sum(row.waiting for row in self.exp.ledger().streams.values())

    def build(self, chosen: dict[str, Any], environment: dict[str, str]) -> None:
        """Build another experiment of the same run."""
        self.batch = environment["ML_DASH_DURABILITY"] == "batch"
        with mock.patch.dict(os.environ, environment):
            self.exp = Experiment("o/p/n", dash_root=self.root, echo=False, **chosen)

    @property
    def is_open(self) -> bool:
        """Whether the run is open."""
        return self.exp._is_open

    # -- faults ------------------------------------------------------------------------------------

    @rule(limit=st.none() | st.sampled_from([0, 100, 300, 1000, 3000]))
    def change_the_disk(self, limit: int | None) -> None:
        """From now on files end at a size, or nowhere."""
        self.limit = limit

    @rule(ahead_s=st.sampled_from([0.0, 3600.0, -3600.0, 1e9, -1e9]))
    def change_the_clock(self, ahead_s: float) -> None:
        """The clock of the machine jumps."""
        self.ahead_s = ahead_s

    @precondition(lambda self: not self.is_open)
    @rule(name=st.sampled_from(STREAMS))
    def tear(self, name: str) -> None:
        """A power cut leaves half a line."""
        if (self.exp.folder / name).exists():
            with open(self.exp.folder / name, "ab") as file:
                file.write(b'{"index":7,"da')

    @precondition(lambda self: not self.is_open)
    @rule(name=st.sampled_from(SNAPSHOTS), text=st.sampled_from(["", "{", None]))
    def damage(self, name: str, text: str | None) -> None:
        """A snapshot is cut, or removed."""
        path = self.exp.folder / name
        if path.exists():
            path.unlink()
            if text is not None:
                path.write_text(text)

    # -- the life of the run -----------------------------------------------------------------------

    @initialize(chosen=choices, environment=environments, warnings_raise=st.booleans())
    def begin(
        self, chosen: dict[str, Any], environment: dict[str, str], warnings_raise: bool
    ) -> None:
        """Build the experiment."""
        self.warnings_raise = warnings_raise
        self.build(chosen, environment)
        self.start()

    @precondition(lambda self: not self.is_open)
    @rule()
    def start(self) -> None:
        """Open the run; where the disk refuses, that is raised."""
        heard = self.call(self.exp.run.start)
        assert self.is_open == (not isinstance(heard.raised, MLDashError)), heard

    @precondition(lambda self: self.is_open)
    @rule(how=st.sampled_from(["", "", "", "complete", "fail", "cancel"]))
    def end(self, how: str) -> None:
        """Close the run: whatever it meets, it is closed, and what is lost is counted."""
        if not how:
            return
        heard = self.call(getattr(self.exp.run, how))
        assert not self.is_open
        lost = self.exp.ledger().lost
        assert lost == self.waiting()
        assert not lost or any(f"{lost} accepted" in text for text in self.texts(heard)), heard

    @staticmethod
    def texts(heard: Heard) -> list[str]:
        """Return what was told, and what was raised."""
        return [*heard.told, str(heard.raised)]

    @precondition(lambda self: not self.is_open and (not self.exp._store or not self.waiting()))
    @rule(chosen=choices, environment=environments)
    def another(self, chosen: dict[str, Any], environment: dict[str, str]) -> None:
        """Go on with the run as another program would."""
        self.build(chosen, environment)
        self.outage_told = False

    # -- calls -------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_open)
    @rule(kind=st.sampled_from(KINDS), name=names, often=st.integers(1, 12))
    def record(self, kind: str, name: str, often: int) -> None:
        """Log; whether it is accepted or not is never in doubt."""
        self.log_numbers(kind, name, often)

    @precondition(lambda self: self.is_open)
    @rule(limit=st.integers(0, 2000), often=st.integers(1, 5))
    def record_into_an_outage(self, limit: int, often: int) -> None:
        """A disk that fills up while all kinds are logged, and has room again."""
        before, self.limit = self.limit, limit
        for kind in KINDS:
            self.log_numbers(kind, "a", often)
        self.limit = before

    def log_numbers(self, kind: str, name: str, often: int) -> None:
        """Log so many numbers, one call each."""
        for number in itertools.islice(self.numbers, often):
            heard = self.call(lambda number=number: self.log(kind, name, number))
            accepted = heard.accepted[kind]
            assert sum(heard.accepted.values()) == accepted, heard
            assert accepted + heard.refused == 1 or isinstance(heard.raised, MLDashError), heard
            assert not (accepted and isinstance(heard.raised, MLDashError)), heard
            assert accepted or self.outage_told, heard
            if accepted:
                self.given[kind, name if kind != "logs" else ""].append(number)

    def log(self, kind: str, name: str, number: int) -> None:
        """Log one number."""
        if kind == "logs":
            self.exp.log(str(number))
        elif kind == "metrics":
            self.exp.metrics(name).log(n=number)
        else:
            self.exp.tracks(name).append(_ts=number, n=number)

    @precondition(lambda self: self.is_open)
    @rule(key=names)
    def set_a_parameter(self, key: str) -> None:
        """In force when the call returns; unchanged when it raises."""
        number = next(self.numbers)
        heard = self.call(lambda: self.exp.params.set(**{key: number}))
        if heard.raised is None:
            self.params[key] = number
        assert self.exp.params.get_or_raise() == self.params

    @precondition(lambda self: self.is_open)
    @rule(name=names)
    def store_a_file(self, name: str) -> None:
        """Stored when the call returns; as before when it raises."""
        text = f"content {next(self.numbers)}" * 30
        heard = self.call(lambda: self.exp.files.save_text(text, to=f"{name}.txt"))
        if heard.raised is None:
            self.files[f"{name}.txt"] = text

    @precondition(lambda self: self.is_open)
    @rule()
    def flush(self) -> None:
        """All is written, or the flush says that it is not."""
        heard = self.call(self.exp.flush)
        assert not self.waiting() or heard.was_told, heard

    @precondition(lambda self: self.is_open and self.limit is None)
    @rule()
    def read(self) -> None:
        """On a healthy disk, readers show everything."""
        self.flush()
        self.check()

    # -- what holds --------------------------------------------------------------------------------

    @invariant()
    def an_outage_is_told(self) -> None:
        """What waits because the disk refuses was raised, warned of or logged."""
        if hasattr(self, "exp") and self.exp._store is not None and not self.batch:
            assert not self.waiting() or self.outage_told

    def check(self) -> None:
        """Compare what is stored with what was accepted, once each and in order."""
        run = recorded(self.exp)
        found: dict[tuple[str, str], list[int]] = {}
        if run.logs:
            found["logs", ""] = [int(line["message"]) for line in run.logs]
        for name, points in run.metrics.items():
            found["metrics", str(name)] = [point["n"] for point in points]
        for topic, entries in run.tracks.items():
            found["tracks", topic] = [entry["n"] for entry in entries]
        assert {key: each for key, each in found.items() if each} == dict(self.given)
        assert run.params == self.params
        assert set(run.files) == set(self.files)
        for path, text in self.files.items():
            assert self.exp.files(f"/{path}").read_text() == text

    def teardown(self) -> None:
        """Mend everything; then nothing that was accepted is missing."""
        try:
            if hasattr(self, "exp"):
                self.limit, self.warnings_raise = None, False
                self.mend()
        finally:
            logging.getLogger("ml_dash").removeHandler(self.listener)
            shutil.rmtree(self.root)

    def mend(self) -> None:
        """Write what waits, close, and look at the run as another program would."""
        if not self.is_open:
            assert self.call(self.exp.run.start).raised is None
        self.call(self.exp.flush)  # what a thread met before is raised here in strict mode
        assert self.call(self.exp.run.complete).raised is None
        assert (self.waiting(), self.exp.ledger().lost) == (0, 0)
        self.build({}, {"ML_DASH_DURABILITY": "process"})
        self.call(self.exp.run.start)
        self.check()
        self.call(self.exp.run.complete)


TestRandomWalk = RandomWalk.TestCase
TestRandomWalk.settings = settings(
    max_examples=int(os.environ.get("ML_DASH_TEST_WALKS", "60")),
    stateful_step_count=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
