"""Commands that look at runs, in folders and on a server: list, show, tail, compare."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_dash import Experiment
from ml_dash.cli_commands._age import age
from tests.cli.conftest import HONEST, Run, terminal
from tests.delivery.loopback import Fault
from tests.delivery.proxy import passing

if TYPE_CHECKING:
    from tests.server.live import Live

ODD = "a [red]b[/red] :smile: [/x] " + "long " * 60 + "line\nbreak"
"""A text that 0.6's output broke on."""


@pytest.fixture(scope="module")
def recorded(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return a user with three runs on the server and in the folder RUNS, and its token."""
    name = f"u{secrets.token_hex(4)}"
    token = live.token(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_DASH_TOKEN", token)
        patch.setenv("RUNS", str(tmp_path_factory.mktemp("runs")))
        for number, run in enumerate(("sweep/one", "sweep/two", "three")):
            record(f"{name}/vision/{run}", number, dash_url=live.url)
        yield name, token


@pytest.fixture
def user(recorded: tuple[str, str], live: Live, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return that user, who is logged in."""
    name, token = recorded
    monkeypatch.setenv("ML_DASH_TOKEN", token)
    monkeypatch.setenv("ML_DASH_API_URL", live.url)
    return name


def record(prefix: str, number: int, **settings: Any) -> None:
    """Make a run in the folder RUNS."""
    exp = Experiment(prefix, dash_root=os.environ["RUNS"], echo=False, readme=ODD,
                     tags=["even" if number % 2 == 0 else "odd"], **settings)  # fmt: skip
    with exp.run:
        exp.params.set(lr=10.0**-number, same=1, text=ODD)
        for step in range(30):
            exp.metrics("train").log(step=step, loss=1 / (step + 1 + number))
        exp.log("began", host="a1")
        exp.log("ended", level="warn")
        exp.tracks("robot/pose").append(x=1.0, _ts=0.5)
        exp.files("models").save_text("weights", to="w.txt")


def runs_folder() -> str:
    """Return the folder with the runs."""
    return os.environ["RUNS"]


def test_projects(ml_dash: Run, user: str) -> None:
    """Without a prefix the user's projects are listed."""
    done = ml_dash("list")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split()[:2] == ["vision", "3"]
    listed = json.loads(ml_dash("list", "--json").stdout)
    assert (listed["namespace"], listed["count"]) == (user, 1)


@pytest.mark.parametrize("source", ["folder", "server"])
@pytest.mark.parametrize(("words", "paths"), [
    ((), ["sweep/one", "sweep/two", "three"]),
    (("--tags", "odd,none"), ["sweep/two"]),
    (("--where", "params.lr < 0.5"), ["sweep/two", "three"]),
    (("--where", "metrics.train.loss.max == 1 and 'even' in tags"), ["sweep/one"]),
    (("--status", "completed"), ["sweep/one", "sweep/two", "three"]),
    (("--status", "FAILED"), []),
    (("--sort", "params.lr", "--limit", "2"), ["three", "sweep/two"]),
    (("--sort", "-params.lr", "--limit", "2", "--page", "2"), ["three"]),
])  # fmt: skip
def test_runs(ml_dash: Run, user: str, source: str, words: tuple[str, ...],
              paths: list[str]) -> None:  # fmt: skip
    """Filters, conditions, sorting and pages give the same runs from folders and servers."""
    place = (runs_folder(),) if source == "folder" else ("-p", f"{user}/vision")
    done = ml_dash("list", *place, *words, "--json", **HONEST)
    found = [each["path"] for each in json.loads(done.stdout)["experiments"]]
    assert done.returncode == 0
    expected = [f"{user}/vision/{path}" for path in paths]
    assert (found if "--sort" in words else sorted(found)) == expected


@pytest.mark.parametrize(("prefix", "count"), [
    ("vision", 3), ("USER/vision", 3), ("USER/vision/sweep/*", 2), ("USER/vision/three", 1),
    ("vis*", 3),
])  # fmt: skip
def test_prefixes_of_a_server(ml_dash: Run, user: str, prefix: str, count: int) -> None:
    """A project, with and without its namespace, a pattern and one run are understood."""
    done = ml_dash("list", "-p", prefix.replace("USER", user), "--json", **HONEST)
    assert (done.returncode, json.loads(done.stdout)["count"]) == (0, count), done.stderr


def test_columns_and_csv(ml_dash: Run, user: str) -> None:
    """Columns are what they are asked for, as a table, CSV and JSON."""
    columns = "path,params.lr,metrics.train.loss.min,params.none,description"
    done = ml_dash("list", runs_folder(), "--columns", columns, "--csv", "--sort", "path")
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == columns.split(",")
    assert rows[1][:4] == [f"{user}/vision/sweep/one", "1.0", str(1 / 30), ""]
    assert rows[1][4] == ODD
    as_json = ml_dash("list", "-p", "vision", "--columns", columns, "--json", "--sort", "path")
    values = json.loads(as_json.stdout)["experiments"][0]["values"]
    assert values == {"path": f"{user}/vision/sweep/one", "params.lr": 1.0,
                      "metrics.train.loss.min": 1 / 30, "params.none": None,
                      "description": ODD}  # fmt: skip
    table = ml_dash("list", runs_folder(), "--columns", "name,params.lr,params.none")
    assert table.stdout.splitlines()[0].split() == ["name", "params.lr", "params.none"]
    assert all(line.endswith("-") for line in table.stdout.splitlines()[1:])


def test_parts_of_a_run(ml_dash: Run, user: str) -> None:
    """Tracks and files of one run are listed, alike from a folder and from the server."""
    for place in ((f"{runs_folder()}/{user}/vision/three",), ("-p", f"{user}/vision/three")):
        tracks = json.loads(ml_dash("list", *place, "--tracks", "--json").stdout)
        assert (tracks["count"], tracks["experiment"]) == (1, "three")
        assert tracks["tracks"][0]["topic"] == "robot/pose"
        none = ml_dash("list", *place, "--tracks", "--topic-filter", "camera*", "--json")
        assert json.loads(none.stdout)["count"] == 0
        files = ml_dash("list", *place, "--files")
        assert files.stdout.splitlines()[1].split()[:3] == ["models/w.txt", "7", "B"]


def test_a_project_that_is_not_there(ml_dash: Run, user: str) -> None:
    """A project that is not there is told from an empty one; code 1 by the flag, 0 before."""
    done = ml_dash("list", "-p", "none", "--json", **HONEST)
    assert (done.returncode, json.loads(done.stdout)["count"]) == (1, 0)
    assert f"there is no project {user}/none" in done.stderr
    assert ml_dash("list", "-p", "none").returncode == 0
    ml_dash("create", "-p", "empty")
    assert ml_dash("list", "-p", "empty", **HONEST).returncode == 0


def test_folders_that_cannot_be_read(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """What looks like a run and is none is named, the others are listed, and the code is 3."""
    with Experiment("alice/vision/good", dash_root=tmp_path / "here", echo=False).run:
        pass
    (tmp_path / "here/bad").mkdir()
    (tmp_path / "here/bad/experiment.json").write_text("{")
    done = ml_dash("list", "here")
    assert (done.returncode, "alice/vision/good" in done.stdout) == (3, True)
    assert "Left out here/bad: " in done.stderr


@pytest.mark.parametrize("words", [
    ("--where", "stauts == 1"), ("--where", "params.lr <"), ("--columns", "colour"),
    ("--sort", "colour"), ("--status", "DONE"), ("--limit", "0"), ("-p", "/"),
])  # fmt: skip
def test_wrong_use(ml_dash: Run, user: str, words: tuple[str, ...]) -> None:
    """What cannot be meant is exit code 2 and no trace."""
    place = () if "-p" in words else ("-p", "vision")
    done = ml_dash("list", *place, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("list", "-p", "x/y"), ("show", "a/b/c"), ("tail", "a/b/c")])
@pytest.mark.parametrize(("url", "token", "code"), [
    (None, "mldash_unknown", 4), ("http://127.0.0.1:9", "x", 5),
])  # fmt: skip
def test_no_server(ml_dash: Run, live: Live, words: tuple[str, ...], url: str | None, token: str,
                   code: int) -> None:  # fmt: skip
    """A refused token is code 4, a server that is not there 5."""
    done = ml_dash(*words, "--dash-url", url or live.url, ML_DASH_TOKEN=token)
    assert (done.returncode, done.stdout) == (code, "")


def test_errors_are_json_too(ml_dash: Run, user: str) -> None:
    """With --json an error is JSON on stderr, and stdout stays empty."""
    done = ml_dash("show", f"{user}/vision/none", "--json")
    error = json.loads(done.stderr)
    assert (done.returncode, done.stdout, error["exit_code"]) == (1, "", 1)
    assert "There is no run" in error["error"]


def test_a_null_answer(ml_dash: Run, live: Live, user: str) -> None:
    """A server that answers without a list is an error, not an empty list."""
    with passing(live.url) as between:
        between.faults.append(Fault("nothing", part="/graphql", times=10**6))
        done = ml_dash("list", "-p", f"{user}/vision", "--dash-url", between.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: " in done.stderr


def test_show(ml_dash: Run, user: str) -> None:
    """One run at a glance: status, parameters, charts, tracks, files, logs."""
    for place in (f"{runs_folder()}/{user}/vision/three", f"{user}/vision/three"):
        done = ml_dash("show", place)
        assert done.returncode == 0, done.stderr
        for part in (f"{user}/vision/three\n", "Status    COMPLETED", "lr = 0.01", "Tags      even",
                     "train.loss  █▆▅▄", "0.03125 to 0.3333 in 30", "robot/pose  1 entries",
                     "models/w.txt  7 B", "Last of 2 log lines", "INFO  began  [host=a1]"):
            assert part in done.stdout, part
        facts = json.loads(ml_dash("show", place, "--json").stdout)
        assert facts["params"]["text"] == ODD
        assert facts["metrics"]["train"]["keys"]["loss"]["last"] == 1 / 32
    assert ml_dash("show", runs_folder()).returncode == 1


def test_tail(ml_dash: Run, user: str) -> None:
    """The last lines and points of each stream; with --follow it ends when the run has ended."""
    for place in (f"{runs_folder()}/{user}/vision/three", f"{user}/vision/three"):
        done = ml_dash("tail", place, "-n", "1", "--follow")
        lines = done.stdout.splitlines()
        assert (done.returncode, len(lines)) == (0, 2)
        assert lines[0].endswith("WARN  ended")
        assert "train #29 step=29 loss=0.03125" in lines[1]
        assert "The run has ended: COMPLETED" in done.stderr
        only = ml_dash("tail", place, "--logs", "--json")
        kinds = [json.loads(line)["kind"] for line in only.stdout.splitlines()]
        assert kinds == ["log", "log"]
        assert len(ml_dash("tail", place, "--metrics").stdout.splitlines()) == 10


def test_tail_follows(tmp_path: Path) -> None:
    """What is logged while tail runs is printed, and its end is met."""
    exp = Experiment("alice/vision/live", dash_root=tmp_path, echo=False)
    with exp.run:
        exp.log("first")
        folder = str(exp.folder)
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "ml_dash.cli", "tail", folder, "-f"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline().endswith("first\n")
            exp.log("second")
            assert process.stdout.readline().endswith("second\n")
            exp.metrics("train").log(loss=0.5)
            assert process.stdout.readline().endswith("train #0 loss=0.5\n")
            exp.log("last")
        except BaseException:
            process.kill()
            process.communicate()
            raise
    rest, told = process.communicate(timeout=60)
    assert rest.endswith("last\n")
    assert "The run has ended: COMPLETED" in told
    assert process.returncode == 0


def test_compare(ml_dash: Run, user: str) -> None:
    """What differs, and the metrics side by side, of a folder and of a server's run."""
    runs = (f"{runs_folder()}/{user}/vision/sweep/one", f"{user}/vision/three")
    found = json.loads(ml_dash("compare", *runs, "--json").stdout)
    assert found["params"] == {"lr": [1.0, 0.01]}
    assert found["metrics"]["train.loss"] == [1 / 30, 1 / 32]
    table = ml_dash("compare", *runs)
    assert table.stdout.splitlines()[0].split() == ["name", "one", "three"]
    every = ml_dash("compare", *runs, "--all", "--csv", "--stat", "max")
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(every.stdout))}
    assert (rows["params.same"], rows["metrics.train.step"]) == (["1", "1"], ["29", "29"])
    assert ml_dash("compare", runs[0]).returncode == 2


