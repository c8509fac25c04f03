"""Files go beside the rest: a large or a stuck one holds nothing up, and many go at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.target import folder_of
from ml_dash.exceptions import RecoverableWarning
from tests.delivery.loopback import TOKEN, Loopback

PREFIX = "alice/vision/files/run"
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a token."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)


def started(server: Loopback, tmp_path: Path) -> Experiment:
    """Return a run whose server hangs where bytes of files are sent."""
    exp = Experiment(PREFIX, dash_url=server.url, dash_root=tmp_path, echo=False)
    exp.run.start()
    exp.flush()
    server.fail("hang", part="/nodes", when=b"name=\"file\"", times=1)
    return exp


def test_metrics_pass_a_file_that_is_stuck(server: Loopback, tmp_path: Path) -> None:
    """Points and logs arrive while an upload gets no answer; the end of the run waits for it."""
    exp = started(server, tmp_path)
    exp.files("models").save_text("weights", to="w.txt")
    server.wait_for(lambda: server.count("/nodes") > 1)
    for number in range(100):
        exp.metrics("train").log(step=number)
        exp.log(f"line {number}")
    server.wait_for(lambda: len(server.run.logs) == 100 and "train" in server.run.points)
    assert server.files() == {}
    assert server.run.statuses[-1:] != ["COMPLETED"]
    server.released.set()
    exp.run.complete()
    assert server.files() == {"models/w.txt": b"weights"}
    assert server.run.statuses[-1] == "COMPLETED"
    assert exp.delivery.is_complete


def test_a_stuck_file_keeps_the_lease(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else delivers while the request is under way; after it, a sync finishes the run."""
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "0.1")
    exp = started(server, tmp_path)
    exp.files("models").save_text("weights", to="w.txt")
    server.wait_for(lambda: server.count("/nodes") > 1)
    delivery = exp._courier._shipper.delivery  # type: ignore[union-attr]
    with pytest.warns(RecoverableWarning, match="not delivered"):
        exp.run.complete()
    folder = folder_of(exp.folder, server.url)
    assert not Lease(folder.path / "lock").take()
    assert sync(exp.folder, folder).outcome is Outcome.BUSY
    server.released.set()
    delivery.wait_for_files(PATIENCE_S)
    assert sync(exp.folder, folder).outcome is Outcome.DELIVERED
    assert server.files() == {"models/w.txt": b"weights"}
    assert server.run.statuses[-1] == "COMPLETED"


def test_many_files_arrive_each_once(server: Loopback, tmp_path: Path) -> None:
    """A hundred files in five folders, some refused for a moment, some replaced and deleted."""
    server.fail(part="/nodes", when=b"name=\"file\"", status=503, times=3)
    exp = Experiment(PREFIX, dash_url=server.url, dash_root=tmp_path, echo=False)
    with exp.run:
        for number in range(100):
            exp.files(f"part-{number % 5}").save_text(str(number), to=f"{number}.txt")
        for number in range(0, 100, 10):
            exp.files(f"part-{number % 5}").save_text("again", to=f"{number}.txt")
        exp.files("part-1/11.txt").delete()
    expected = {f"part-{n % 5}/{n}.txt": str(n).encode() for n in range(100) if n != 11}
    expected |= {f"part-{n % 5}/{n}.txt": b"again" for n in range(0, 100, 10)}
    assert server.files() == expected
    assert exp.delivery.is_complete


def test_a_refused_file_among_many(server: Loopback, tmp_path: Path) -> None:
    """The one is set aside with the server's words, the others arrive."""
    server.fail(part="/nodes", when=b"poison", status=422, times=1000)
    exp = Experiment(PREFIX, dash_url=server.url, dash_root=tmp_path, echo=False,
                     error_mode="permissive")  # fmt: skip

    def save() -> None:
        for number in range(20):
            exp.files().save_text("poison" if number == 7 else "fine", to=f"{number}.txt")
        exp.flush()

    exp.run.start()
    with pytest.warns(RuntimeWarning, match="422"):
        save()
    exp.run.complete()
    assert sorted(server.files()) == sorted(f"{n}.txt" for n in range(20) if n != 7)
    assert (exp.delivery.pending, exp.delivery.rejected) == (0, 1)
