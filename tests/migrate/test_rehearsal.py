"""Rehearsals of 1.0: programs and tests whose calls fail, one at a time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from tests.migrate.conftest import Process

TRAIN = """
import sys
from ml_dash import Experiment
from ml_dash.exceptions import MLDashError

with Experiment("alice/vision/one", dash_root=".dash", echo=False).run as exp:
    exp.params.set(lr=0.1)
    exp.metrics("train").log(loss=0.5)
    print(exp.params.get())                       # line 9: crashes
    try:
        exp.metrics("train").read()
    except MLDashError as error:
        print("went on without", error, file=sys.stderr)
    try:
        names = [each["name"] for each in exp.metrics("train").list_all_or_raise()]
    except Exception:
        names = []
    if exp.files("models").exists():              # line 18: crashes, in a function
        raise SystemExit("no")
"""


def outcomes(text: str) -> dict[tuple[int, str, str], str]:
    """Return what became of each call, by line, API and error."""
    return {(call["line"], call["api"], call["raises"]): call["outcome"]
            for call in json.loads(text)["calls"]}  # fmt: skip


def test_each_call_fails_once(ml_dash: Process, tmp_path: Path) -> None:
    """Calls are found by running, fail one at a time, and what the program makes of it is told."""
    (tmp_path / "train.py").write_text(TRAIN)
    words = ("migrate", "rehearse", "--json", "--", sys.executable, "train.py")
    done = ml_dash(*words)
    assert done.returncode == 3, done.stderr
    assert outcomes(done.stdout) == {
        (9, "ParametersBuilder.get", "CorruptDataError"): "crashed",
        (11, "MetricBuilder.read", "CorruptDataError"): "handled",
        (15, "MetricBuilder.list_all", "CorruptDataError"): "handled",
        (18, "FileBuilder.exists", "CorruptDataError"): "crashed",
        (18, "FileBuilder.exists", "FileReadError"): "crashed",
    }
    said = next(call["said"] for call in json.loads(done.stdout)["calls"] if call["line"] == 9)
    assert "because this is a rehearsal of ml-dash 1.0" in said
    plain = ml_dash(*(word for word in words if word != "--json"))
    assert plain.returncode == 3
    assert "train.py:9  ParametersBuilder.get  CorruptDataError  crashed" in plain.stdout


def test_a_program_that_is_ready(ml_dash: Process, tmp_path: Path) -> None:
    """A program that handles what may fail is ready; a line that it did not run is told."""
    (tmp_path / "train.py").write_text(
        TRAIN.replace("print(exp.params.get()) ", "pass #").replace(
            'if exp.files("models").exists()', "if False"
        )
    )
    known = [{"file": "other.py", "line": 7, "api": "TrackBuilder.read"}]
    (tmp_path / "known.json").write_text(json.dumps(known))
    done = ml_dash("migrate", "rehearse", "--from", "known.json", "--json", "--",
                   sys.executable, "train.py")  # fmt: skip
    result = json.loads(done.stdout)
    assert (done.returncode, result["ready"], result["exit_code"]) == (0, True, 0)
    assert outcomes(done.stdout)[(7, "TrackBuilder.read", "")] == "never reached"


@pytest.mark.parametrize(("program", "said"), [
    ("from ml_dash import Experiment\nExperiment('a/b/c', nmae='x')", "has no argument 'nmae'"),
    ("raise SystemExit('tired')", "tired"),
])  # fmt: skip
def test_a_program_that_does_not_run_under_1_0(
    ml_dash: Process, tmp_path: Path, program: str, said: str
) -> None:
    """What fails under the preview with nothing injected is said, and nothing is injected."""
    (tmp_path / "train.py").write_text(program)
    done = ml_dash("migrate", "rehearse", "--", sys.executable, "train.py")
    assert (done.returncode, done.stdout) == (3, "")
    assert "under 1.0, with nothing failing" in done.stderr
    assert said in done.stderr


def test_a_program_that_hangs(ml_dash: Process, tmp_path: Path) -> None:
    """A program that waits for ever when a call fails is stopped, and told."""
    (tmp_path / "train.py").write_text(
        "import threading\nfrom ml_dash import Experiment\n"
        "with Experiment('alice/vision/one', dash_root='.dash', echo=False).run as exp:\n"
        "    try:\n        exp.params.get()\n    except Exception:\n"
        "        threading.Event().wait()\n"
    )
    done = ml_dash("migrate", "rehearse", "--timeout", "4", "--json", "--",
                   sys.executable, "train.py")  # fmt: skip
    assert done.returncode == 3
    assert set(outcomes(done.stdout).values()) == {"hung"}


def test_a_crash_elsewhere_is_no_success(ml_dash: Process, tmp_path: Path) -> None:
    """A run that ends badly before it reaches the call that is to fail is a crash."""
    (tmp_path / "train.py").write_text(
        "import pathlib\nfrom ml_dash import Experiment\n"
        "pathlib.Path('once').touch(exist_ok=False)\n"
        "with Experiment('alice/vision/one', dash_root='.dash', echo=False).run as exp:\n"
        "    exp.params.set(a=1)\n    print(exp.files.list())\n"
    )
    done = ml_dash("migrate", "rehearse", "--json", "--", sys.executable, "train.py")
    assert (done.returncode, set(outcomes(done.stdout).values())) == (3, {"crashed"})
    assert {api for _, api, _ in outcomes(done.stdout)} == {"FileBuilder.list"}


PACKAGE = {
    "tracking/__init__.py": "",
    "tracking/__main__.py": "from tracking.steps import main\nmain()\n",
    "tracking/steps.py": """
