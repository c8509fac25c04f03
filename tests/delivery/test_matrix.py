"""Every failure, in every error mode, with a client that lives and with one that is killed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash._delivery import backoff, shipper, telling
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.target import folder_of
from ml_dash.exceptions import (
    DataLossWarning,
    DeliveryTimeoutError,
    MLDashError,
    RecoverableWarning,
    ServerUnreachableError,
)
from tests.delivery.loopback import TOKEN, Loopback, serving

PREFIX = "alice/vision/sweeps/first"
MODES = ("strict", "default", "permissive")


@dataclass(frozen=True)
class Failure:
    """What goes wrong, and what that is to the user: an outage, a halt or a refusal."""

    name: str
    what: str
    how: dict[str, Any] = field(default_factory=dict)

    def begin(self, server: Loopback) -> None:
        """Let it go wrong from now on."""
        server.fail(**{"part": "/experiments/", **self.how})


OUTAGES = (
    Failure("500", "outage", {"status": 500, "times": 3}),
    Failure("server-disk-full", "outage", {"status": 507, "times": 2}),
    Failure("503-retry-after", "outage",
            {"status": 503, "headers": {"retry-after": "0"}, "times": 2}),
    Failure("429", "outage", {"status": 429, "headers": {"retry-after": "0"}, "times": 2}),
    Failure("reset", "outage", {"kind": "reset", "times": 2}),
    Failure("reset-after-commit", "outage", {"kind": "reset", "after": True, "times": 2}),
    Failure("truncated", "outage", {"kind": "cut", "times": 2}),
    Failure("truncated-after-commit", "outage", {"kind": "cut", "after": True, "times": 2}),
    Failure("html", "outage", {"kind": "page", "times": 2}),
    Failure("302", "outage", {"status": 302, "headers": {"location": "/login"}, "times": 2}),
    Failure("hang", "outage", {"kind": "hang", "times": 1}),
    Failure("hang-after-commit", "outage", {"kind": "hang", "after": True, "times": 1}),
)  # fmt: skip
HALTS = tuple(Failure(str(status), "halt", {"status": status}) for status in (401, 403, 404))
REFUSALS = (
    Failure("422-poisoned", "refusal"),
    *(Failure(str(status), "refusal", {"status": status, "times": 99, "when": b"poison"})
      for status in (400, 409, 413)),
)  # fmt: skip
ALL = (*OUTAGES, *HALTS, *REFUSALS)
# A process for each takes time: all of them when asked for, else one of each kind.
KILLED = [
    failure
    for failure in ALL
    if os.environ.get("ML_DASH_TEST_FULL")
    or failure.name in ("500", "reset-after-commit", "hang-after-commit", "401", "422-poisoned")
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have little patience, so that the matrix is over soon."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "20")
    monkeypatch.setenv("ML_DASH_REQUEST_TIMEOUT", "0.3")
    monkeypatch.setattr(backoff, "USUAL", Backoff(base_s=0.02, cap_s=0.05))
    monkeypatch.setattr(telling, "TELL_AFTER_S", 0.0)
    monkeypatch.setattr(shipper, "POLL_S", 0.02)


@dataclass
class Seen:
    """What the user saw."""

    raised: list[MLDashError] = field(default_factory=list)
    warned: list[type[Warning]] = field(default_factory=list)


@contextmanager
def watching() -> Iterator[Seen]:
    """Note the warnings of a block."""
    seen = Seen()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield seen
    seen.warned = [each.category for each in caught]


def insist(seen: Seen, call: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a call of a script until it does not raise."""
    while True:
        try:
            return call(*args, **kwargs)
        except MLDashError as error:
            seen.raised.append(error)
            assert len(seen.raised) < 20


def record(exp: Experiment, seen: Seen, poison: bool, start: int = 0) -> None:
    """Log points, lines, entries and parameters; one line may be poisoned."""
    for number in range(start, start + 40):
        insist(seen, exp.metrics("train").log, step=number)
        insist(seen, exp.log, "poison" if poison and number == 17 else f"line {number}")
    insist(seen, exp.params.set, lr=start)


def check(server: Loopback, count: int, refused: int) -> None:
    """See that the server has each record once, in order, except what was refused."""
    run = server.run
    assert [point["step"] for point in run.points["train"]] == list(range(count))
    expected = [f"line {number}" for number in range(count) if not (refused and number == 17)]
    assert [line["message"] for line in run.logs] == expected
    assert run.statuses[-1] == "COMPLETED"


