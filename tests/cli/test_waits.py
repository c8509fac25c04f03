"""What ``ml-dash sync`` does about servers that take nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, Synced
from ml_dash._delivery.report import DeliveryReport, StreamReport
from ml_dash.cli_commands._waits import Waits
from tests.cli.conftest import Run
from tests.delivery.loopback import TOKEN, serving

URL = "http://host"
PATIENCE = "it is tried until 60 s have passed in vain"
FAILED = DeliveryReport(URL, {"logs": StreamReport(accepted=1, pending=1, last_error="no answer")})


@pytest.fixture
def waits() -> Waits:
    """Return how a minute of patience is spent."""
    return Waits(60.0)


def test_a_server_is_waited_for_once(waits: Waits) -> None:
    """Not for each of its runs; others are waited for, and so is it when it takes records again."""
    waits.done(Synced(Path("one"), Outcome.OWED, FAILED))
    assert (waits.patience_s(URL), waits.patience_s("http://other")) == (0.0, 60.0)
    waits.done(Synced(Path("two"), Outcome.DELIVERED, DeliveryReport(URL)))
    assert waits.patience_s(URL) == 60.0


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.LIVE, Outcome.HALTED])
def test_what_another_does_says_nothing_of_the_server(waits: Waits, outcome: Outcome) -> None:
    """A run that is not delivered for a reason of its own costs the others no patience."""
    waits.done(Synced(Path("one"), outcome, FAILED))
    assert waits.patience_s(URL) == 60.0


def test_it_is_said_once(waits: Waits, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, with what went wrong and for how long it is tried."""
    waits.seen(DeliveryReport(URL))
    waits.seen(FAILED)
    waits.seen(FAILED)
    said = capsys.readouterr().err
    assert said == f"{URL} takes nothing now, {PATIENCE}: no answer\n"


def test_a_sync_of_many_runs(ml_dash: Run, tmp_path: Path) -> None:
    """Each is tried, and what they owe is delivered when the server is back."""
    with serving() as gone:
        url, port = gone.url, gone.server_port
    for name in ("one", "two", "three"):
        exp = Experiment(f"alice/vision/{name}", dash_url=url, dash_root=tmp_path / ".dash",
                         offline=True, echo=False)  # fmt: skip
        with exp.run:
            exp.log(name)
    done = ml_dash("sync", "--timeout", "0.1", ML_DASH_TOKEN=TOKEN)
    assert (done.returncode, done.stdout.count("still owed")) == (3, 3)
    assert done.stderr.count(f"{url} takes nothing now, it is tried until 0.1 s") == 1
    with serving(port):
        assert ml_dash("sync", ML_DASH_TOKEN=TOKEN).returncode == 0
