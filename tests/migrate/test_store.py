"""Folders that 0.6 has left damaged: told, mended with a backup, and what is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash.migrate import store
from ml_dash.runs import local_runs
from tests.compat.golden import trees
from tests.compat.golden.trees import Golden
from tests.migrate.conftest import Process

SAID = {
    "damaged_batch": "2 points have an index that another has",
    "damaged_experiment": "experiment.json: it is damaged",
    "damaged_files_index": "it is damaged; 2 files are there",
    "damaged_log_sequence": "and should say 3",
    "damaged_log_tail": "lost in 0.6: 1 log lines",
    "damaged_metric_metadata": "metadata.json: it is no JSON",
    "damaged_metric_tail": "lost in 0.6: 1 points",
    "damaged_params": "3 parameters can be read",
    "damaged_track_metadata": "metadata.json: it is no JSON",
    "damaged_track_tail": "lost in 0.6: 1 entries",
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}  # fmt: skip


@pytest.mark.parametrize("golden", trees.load(damaged=True), ids=lambda golden: golden.name)
def test_what_0_6_has_damaged(ml_dash: Process, tmp_path: Path, golden: Golden) -> None:
    """It is told without a change, then mended with a copy of each file, and then all is well."""
    golden.copy(tmp_path / "store")
    before = contents(tmp_path / "store")
    told = ml_dash("migrate", "store", "store", "--dry-run")
    assert told.returncode == 3
    assert SAID[golden.folder.name] in told.stdout
    assert contents(tmp_path / "store") == before
    mended = ml_dash("migrate", "store", "store", "--json")
    (row,) = json.loads(mended.stdout)
    assert (mended.returncode, {each["mended"] for each in row["found"]}) == (0, {True})
    kept = contents(Path(tmp_path / row["backup"]))
    run = golden.expected["prefix"]
    assert kept
    assert all(before[f"{run}/{name}"] == data for name, data in kept.items())
    again = ml_dash("migrate", "store", "store")
    assert (again.returncode, again.stdout) == (0, "")
    (found,) = local_runs(tmp_path / "store")
    assert found.path == run
    numbers = [line["sequenceNumber"] for line in found.log_lines(0)]
    assert numbers == list(range(len(numbers)))
    for name in found.metric_names():
        assert len(list(found.points(name, 0))) == found.count_points(name)
    assert isinstance(found.params, dict)


@pytest.mark.parametrize("golden", trees.load(damaged=False), ids=lambda golden: golden.name)
def test_what_is_whole_stays_as_it_is(
    ml_dash: Process, tmp_path: Path, golden: Golden
) -> None:
    """In folders that 0.6 has closed there is nothing to mend, whatever was logged."""
    golden.copy(tmp_path / "store")
    before = contents(tmp_path / "store")
    done = ml_dash("migrate", "store", "store", "--json")
    (row,) = json.loads(done.stdout)
    assert (done.returncode, {each["kind"] for each in row["found"]} - {"numbers"}) == (0, set())
    assert contents(tmp_path / "store") == before


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Return a 0.6 run with files, and its list of them."""
    golden = next(each for each in trees.load(damaged=False) if each.name == "0.6.13-files")
    copy = golden.copy(tmp_path / "store")
    return copy.run, json.loads((copy.run / "files/.files_metadata.json").read_text())["files"]


def test_files_that_do_not_fit_their_list(ml_dash: Process, files: Any) -> None:
    """Files that are gone or changed are lost; files without an entry get one."""
    run, listed = files
    there = [each for each in listed if not each["deletedAt"]]
    first, second, third = (
        run / "files" / each["path"].strip("/") / each["id"] / each["filename"]
        for each in there[:3]
    )
    first.unlink()
    second.write_bytes(b"changed")
    (run / "files/.files_metadata.json").write_text(
        json.dumps({"files": [each for each in listed if each["id"] != there[2]["id"]]})
    )
    done = ml_dash("migrate", "store", "store")
    assert done.returncode == 3
    assert f"{first.name}: it is in the list, and is not there (DAMAGED)" in done.stdout
    assert "its bytes are not those that were stored (DAMAGED)" in done.stdout
    assert "1 files are not in the list (mended)" in done.stdout
    now = json.loads((run / "files/.files_metadata.json").read_text())["files"]
    assert third.name in {each["filename"] for each in now}