def promised(failure: Failure, mode: str, seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    """See that the user was told what the mode promises, once."""
    told = [each for each in caplog.records if "While delivering the run" in each.getMessage()]
    assert len(told) == 1
    if mode == "strict":
        assert len(seen.raised) == 1
        assert seen.warned == []
    elif failure.what == "refusal":
        assert seen.warned == [DataLossWarning]
    else:
        assert seen.warned == ([RecoverableWarning] if mode == "default" else [])
    if mode != "strict":
        assert seen.raised == []
    if failure.what == "halt":
        assert told[0].levelno == logging.CRITICAL
    if failure.what == "outage":
        assert caplog.text.count("works again after") == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failure", ALL, ids=lambda failure: failure.name)
def test_a_failure_while_a_run_is_open(
    server: Loopback, tmp_path: Path, failure: Failure, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything arrives once and in order, the account adds up, the mode's promise is kept."""
    caplog.set_level(logging.WARNING, "ml_dash")
    poisoned = failure.what == "refusal"
    if failure.name == "422-poisoned":
        server.refuses = lambda each: each.get("message") == "poison"
    exp = Experiment(PREFIX, dash_url=server.url, dash_root=tmp_path, error_mode=mode, echo=False)
    with watching() as seen:
        exp.run.start()
        exp.log("line 0")
        exp.metrics("train").log(step=0)
        exp.flush()
        server.run.logs.clear()
        server.run.points.clear()
        if failure.how:
            failure.begin(server)
        record(exp, seen, poisoned)
        insist(seen, exp.flush)
        insist(seen, exp.flush)
        record(exp, seen, False, 40)
        exp.run.complete()
    check(server, 80, poisoned)
    report = exp.delivery
    assert (report.pending, report.rejected) == (0, int(poisoned))
    assert report.accepted == report.delivered + report.rejected
    assert report.maybe_duplicated == 0
    promised(failure, mode, seen, caplog)


_SCRIPT = """
from ml_dash import Experiment
from ml_dash._delivery import backoff
backoff.USUAL = backoff.Backoff(base_s=0.02, cap_s=0.05)
exp = Experiment({prefix!r}, dash_url={url!r}, dash_root={root!r}, error_mode="permissive",
                 echo=False)
exp.run.start()
exp.flush()
print("open", flush=True)
input()
for number in range(80):
    exp.metrics("train").log(step=number)
    exp.log("poison" if number == 17 and {poison} else f"line {{number}}")
print("written", flush=True)
exp.flush()
input()
"""


def start(tmp_path: Path, url: str, poison: bool = False) -> subprocess.Popen[str]:
    """Start a script that logs when it gets a line, and then waits."""
    script = tmp_path / "train.py"
    root = str(tmp_path / "data")
    script.write_text(_SCRIPT.format(prefix=PREFIX, url=url, root=root, poison=poison))
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    return child


def go_on(child: subprocess.Popen[str]) -> None:
    """Let the script log, and return when it has."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "written\n"


def kill(child: subprocess.Popen[str]) -> None:
    """End the script as nothing can foresee."""
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize("failure", KILLED, ids=lambda failure: failure.name)
def test_a_client_that_is_killed_during_a_failure(
    server: Loopback, tmp_path: Path, failure: Failure
) -> None:
    """What it had accepted is delivered by a sync: once, in order, refused records apart."""
    poisoned = failure.what == "refusal"
    child = start(tmp_path, server.url, poisoned)
    if failure.name == "422-poisoned":
        server.refuses = lambda each: each.get("message") == "poison"
    elif not poisoned:
        failure.begin(server)
        server.faults[-1].times = 1_000_000
    else:
        failure.begin(server)
    before = len(server.seen)
    go_on(child)
    server.wait_for(lambda: any("/experiments/" in each[1] for each in server.seen[before:]))
    kill(child)
    if not poisoned:
        server.heal()
        server.released.set()
    run = tmp_path / "data" / PREFIX
    done = sync(run, folder_of(run, server.url))
    assert done.outcome is (Outcome.REJECTED if poisoned else Outcome.DELIVERED)
    server.run.statuses.append("COMPLETED")  # a killed run has no end
    check(server, 80, poisoned)
    assert done.report.accepted == done.report.delivered + done.report.rejected


def test_a_server_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    """While it is away records wait; when it is back it gets them, once."""
    with serving() as first:
        port, url = first.server_port, first.url
        exp = Experiment(PREFIX, dash_url=url, dash_root=tmp_path, error_mode="permissive",
                         echo=False)  # fmt: skip
        exp.run.start()
        record(exp, Seen(), False)
        exp.flush()
    record(exp, Seen(), False, 40)
    with pytest.raises(DeliveryTimeoutError):
        exp.flush(timeout_s=0.1)
    with serving(port) as second:
        second.runs, second.nodes, second.replies = first.runs, first.nodes, first.replies
        exp.run.complete()
        check(second, 80, 0)


def test_a_client_that_sleeps(server: Loopback, tmp_path: Path) -> None:
    """A process that was stopped in the middle of a request goes on where it was."""
    child = start(tmp_path, server.url)
    fault = server.fail("hang", part="/append-batch", after=True)
    go_on(child)
    server.wait_for(lambda: fault.times == 0)
    os.kill(child.pid, signal.SIGSTOP)
    server.released.set()
    os.kill(child.pid, signal.SIGCONT)
    assert child.stdin is not None
    child.communicate("\n", timeout=30)
    assert child.returncode == 0
    check(server, 80, 0)


def test_tls_that_fails(tmp_path: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that speaks no TLS where it should is unreachable, and the reason is said."""
    monkeypatch.setenv("ML_DASH_CONNECT_TIMEOUT", "0.1")
    url = server.url.replace("http:", "https:")
    exp = Experiment(PREFIX, dash_url=url, dash_root=tmp_path)
    with pytest.raises(ServerUnreachableError, match="SSL"):
        exp.run.start()
