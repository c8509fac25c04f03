"""A run's folder that was copied, moved or renamed: nothing is lost, nothing comes twice."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, Synced, sync
from ml_dash._delivery.target import folder_of
from ml_dash.exceptions import RecoverableWarning, RunCopiedError
from tests.delivery.loopback import TOKEN, Loopback

Record = Callable[..., Experiment]


@pytest.fixture
def record(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return a function that records some lines in a run, delivered at once or not at all."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)

    def made(root: Path, name: str, *texts: str, **how: object) -> Experiment:
        settings = {"echo": False, "error_mode": "strict", **how}
        exp = Experiment(f"alice/vision/{name}", dash_url=server.url, dash_root=root, **settings)  # type: ignore[arg-type]
        with exp.run:
            for text in texts:
                exp.log(text)
        return exp

    return made


def synced(run: Path, server: Loopback) -> Synced:
    """Deliver what a run owes."""
    return sync(run, folder_of(run, server.url), patience_s=5.0, api_key=TOKEN)


def lines(server: Loopback) -> dict[str, list[str]]:
    """Return the texts on the server, by run."""
    return {run.place[0]: [line["message"] for line in run.logs] for run in server.runs.values()}


def test_a_copy_under_another_prefix_is_a_run_of_its_own(
    record: Record, server: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It gets all that the copied folder holds, and the run that it was copied from nothing."""
    first = record(tmp_path, "first", "one", "two")
    shutil.copytree(first.folder, first.folder.with_name("second"))
    second = record(tmp_path, "second", "three")
    assert second.folder == first.folder.with_name("second")
    assert lines(server) == {"first": ["one", "two"], "second": ["one", "two", "three"]}
    assert "alice/vision/first; it is alice/vision/second now" in caplog.text
    assert second.delivery.is_complete
    record(tmp_path, "first", "four")
    assert lines(server)["first"] == ["one", "two", "four"]


def test_a_folder_that_is_renamed_while_nobody_delivers(
    record: Record, server: Loopback, tmp_path: Path
) -> None:
    """What another prefix has recorded without a server is delivered under that prefix."""
    folder = record(tmp_path, "first", "one").folder
    folder.rename(folder.with_name("second"))
    local = Experiment("alice/vision/second", dash_root=tmp_path, echo=False)
    with local.run:
        local.log("two")
    assert synced(local.folder, server).outcome is Outcome.DELIVERED
    assert lines(server) == {"first": ["one"], "second": ["one", "two"]}


def test_a_prefix_that_comes_back(record: Record, server: Loopback, tmp_path: Path) -> None:
    """A folder that turns to its first prefix again goes on where that was."""
    folder = record(tmp_path, "first", "one").folder
    folder.rename(folder.with_name("second"))
    folder = record(tmp_path, "second", "two").folder
    folder.rename(folder.with_name("first"))
    record(tmp_path, "first", "three")
    assert lines(server) == {"first": ["one", "two", "three"], "second": ["one", "two"]}


def test_a_crash_before_the_new_prefix_is_written(
    record: Record, server: Loopback, tmp_path: Path
) -> None:
    """Notes that have turned while the run's document has not turn back, and double nothing."""
    exp = record(tmp_path, "first", "one")
    folder = folder_of(exp.folder, server.url)
    folder.turn_to("alice/vision/second")
    assert synced(exp.folder, server).outcome is Outcome.DELIVERED
    assert lines(server) == {"first": ["one"]}


def test_a_copy_beside_its_original_is_not_delivered(
    record: Record, server: Loopback, tmp_path: Path
) -> None:
    """What both hold would arrive twice: the copy says so, and keeps all."""
    record(tmp_path / "a", "first", "one")
    record(tmp_path / "a", "first", "two", offline=True)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    copy = tmp_path / "b/alice/vision/first"
    done = synced(copy, server)
    assert done.outcome is Outcome.HALTED
    assert "is a copy of" in done.report.halted
    assert synced(tmp_path / "a/alice/vision/first", server).outcome is Outcome.DELIVERED
    assert lines(server) == {"first": ["one", "two"]}
    with pytest.raises(RunCopiedError, match="is a copy of"):
        record(tmp_path / "b", "first", "three")  # if the thread is faster, it is not logged
    with pytest.warns(RecoverableWarning, match="is a copy of"):
        record(tmp_path / "b", "first", "three", error_mode="default")
    assert lines(server) == {"first": ["one", "two"]}
    assert "three" in (copy / "logs/logs.jsonl").read_text()


def test_a_copy_whose_original_is_gone_goes_on(
    record: Record, server: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that was moved is delivered from where it is now, once."""
    caplog.set_level(logging.INFO, "ml_dash")
    record(tmp_path / "a", "first", "one")
    record(tmp_path / "a", "first", "two", offline=True)
    (tmp_path / "a").rename(tmp_path / "b")
    moved = tmp_path / "b/alice/vision/first"
    assert synced(moved, server).outcome is Outcome.DELIVERED
    record(tmp_path / "b", "first", "three")
    assert lines(server) == {"first": ["one", "two", "three"]}
    assert f"is at {moved} now" in caplog.text


def test_a_folder_that_is_seen_by_two_ways_is_one(
    record: Record, server: Loopback, tmp_path: Path
) -> None:
    """A link to a run is no copy of it."""
    (tmp_path / "b").symlink_to(tmp_path / "a")
    record(tmp_path / "a", "first", "one")
    record(tmp_path / "b", "first", "two")
    assert lines(server) == {"first": ["one", "two"]}


def test_copies_that_part_take_nothing_from_each_other(
    record: Record, server: Loopback, tmp_path: Path
) -> None:
    """Copies on two machines number their new records alike: the server takes them for two."""
    record(tmp_path / "a", "first", "one")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "elsewhere")  # as if on another machine
    record(tmp_path / "b", "first", "two")
    (tmp_path / "b").rename(tmp_path / "hidden")
    record(tmp_path / "elsewhere", "first", "three")
    assert lines(server) == {"first": ["one", "two", "three"]}


