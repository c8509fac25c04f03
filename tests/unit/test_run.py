"""RUN: defaults, templates, start and end."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ml_dash import RUN, Experiment
from ml_dash.exceptions import NotOpenError, PrefixError, RunOpenError
from ml_dash.run import find_project_root

NOW = datetime(2026, 1, 31, 9, 5, 7)


@pytest.fixture(autouse=True)
def _own_defaults() -> Iterator[None]:
    """Give each test RUN as it was."""
    before = dict(RUN)
    RUN.job_counter = 1
    yield
    for name, value in before.items():
        setattr(RUN, name, value)


def status_of(exp: Experiment) -> str:
    """Return the run's status on disk."""
    document = exp._run_store.document.read()
    assert document is not None
    return str(document["status"])


def test_the_default_prefix(tmp_path: Path) -> None:
    """Owner, scratch, day, script below its project, time and counter."""
    (tmp_path / "pyproject.toml").touch()
    script = tmp_path / "scripts" / "train.py"
    run = RUN(user="ann", entry=str(script), project_root=str(tmp_path), now=NOW)
    assert run.prefix == "ann/scratch/2026/01-31/scripts/train/09.05.07/001"
    assert (run.owner, run.project, run.name) == ("ann", "scratch", "001")
    assert (run.date, run.datetime_str) == ("20260131", "20260131.090507")
    assert RUN(user="ann", entry=str(script), now=NOW).name == "002"


def test_a_script_outside_its_project_gives_its_name(tmp_path: Path) -> None:
    """0.6 took an arbitrary tail of the path."""
    run = RUN(entry=str(tmp_path / "a" / "b" / "train.py"), project_root="/usr/lib")
    assert run.path_stem == "train"


def test_precedence() -> None:
    """Keyword over class over default; an instance never writes back to the class."""
    RUN.project = "of-class"
    assert RUN(user="u", entry="x.py").prefix.startswith("of-class/")
    run = RUN(user="u", entry="x.py", project="given")
    assert run.prefix.startswith("given/")
    run.project = "changed"
    assert RUN.project == "of-class"


@pytest.mark.parametrize(("class_value", "following"), [(True, 2), (7, 8)])
def test_the_counter_counts_constructions(class_value: int, following: int) -> None:
    """Every run counts, also one with a prefix of its own; the instance keeps the old value."""
    RUN.job_counter = class_value
    assert RUN(prefix="a/b/c").job_counter == class_value
    assert RUN.job_counter == following


def test_assigning_a_prefix(tmp_path: Path) -> None:
    """``{EXP...}`` is filled in and the parts follow; plain braces stay."""
    exp = Experiment("o/p/first", dash_root=tmp_path)
    exp.run.prefix = "o2/p2/{EXP.name}.{EXP.id}"
    assert exp.run.prefix == exp._folder_path == f"o2/p2/first.{exp.run.id}"
    assert (exp.owner, exp.project) == ("o2", "p2")
    assert isinstance(exp.run.id, int)
    with pytest.raises(PrefixError, match="nope"):
        exp.run.prefix = "{EXP.nope}"


def test_an_id_in_the_constructors_prefix_is_kept(tmp_path: Path) -> None:
    """0.6 forgot it."""
    exp = Experiment("o/p/{EXP.id}", dash_root=tmp_path)
    assert exp.run.prefix == f"o/p/{exp.run.id}"


def test_an_open_run_keeps_its_prefix(tmp_path: Path) -> None:
    """Changing it is refused, by either name, and changes nothing."""
    with Experiment("o/p/n", dash_root=tmp_path, echo=False).run as exp:
        for name in ("prefix", "_folder_path"):
            target = exp.run if name == "prefix" else exp
            with pytest.raises(RunOpenError, match="Cannot change prefix"):
                setattr(target, name, "x/y/z")
        assert (exp.run.prefix, exp._folder_path) == ("o/p/n", "o/p/n")


def test_a_bare_run_cannot_be_started() -> None:
    """There is nothing to open."""
    with pytest.raises(NotOpenError, match="no experiment"):
        RUN(prefix="a/b/c").start()


def test_a_run_can_be_copied() -> None:
    """Before it is started it can be pickled and deep-copied."""
    run = RUN(prefix="a/b/c")
    assert copy.deepcopy(run).prefix == "a/b/c"
    assert pickle.loads(pickle.dumps(run)).prefix == "a/b/c"


def test_the_context_manager(tmp_path: Path) -> None:
    """It gives the experiment, and records how it ended; exceptions pass."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    with exp.run as given:
        assert given is exp
        assert status_of(exp) == "RUNNING"
    assert status_of(exp) == "COMPLETED"
    for error in (ValueError("boom"), KeyboardInterrupt(), SystemExit(0)):
        with pytest.raises(type(error)), exp.run:
            raise error
        assert status_of(exp) == "FAILED"


def test_the_decorator(tmp_path: Path) -> None:
    """``@exp.run`` runs plain, asynchronous and generator functions inside the run."""
    exp = Experiment("o/p/n", dash_root=tmp_path)

    @exp.run
    def plain(x: int, experiment: Experiment) -> int:
        """Keep this text."""
        assert experiment is exp
        assert exp._is_open
        return x + 1

    @exp.run
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        assert exp._is_open
        return x + 2

    @exp.run
    def several(x: int) -> Iterator[int]:
        assert exp._is_open
        yield from range(x)

    assert plain(1) == 2
    assert plain.__doc__ == "Keep this text."
    assert asyncio.run(later(1)) == 3
    assert list(several(3)) == [0, 1, 2]
    assert not exp._is_open


def test_the_project_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest folder above with a project's file; else the working directory."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "setup.cfg").touch()
    (inner / "x.py").touch()
    assert find_project_root(inner) == find_project_root(str(inner / "x.py")) == str(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    assert find_project_root("/", verbose=True) == str(tmp_path)


def test_the_users_script_is_found(tmp_path: Path) -> None:
    """0.6 took its own module for the script; without a file there is a word instead."""
    code = "from ml_dash import Experiment; print(Experiment().run.path_stem)"
    script = tmp_path / "my_training.py"
    script.write_text(code)
    (tmp_path / "pyproject.toml").touch()
    for command, stem in (([str(script)], "my_training"), (["-c", code], "interactive")):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True,
                              text=True, check=True)  # fmt: skip
        assert done.stdout.strip() == stem
