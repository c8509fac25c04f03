"""What users see of old behaviour: one line, at their line of code, in every kind of program."""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import deprecation
import pytest

from ml_dash import Experiment
from ml_dash._base import deprecate
from ml_dash.auth.token_storage import decode_jwt_payload
from ml_dash.exceptions import MLDashDeprecationWarning

ASK = "from ml_dash.auth.token_storage import decode_jwt_payload as ask\n"
"""A call that meets old behaviour wherever it is made: ``ask('x')``."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a package of somebody else's that makes the call."""
    (tmp_path / "theirs.py").write_text(f"{ASK}\ndef lookup():\n    return ask('x')\n")
    return tmp_path


def run(place: Path, script: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a plain Python."""
    (place / "train.py").write_text(script)
    return subprocess.run(
        [sys.executable, *options, "train.py"], cwd=place, env={**os.environ, **env},
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_plain_script_shows_one_line_per_place(place: Path) -> None:
    """In another package, nothing configured: flag, sibling, release, section, and the error."""
    done = run(place, "import theirs\nfor _ in range(3):\n    assert theirs.lookup() == {}\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{place / 'theirs.py'}:4: MLD002 (credentials_raise): ")
    for part in ("decode_jwt_payload_or_raise()", "from 0.9 on",
                 "MIGRATION.md#mld002-credentials_raise", "it has not three parts"):  # fmt: skip
        assert part in line
    assert done.returncode == 0


def test_a_script_that_makes_the_call_itself_sees_it_once(place: Path) -> None:
    """Python shows warnings of the main script, so the log does not show the same again."""
    done = run(place, f"{ASK}ask('x')\nask('x')\n")
    lines = [line for line in done.stderr.splitlines() if "MLD002" in line]
    assert [line.split(": MLDash")[0].rpartition(":")[2] for line in lines] == ["2", "3"]


def test_logging_set_up_gets_the_traceback_too(place: Path) -> None:
    """The record about the place, and one with the hidden error for each call."""
    script = (
        "import logging, sys; logging.basicConfig(stream=sys.stdout)\n"
        "import theirs\ntheirs.lookup(); theirs.lookup()\n"
    )
    done = run(place, script)
    assert done.stdout.count("MLD002") == 1
    assert done.stdout.count("Traceback") == 2
    assert done.stdout.count("WARNING:ml_dash.deprecation:") == 1


@pytest.mark.parametrize(
    "call",
    [
        "t = threading.Thread(target=theirs.lookup); t.start(); t.join()",
        "ThreadPoolExecutor().submit(theirs.lookup).result()",
        "asyncio.run(asyncio.to_thread(theirs.lookup))",
        "asyncio.run(coroutine())",
        "contextlib.ExitStack().enter_context(manager())",
        "functools.partial(theirs.lookup)()",
        "list(map(lambda _: theirs.lookup(), [1]))",
    ],
    ids=["thread", "pool", "to-thread", "coroutine", "exit-stack", "partial", "map"],
)
def test_the_line_is_the_users_wherever_it_runs(place: Path, call: str) -> None:
    """Never a line of the standard library or of ours."""
    script = (
        "import asyncio, contextlib, functools, threading, theirs\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "async def coroutine(): theirs.lookup()\n"
        "@contextlib.contextmanager\ndef manager(): yield theirs.lookup()\n"
        f"{call}\n"
    )
    assert run(place, script).stderr.startswith(f"{place / 'theirs.py'}:4: MLD002")


def test_a_decorated_run_is_the_users_line(place: Path) -> None:
    """The frames of our decorators and of `functools` are passed over."""
    script = (
        "from ml_dash import ml_dash_experiment\n"
        "@ml_dash_experiment('o/p/n')\n"
        "def train(experiment):\n    experiment.metrics('m').buffer(x='word')\n"
        "train()\n"
    )
    assert f"{place / 'train.py'}:4: MLDashDeprecationWarning: MLD005" in run(place, script).stderr


@pytest.mark.parametrize("cell", ["<ipython-input-3-1f2>", "/tmp/ipykernel_7/1234.py"])
def test_in_a_notebook_the_line_is_the_cells(cell: str) -> None:
    """Cells are compiled under names of their own."""
    code = compile(f"{ASK}\n\nask('x')", cell, "exec")
    with pytest.warns(MLDashDeprecationWarning) as told:
        exec(code, {})
    assert (told[0].filename, told[0].lineno) == (cell, 4)


def test_in_pytest_the_line_is_the_tests(place: Path) -> None:
    """Its summary of warnings names the test's file."""
    (place / "test_theirs.py").write_text("import theirs\ndef test_it(): theirs.lookup()\n")
    (place / "pytest.ini").touch()  # not the settings of a folder above
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
                          cwd=place, capture_output=True, text=True)  # fmt: skip
    assert f"{place / 'theirs.py'}:4: MLDashDeprecationWarning: MLD002" in done.stdout


