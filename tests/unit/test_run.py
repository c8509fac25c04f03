"""RUN: defaults, templates, start and end."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ml_dash import RUN, Experiment
from ml_dash.exceptions import (
    ClosedExperimentError,
    ConfigurationError,
    NotOpenError,
    PrefixError,
    RunOpenError,
    UsageError,
)
from ml_dash.run import find_project_root, find_project_root_or_raise

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


@pytest.mark.parametrize(("entry", "stem"), [("/usr", "usr"), ("/", "interactive")])
def test_an_entry_that_is_a_folder_gives_a_name(entry: str, stem: str) -> None:
    """Also when it is the project's root itself, of which nothing is left below."""
    assert RUN(entry=entry, project_root="/usr").path_stem == stem


def test_the_entry_is_found_whatever_is_given() -> None:
    """A given stem does not keep the script from being known, as in 0.6."""
    assert RUN(prefix="a/b", path_stem="s").entry == __file__


def test_day_and_time_as_placeholders() -> None:
    """0.6 refused them; ``now`` must be a time only where a template asks for it."""
    assert RUN(prefix="a/{date}/{datetime_str}", now=NOW).name == "20260131.090507"
    assert RUN(prefix="a/{user}", user="u", job_name="j", now=None).prefix == "a/u"
    with pytest.raises(PrefixError, match="cannot be filled in"):
        RUN(prefix="a/{date}", job_name="j", now=None)


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
    for name in ("nope", "start"):
        with pytest.raises(PrefixError, match=f"'{name}'.*{{EXP.project}}"):
            exp.run.prefix = f"{{EXP.{name}}}"
    exp.run.prefix = "o3/p3/{name}"
    assert (exp._folder_path, exp.owner, exp.name) == ("o3/p3/{name}", "o3", "{name}")


@pytest.mark.parametrize("prefix", ["../../out", "", "a/\0"])
def test_an_unsafe_prefix_is_refused_when_assigned(tmp_path: Path, prefix: str) -> None:
    """At the assignment, by either name, and nothing is changed."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    for target, name in ((exp.run, "prefix"), (exp, "_folder_path")):
        with pytest.raises(PrefixError):
            setattr(target, name, prefix)
    assert (exp.run.prefix, exp._folder_path, exp.owner) == ("o/p/n", "o/p/n", "o")


def test_exp_in_the_constructors_prefix(tmp_path: Path) -> None:
    """The id is kept, which 0.6 forgot; what the call gives is what is used."""
    exp = Experiment("o/p/{EXP.id}", dash_root=tmp_path)
    assert exp.run.prefix == f"o/p/{exp.run.id}"
    exp.run.id = None
    assert exp.run.id is None
    given = RUN(prefix="o/{EXP.project}/{EXP.date}.{EXP.id}", project="mine", now=NOW, id=5)
    assert (given.prefix, given.id) == ("o/mine/20260131.5", 5)
    RUN.job_counter = 7
    assert RUN(prefix="o/{EXP.job_counter}").prefix == "o/1"
    with pytest.raises(AttributeError, match="owner"):
        RUN(prefix="{EXP.owner}/x")


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
    for error in (ValueError("boom"), KeyboardInterrupt(), SystemExit(3), SystemExit("no")):
        with pytest.raises(type(error)), exp.run:
            raise error
        assert status_of(exp) == "FAILED"


@pytest.mark.parametrize("code", [0, None])
def test_a_program_that_leaves_well_has_completed(code: int | None, tmp_path: Path) -> None:
    """``sys.exit()`` and ``sys.exit(0)`` are no failure; 0.6 recorded one."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    with pytest.raises(SystemExit), exp.run:
        sys.exit(code)
    assert status_of(exp) == "COMPLETED"


def test_a_block_inside_a_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The inner one ends the run for both, as in 0.6, and that is said before."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    exp.run.start()
    with exp.run:
        assert caplog.text == ""
        with exp.run:
            assert "ends it for both" in caplog.text
        with pytest.raises(ClosedExperimentError):
            exp.log("too late")
    assert status_of(exp) == "COMPLETED"


def test_an_end_after_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first status stays; another one, or the end of what never began, is logged."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    exp.run.complete()
    assert "not open, so it is not marked COMPLETED" in caplog.text
    exp.run.start()
    exp.run.complete()
    caplog.clear()
    exp.run.complete()
    assert caplog.text == ""
    exp.run.fail()
    assert "has ended as COMPLETED and stays so" in caplog.text
    assert status_of(exp) == "COMPLETED"


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


def test_a_generator_left_early_is_cancelled(tmp_path: Path) -> None:
    """Its reader had enough; that is no failure."""
    exp = Experiment("o/p/n", dash_root=tmp_path)

    @exp.run
    def steps() -> Iterator[int]:
        yield from range(5)

    reading = steps()
    assert next(reading) == 0
    reading.close()
    assert status_of(exp) == "CANCELLED"


def test_only_functions_can_be_decorated(tmp_path: Path) -> None:
    """Anything else is refused, and nothing is opened."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    with pytest.raises(UsageError, match="5 is no function"):
        exp.run(5)
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
    assert find_project_root_or_raise(inner) == str(tmp_path / "a")
    with pytest.raises(ConfigurationError, match="looks like a project"):
        find_project_root_or_raise("/")


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


def test_a_users_module_may_be_called_like_params_proto(tmp_path: Path) -> None:
    """Only params-proto itself is passed over in the search for the script."""
    (tmp_path / "pyproject.toml").touch()  # the stem is told from here, wherever this folder lies
    (tmp_path / "params_proto_mine.py").write_text("from ml_dash import RUN\nrun = RUN()\n")
    code = "import params_proto_mine; print(params_proto_mine.run.path_stem)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "params_proto_mine"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become a user without a name")
def test_a_user_without_a_name(tmp_path: Path) -> None:
    """As in many containers: a prefix with an owner works, a template that needs a user says so."""
    code = """
import os
from ml_dash import RUN
from ml_dash.exceptions import PrefixError
RUN(prefix="warm/up")
os.setuid(54321)
print(RUN(prefix="o/p/n", entry="x.py").prefix, RUN(prefix="o/{job_counter}", project="p").user)
try:
    RUN(entry="x.py")
except PrefixError as error:
    print(error)
"""
    names = ("USER", "LOGNAME", "LNAME", "USERNAME", "ML_DASH_USER")
    env = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run([sys.executable, "-c", code], cwd="/", env=env, capture_output=True,
                          text=True, check=True)  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first == "o/p/n None"
    assert "Nobody knows who runs this" in second
    assert "ML_DASH_USER" in second


def test_the_server_of_the_environment(tmp_path: Path) -> None:
    """``ML_DASH_API_URL`` is what ``dash_url=True`` means; 0.6 documented it and never read it."""
    code = (
        "from ml_dash import RUN, Experiment\n"
        "exp = Experiment('o/p/n', dash_url=True, offline=True)\n"
        "print(RUN.api_url, exp._client.graphql_base_url)"
    )
    url = "http://127.0.0.1:9"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, env={**os.environ, "ML_DASH_API_URL": url})  # fmt: skip
    assert done.stdout == f"{url} {url}\n", done.stderr