from ml_dash import Experiment

def main():
    with Experiment('alice/vision/one', dash_root='.dash', echo=False).run as exp:
        exp.params.set(a=1)
        read(exp)

def read(exp):
    return exp.params.get()  # line 10
""",
    "parent.py": """
import subprocess, sys
done = subprocess.run([sys.executable, "-m", "tracking"])
raise SystemExit(0 if "--patient" in sys.argv else done.returncode)
""",
    "pool.py": """
from concurrent.futures import ProcessPoolExecutor
from tracking.steps import main

if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        pool.submit(main).result()
""",
    "thread.py": """
import threading
from tracking.steps import main
failed = []
threading.excepthook = failed.append
thread = threading.Thread(target=main)
thread.start()
thread.join()
raise SystemExit(len(failed))
""",
}


@pytest.mark.parametrize(("program", "outcome"), [
    (("-m", "tracking"), "crashed"), (("parent.py",), "crashed"),
    (("parent.py", "--patient"), "handled"), (("pool.py",), "crashed"), (("thread.py",), "crashed"),
])  # fmt: skip
def test_every_form_of_a_program(
    ml_dash: Process, tmp_path: Path, program: tuple[str, ...], outcome: str
) -> None:
    """Modules, children, pools and threads: the call that fails is found wherever it runs."""
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = ml_dash("migrate", "rehearse", "--json", "--", sys.executable, *program)
    assert outcomes(done.stdout) == {(10, "ParametersBuilder.get", "CorruptDataError"): outcome}
    assert done.returncode == (0 if outcome == "handled" else 3)


def test_what_the_code_has_and_the_program_never_reached(ml_dash: Process, tmp_path: Path) -> None:
    """With --check all calls that can be found are expected, over several lines too."""
    (tmp_path / "train.py").write_text(TRAIN.replace("print(exp.params.get()) ", "pass #"))
    (tmp_path / "other.py").write_text(
        "from ml_dash import Experiment, userinfo\n\ndef later(exp: Experiment):\n"
        "    if userinfo:\n        return (exp.tracks('pose')\n            .read())\n"
    )
    done = ml_dash("migrate", "rehearse", "--check", ".", "--json", "--",
                   sys.executable, "train.py")  # fmt: skip
    never = {place for place, outcome in outcomes(done.stdout).items()
             if outcome == "never reached"}  # fmt: skip
    assert never == {(4, "bool(userinfo)", ""), (6, "TrackBuilder.read", "")}
    plain = ml_dash("migrate", "rehearse", "--check", ".", "--", sys.executable, "train.py")
    assert "other.py:6  TrackBuilder.read  never reached" in plain.stdout
    assert plain.stderr.splitlines()[-1] == (
        "Not ready for 1.0: 2 handled, 2 crashed, 2 never reached."
    )


def test_children_of_a_program_that_hangs(ml_dash: Process, tmp_path: Path) -> None:
    """They are ended with it, and nothing waits for them."""
    (tmp_path / "train.py").write_text(
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "open('child', 'w').write(str(child.pid))\nchild.wait()\n"
    )
    done = ml_dash("migrate", "rehearse", "--timeout", "3", "--", sys.executable, "train.py")
    assert (done.returncode, "takes too long under 1.0" in done.stderr) == (3, True)
    pid = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("words", [("--", "no-such-program"), ("--",),
                                   ("--from", "x.json", "--", "python")])  # fmt: skip
def test_wrong_use(ml_dash: Process, tmp_path: Path, words: tuple[str, ...]) -> None:
    """What cannot be run is exit code 2."""
    (tmp_path / "x.json").write_text("[1]")
    assert ml_dash("migrate", "rehearse", *words).returncode == 2


TESTS = """
import pytest
from ml_dash import Experiment