def test_points_that_are_missing_are_told(ml_dash: Process, tmp_path: Path) -> None:
    """A gap in the indexes is a loss of 0.6 that nothing can mend."""
    golden = next(e for e in trees.load(damaged=False) if e.name == "0.6.13-metrics-buffered")
    copy = golden.copy(tmp_path / "store")
    path = copy.run / "metrics/train/data.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[5:]))
    done = ml_dash("migrate", "store", "store")
    assert done.returncode == 3
    assert "2 indexes are missing (DAMAGED); lost in 0.6: 2 points" in done.stdout


def test_a_run_that_changes_is_left_alone(tmp_path: Path) -> None:
    """A file that was written since it was read is not replaced."""
    golden = next(e for e in trees.load(damaged=True) if e.name == "0.6.13-damaged_log_tail")
    copy = golden.copy(tmp_path / "store")
    (checked,) = store.check_store(copy.root, mend=False)
    seen = store._sizes(copy.run)
    with (copy.run / "logs/logs.jsonl").open("ab") as file:
        file.write(b"\n")
    before = contents(copy.run)
    assert not store._mend(checked, seen, copy.run / "backup")
    assert (checked.mended, checked.backup) == ([], None)
    assert checked.left[-1].what == "a program writes it right now"
    assert contents(copy.run) == before


BARE = next(e for e in trees.load(damaged=False) if b"NaN" in b"".join(
    path.read_bytes() for path in e.folder.rglob("data.jsonl")))  # fmt: skip


def test_bare_numbers_are_mended_when_told(ml_dash: Process, tmp_path: Path) -> None:
    """They become JSON, the values stay, and texts that are called so are none."""
    copy = BARE.copy(tmp_path / "store")
    (copy.run / "parameters.json").write_text('{"version": 1, "data": {"a": NaN, "b": "NaN"}}')
    with (copy.run / "logs/logs.jsonl").open("a") as file:
        file.write("torn NaN")
    (before,) = local_runs(copy.root)
    points = {name: list(before.points(name, 0)) for name in before.metric_names()}
    told = ml_dash("migrate", "store", "store", "--dry-run").stdout
    assert "(mended by --numbers)" in told
    assert "parameters.json: it has a bare NaN" in told
    done = ml_dash("migrate", "store", "store", "--numbers", "--json")
    (row,) = json.loads(done.stdout)
    assert (done.returncode, {each["mended"] for each in row["found"]}) == (0, {True})
    for path in [copy.run / "parameters.json", *(copy.run / "metrics").rglob("data.jsonl")]:
        text = path.read_text()
        for line in [text] if path.suffix == ".json" else text.splitlines():
            json.loads(line, parse_constant=pytest.fail)
        assert (tmp_path / row["backup"] / path.relative_to(copy.run)).exists() == (
            b"NaN" in path.read_bytes()
        )
    (after,) = local_runs(copy.root)
    assert repr({name: list(after.points(name, 0)) for name in points}) == repr(points)
    assert repr(after.params) == "{'a': nan, 'b': 'NaN'}"
    again = ml_dash("migrate", "store", "store", "--numbers")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_word_in_a_text_is_no_number(ml_dash: Process, tmp_path: Path) -> None:
    """A log line that says NaN is JSON."""
    golden = next(each for each in trees.load(damaged=False) if each.name == "0.6.13-files")
    copy = golden.copy(tmp_path / "store")
    path = copy.run / "logs/logs.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"level": "info", "message": "loss is NaN here", "sequenceNumber": 0}\n')
    (copy.run / "logs/.log_sequence").write_text("1")
    assert "NaN" not in ml_dash("migrate", "store", "store", "--dry-run").stdout


@pytest.mark.parametrize("words", [("nowhere",), (".",)])
def test_where_there_is_no_run(ml_dash: Process, words: tuple[str, ...]) -> None:
    """It is a failure, not a store without damage."""
    assert ml_dash("migrate", "store", *words).returncode in (1, 2)


def test_runs_of_0_7_are_left_alone(ml_dash: Process, tmp_path: Path) -> None:
    """What 0.7 has written mends itself, and its delivery is noted by bytes."""
    exp = Experiment("alice/vision/one", dash_root=tmp_path / ".dash", echo=False)
    with exp.run:
        exp.log("one")
    with (exp.folder / "logs/logs.jsonl").open("ab") as file:
        file.write(b"torn")
    before = contents(exp.folder)
    done = ml_dash("migrate", "store")
    assert (done.returncode, done.stdout) == (0, "")
    assert contents(exp.folder) == before