def test_with_warnings_as_errors_objects_stay_usable(place: Path) -> None:
    """The warning is raised at the call, and the next call works."""
    script = (
        "from ml_dash import Experiment\n"
        "with Experiment('o/p/n').run as exp:\n"
        "    try: exp.metrics('m').buffer(x='word')\n"
        "    except DeprecationWarning as told: print(type(told).__name__)\n"
        "    exp.metrics('m').buffer(x=1)\n"
        "    exp.metrics.buffer.log_summary()\n"
        "    print(exp.metrics('m').read()['data'][0]['data'])\n"
    )
    done = run(place, script, "-W", "error")
    assert done.stdout == "MLDashDeprecationWarning\n{'x.mean': 1.0}\n"


def test_the_preview_takes_no_old_path(place: Path) -> None:
    """`ML_DASH_FUTURE_STRICT=1` raises the error itself."""
    done = run(place, "import theirs; theirs.lookup()", ML_DASH_FUTURE_STRICT="1")
    assert done.returncode == 1
    assert "MalformedTokenError" in done.stderr.splitlines()[-1]
    assert "MLD002" not in done.stderr


@pytest.mark.parametrize("choice", ["0.6", "-credentials_raise", "MLD003,-MLD002"])
def test_old_behaviour_that_was_asked_for_is_silent(place: Path, choice: str) -> None:
    """Whoever chose it knows."""
    done = run(place, "import theirs; assert theirs.lookup() == {}", ML_DASH_FUTURE=choice)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_hidden_is_still_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the old behaviour was asked for: with its traceback."""
    monkeypatch.setenv("ML_DASH_FUTURE", "0.6")
    assert decode_jwt_payload("x") == {}
    (record,) = caplog.records
    assert record.exc_info is not None


def test_the_warning_is_of_both_families() -> None:
    """It is caught as ours, as Python's and as the `deprecation` package's, and pickles."""
    with pytest.warns(MLDashDeprecationWarning) as told:
        decode_jwt_payload("x")
    warning: Any = told[0].message
    assert isinstance(warning, deprecation.DeprecatedWarning)
    assert (warning.deprecated_in, warning.removed_in) == ("0.7", "1.0")
    assert warning.function == "decode_jwt_payload"
    assert told[0].category.__name__ == "MLDashDeprecationWarning"
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)


def test_a_filter_by_id_works() -> None:
    """Texts begin with the flag's id, for ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="MLD002")
        assert decode_jwt_payload("x") == {}


def test_docstrings_carry_the_notice() -> None:
    """In the form of the `deprecation` package: the directive, the release, what to use."""
    assert ".. deprecated:: 0.7" in str(decode_jwt_payload.__doc__)
    assert "use decode_jwt_payload_or_raise()" in str(decode_jwt_payload.__doc__)


def uses_of(exp: Experiment) -> list[dict[str, Any]]:
    """Return what a run noted."""
    lines = (exp.folder / "deprecations.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_keeps_what_it_met(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From before it was opened on, with the final counts, and one line at close."""
    decode_jwt_payload("x")
    exp = Experiment("o/p/n", dash_root=tmp_path, colour="red")
    with exp.run:
        for _ in range(3):
            exp.metrics("m").buffer(x="word")
    apis = {(use["api"], use["id"], use["raises"]) for use in uses_of(exp)}
    assert apis == {
        ("decode_jwt_payload", "MLD002", "MalformedTokenError"),
        ("Experiment", "MLD006", "UsageError"),
        ("MetricBuilder.buffer", "MLD005", "InvalidValueError"),
    }
    assert [use["count"] for use in uses_of(exp) if use["id"] == "MLD005"] == [1, 3]
    assert caplog.records[-1].getMessage() == (
        "3 lines of code got behaviour that changes in 0.9 (5 calls; MLD002, MLD005, MLD006). "
        f"To list them: ml-dash migrate report {exp.folder}; "
        f"to fix them: ml-dash migrate fix . --from {exp.folder}"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_runs_side_by_side_keep_their_own(tmp_path: Path) -> None:
    """What one experiment met does not stand in the other's file."""
    first = Experiment("o/p/a", dash_root=tmp_path, colour="red")
    second = Experiment("o/p/b", dash_root=tmp_path)
    with first.run, second.run:
        second.metrics("m").buffer(x="word")
    assert [use["api"] for use in uses_of(first)] == ["Experiment"]
    assert [use["api"] for use in uses_of(second)] == ["MetricBuilder.buffer"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_close_lists_the_places_before_the_flip(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At 0.8 each place is named."""
    with Experiment("o/p/n", dash_root=tmp_path, future="0.8", colour="red").run:
        line = sys._getframe().f_lineno - 1
    assert f"{__file__}:{line} MLD006 Experiment" in caplog.records[-1].getMessage()


def test_a_killed_run_leaves_its_uses(place: Path) -> None:
    """They are on disk when they are met."""
    script = (
        "import os, signal\nfrom ml_dash import Experiment\n"
        "Experiment('o/p/n', colour='red').run.start()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert run(place, script).returncode == -signal.SIGKILL
    (line,) = (place / ".dash/o/p/n/deprecations.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "MLD006"


def test_nothing_met_is_nothing_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run without old behaviour has no such file, and close says nothing."""
    caplog.set_level(logging.WARNING)
    with Experiment("o/p/n", dash_root=tmp_path).run as exp:
        pass
    assert not (exp.folder / "deprecations.jsonl").exists()
    assert caplog.records == []
    assert deprecate.uses() == []