@pytest.fixture
def exp(tmp_path):
    exp = Experiment("alice/vision/one", dash_root=tmp_path, echo=False)
    with exp.run:
        exp.params.set(lr=0.1)
        yield exp

def test_crashes(exp):
    assert exp.params.get() == {"lr": 0.1}

def test_handles(exp):
    try:
        exp.metrics("train").list_all_or_raise()
    except Exception:
        pass

def test_calls_nothing():
    assert True
"""


def test_the_pytest_plugin(process: Process, tmp_path: Path) -> None:
    """Each test is run again for each call that it makes; what it lets through is told."""
    (tmp_path / "test_train.py").write_text(TESTS)
    done = process("-m", "pytest", "-q", "-p", "no:cacheprovider", "--ml-dash-inject")
    assert done.returncode == 1, done.stdout
    assert "3 passed" in done.stdout
    assert "test_train.py:13  ParametersBuilder.get  CorruptDataError  crashed" in done.stdout
    assert "test_train.py:17  MetricBuilder.list_all  CorruptDataError  handled" in done.stdout
    assert "2 calls may fail from 1.0 on; the tests handle 1 of these failures." in done.stdout
    plain = process("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert (plain.returncode, "readiness" in plain.stdout) == (0, False)


SHARED = """
import unittest
import pytest
from ml_dash import Experiment

@pytest.fixture(scope="module")
def values(tmp_path_factory):
    with Experiment("a/b/c", dash_root=tmp_path_factory.mktemp("runs"), echo=False).run as exp:
        exp.params.set(lr=1)
        yield exp.params.get()  # line 10: made once

def test_shared(values):
    assert values == {"lr": 1}

def test_fails_by_itself(tmp_path):
    with Experiment("a/b/c", dash_root=tmp_path, echo=False).run as exp:
        assert exp.params.get() == {"lr": 2}

class Cases(unittest.TestCase):
    def test_in_a_class(self):
        with Experiment("a/b/c", echo=False).run as exp:
            self.assertFalse(exp.files("x").exists())  # line 22

@pytest.mark.parametrize("name", ["a", "b"])
def test_many(tmp_path, name):
    with Experiment(f"a/b/{name}", dash_root=tmp_path, echo=False).run as exp:
        assert exp.files.list() == []  # line 27
"""


def test_tests_of_other_forms(process: Process, tmp_path: Path) -> None:
    """Shared fixtures are not made again, failing tests are left out, classes are tests too."""
    (tmp_path / "test_train.py").write_text(SHARED)
    done = process("-m", "pytest", "-q", "-p", "no:cacheprovider", "--ml-dash-inject")
    assert (done.returncode, "1 failed, 4 passed" in done.stdout) == (1, True), done.stdout
    told = [line.partition("test_train.py:")[2] for line in done.stdout.splitlines()
            if line.startswith(str(tmp_path))]  # fmt: skip
    assert told == [
        "10  ParametersBuilder.get  CorruptDataError  never reached",
        "22  FileBuilder.exists  CorruptDataError  crashed",
        "22  FileBuilder.exists  FileReadError  crashed",
        "27  FileBuilder.list  CorruptDataError  crashed",
        "27  FileBuilder.list  FileReadError  crashed",
    ]
    assert "the tests handle 0 of these failures; 1 were not reached again." in done.stdout


def test_the_plugin_refuses_several_processes(process: Process, tmp_path: Path) -> None:
    """What workers would find reaches nobody, so it is said instead of nothing being found."""
    (tmp_path / "test_train.py").write_text(TESTS)
    done = process("-m", "pytest", "-q", "-p", "no:cacheprovider", "--ml-dash-inject", "-n", "2")
    assert done.returncode == 4
    assert "add -n 0" in done.stderr


def test_without_the_option_nothing_is_imported(process: Process) -> None:
    """The plugin costs a run without its option no import of ours but itself."""
    code = ("import sys, ml_dash.pytest_plugin;"
            "print([name for name in sys.modules if name.startswith('ml_dash.')])")  # fmt: skip
    assert process("-c", code).stdout == "['ml_dash.pytest_plugin']\n"
