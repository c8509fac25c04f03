"""Reports of what real runs have met: from their folders, from logs, against a baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.migrate.conftest import Process

TRAIN = """
from ml_dash import Experiment

with Experiment("alice/vision/one", dash_root=".dash", eror_mode="strict").run as exp:
    for _ in range(3):
        exp.metrics("train").buffer(loss="no number")
"""
MORE = TRAIN + """
with Experiment("alice/vision/two", dash_root=".dash", nmae="x").run:
    pass
"""


@pytest.fixture
def trained(process: Process, tmp_path: Path) -> str:
    """Run a program that meets what changes twice, and return what it printed."""
    (tmp_path / "train.py").write_text(TRAIN)
    done = process("train.py")
    assert done.returncode == 0, done.stderr
    return done.stderr


def sites(text: str) -> list[tuple[str, int, str, str]]:
    """Return what a report in JSON lists."""
    rows = json.loads(text)
    return sorted((Path(row["file"]).name, row["line"], row["id"], row["raises"]) for row in rows)


EXPECTED = [("train.py", 4, "MLD006", "UsageError"), ("train.py", 6, "MLD005", "InvalidValueError")]


def test_folders_and_logs_say_the_same(ml_dash: Process, trained: str, tmp_path: Path) -> None:
    """The lines are found in the runs' folders, in a plain log and in a log of JSON lines."""
    assert sites(ml_dash("migrate", "report", "--json").stdout) == EXPECTED
    (tmp_path / "train.log").write_text(f"epoch 1\n{trained}\nepoch 2\n")
    assert sites(ml_dash("migrate", "report", "train.log", "--json").stdout) == EXPECTED
    lines = [json.dumps({"level": "WARNING", "message": line}) for line in trained.splitlines()]
    (tmp_path / "json.log").write_text("{no json\n" + "\n".join(lines))
    assert sites(ml_dash("migrate", "report", "json.log", "--json").stdout) == EXPECTED
    (row, *_) = json.loads(ml_dash("migrate", "report", "--json").stdout)
    assert (row["count"], row["dependency"]) == (3, False)


def test_a_baseline_is_for_new_lines_only(
    ml_dash: Process, process: Process, trained: str, tmp_path: Path
) -> None:
    """What the baseline knows is no failure, also when it has moved; what is new is code 3."""
    kept = ml_dash("migrate", "report", "--write-baseline", "known.json")
    assert (kept.returncode, "2 lines of code known" in kept.stderr) == (0, True)
    again = ml_dash("migrate", "report", "--baseline", "known.json")
    assert (again.returncode, again.stdout) == (0, "No new line there.\n")
    (tmp_path / "train.py").write_text("# moved\n\n" + MORE)
    for path in tmp_path.rglob("deprecations.jsonl"):
        path.unlink()
    process("train.py")
    new = ml_dash("migrate", "report", "--baseline", "known.json", "--json")
    assert new.returncode == 3
    assert [row[2] for row in sites(new.stdout)] == ["MLD006"]


@pytest.mark.parametrize("content", [None, "no json", "[1]", '{"id": 1}'])
def test_what_is_no_baseline(ml_dash: Process, tmp_path: Path, content: str | None) -> None:
    """A baseline that is not there, or is none, is an error and not an empty one."""
    if content is not None:
        (tmp_path / "known.json").write_text(content)
    done = ml_dash("migrate", "report", "--baseline", "known.json", ".")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--write-baseline" in done.stderr


def test_a_dependency_is_told_apart(ml_dash: Process, tmp_path: Path) -> None:
    """Lines of installed packages are marked, and come last."""
    row = {"id": "MLD004", "api": "A.b", "line": 1, "count": 9, "raises": "E", "message": "m"}
    files = ("/x/lib/python3.11/site-packages/lib.py", "/home/me/train.py")
    (tmp_path / "deprecations.jsonl").write_text(
        "".join(json.dumps({**row, "file": file, "pid": 1}) + "\n" for file in files)
    )
    done = ml_dash("migrate", "report", ".")
    assert done.stdout.splitlines()[0].startswith("/home/me/train.py:1  MLD004")
    assert done.stdout.splitlines()[1].endswith(", in a dependency")


def test_a_damaged_file_costs_its_lines(ml_dash: Process, trained: str, tmp_path: Path) -> None:
    """Lines that are no records are told, the others are listed."""
    (path,) = tmp_path.rglob("deprecations.jsonl")
    path.write_bytes(b"\xff\xfe{\nno json\n" + path.read_bytes())
    done = ml_dash("migrate", "report", "--json")
    assert sites(done.stdout) == EXPECTED
    assert "is passed over" in done.stderr