@pytest.mark.parametrize(("ago_s", "words"), [
    (5, "just now"), (61, "1 minute ago"), (7300, "2 hours ago"), (90_000, "1 day ago"),
    (40 * 86400, "1 month ago"), (800 * 86400, "2 years ago"),
])  # fmt: skip
def test_ages(ago_s: int, words: str) -> None:
    """A moment is told by its age; a text that is no moment is shown as it is."""
    then = datetime.now(timezone.utc) - timedelta(seconds=ago_s)
    assert age(then.isoformat()) == words
    assert age("yesterday") == "yesterday"
    assert age(None) is None


# -- at a terminal ---------------------------------------------------------------------------------


def test_a_table_is_drawn_at_a_terminal(user: str) -> None:
    """At a terminal tables have lines and colours, NO_COLOR takes the colours, and texts stay."""
    words = ("list", runs_folder(), "--columns", "name,status,params.text")
    with terminal(*words) as drawn:
        assert "╭" in drawn
        assert "\x1b[32mCOMPLETED" in drawn
        assert "[red]b[/red]" in drawn
        assert ":smile:" in drawn
    with terminal(*words, NO_COLOR="1") as plain:
        assert "\x1b[32m" not in plain
        assert "COMPLETED" in plain


def test_pages_at_a_terminal(user: str) -> None:
    """A page is followed by how to get the next one; no key is waited for."""
    with terminal("list", runs_folder(), "--limit", "2") as drawn:
        assert "Runs 1 to 2 of 3; next: --page 2" in drawn
