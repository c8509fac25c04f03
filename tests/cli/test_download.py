"""Downloads, as a user runs them, from a server of this project."""

from __future__ import annotations

import csv
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_dash import Experiment
from tests.cli.conftest import HONEST, Run
from tests.delivery.loopback import Fault
from tests.delivery.proxy import passing

if TYPE_CHECKING:
    from tests.server.live import Live

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def recorded(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return a user with three runs on the server, and its token."""
    name = f"u{secrets.token_hex(4)}"
    token = live.token(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_DASH_TOKEN", token)
        for run in ("vision/sweep/one", "vision/two", "speech/three"):
            record(f"{name}/{run}", dash_url=live.url,
                   dash_root=tmp_path_factory.mktemp("recorded"))  # fmt: skip
        yield name, token


@pytest.fixture
def user(recorded: tuple[str, str], live: Live, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return that user, who is logged in."""
    name, token = recorded
    monkeypatch.setenv("ML_DASH_TOKEN", token)
    monkeypatch.setenv("ML_DASH_API_URL", live.url)
    return name


def record(prefix: str, **settings: Any) -> Experiment:
    """Make a run with something of each kind."""
    exp = Experiment(prefix, echo=False, readme="# What it is", tags=["a"], bindrs=["paper"],
                     metadata={"seed": 7, "best": float("inf")}, **settings)  # fmt: skip
    with exp.run:
        exp.params.set(lr=0.1, limit=float("nan"), text="NaN", **{"opt.name": "adam"})
        for number in range(1500):
            exp.metrics("train", description="of training").log(step=number, loss=number / 7)
        exp.metrics("odd name/é").log(x=float("-inf"))
        exp.log("one", host="a1")
        exp.log("two\nlines", level="error")
        for number in range(20):
            exp.tracks("robot/pose").append(x=number, _ts=number / 10)
        exp.files("models/best").save_text(f"weights of {prefix}", to="w.txt")
        exp.files("").save_text("top", to="top.txt")
    return exp


def read(folder: Path) -> dict[str, Any]:
    """Return what a folder holds, as the SDK reads it."""
    prefix = json.loads((folder / "experiment.json").read_text())["prefix"]
    root = folder.parents[prefix.count("/")]
    exp = Experiment(prefix, dash_root=root, echo=False)
    with exp.run:
        files = exp.files("").list_or_raise()
        return {
            "params": repr(sorted(exp.params.get_or_raise().items())),
            "train": [each["data"] for each in
                      exp.metrics("train").read_or_raise(0, 5000)["data"]],
            "odd": repr(exp.metrics("odd name/é").read_or_raise()["data"][0]["data"]),
            "pose": exp.tracks("robot/pose").read_or_raise()["entries"],
            "files": sorted((each["path"], each["filename"], each["checksum"]) for each in files),
        }  # fmt: skip


def test_a_run_comes_back_as_it_was(
    ml_dash: Run, live: Live, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a run arrives; it compares equal with the server, and there is nothing to upload."""
    original = record(f"{user}/back/one", dash_url=live.url, dash_root=tmp_path / "first")
    done = ml_dash("download", "-p", "back", **HONEST)
    assert (done.returncode, "1 of 1 runs are in .dash, whole." in done.stderr) == (0, True)
    folder = tmp_path / ".dash" / user / "back" / "one"
    document = json.loads((folder / "experiment.json").read_text())
    assert (document["description"], document["tags"]) == ("# What it is", ["a"])
    assert (document["bindrs"], document["write_protected"]) == (["paper"], False)
    assert (document["metadata"], document["status"]) == ({"seed": 7, "best": "Infinity"},
                                                          "COMPLETED")  # fmt: skip
    compared = ml_dash("verify", ".dash")
    assert (compared.returncode, compared.stdout.count("same")) == (0, 7), compared.stdout
    up = ml_dash("upload", "--json", **HONEST)
    (row,) = json.loads(up.stdout)["runs"]
    assert row["delivered"] == row["accepted"]
    assert (up.returncode, ml_dash("verify", ".dash").stdout) == (0, compared.stdout)
    assert ml_dash("status", ".dash").returncode == 0
    logs = [json.loads(line) for line in (folder / "logs/logs.jsonl").read_text().splitlines()]
    assert [line["message"] for line in logs] == ["one", "two\nlines"]
    monkeypatch.delenv("ML_DASH_TOKEN")
    assert read(folder) == read(original.folder)


@pytest.mark.parametrize(("words", "paths"), [
    (("-p", "USER/vision"), ["vision/sweep/one", "vision/two"]),
    (("-p", "speech"), ["speech/three"]),
    (("-n", "USER", "--experiment", "two"), ["vision/two"]),
    (("-p", "USER/vision/sweep"), ["vision/sweep/one"]),
    (("-p", "USER/*/t*"), ["speech/three", "vision/two"]),
    (("-p", "USER/vision", "--experiment", "one"), ["vision/sweep/one"]),
    (("-p", "vision", "--where", "name == 'two'"), ["vision/two"]),
    (("-p", "vision", "--tags", "b"), []), (("-p", "vision", "--status", "failed"), []),
])  # fmt: skip
def test_what_is_meant(
    ml_dash: Run, user: str, tmp_path: Path, words: tuple[str, ...], paths: list[str]
) -> None:
    """Namespaces, projects, folders, patterns, names and conditions choose runs; none is code 1."""
    words = tuple(word.replace("USER", user) for word in words)
    done = ml_dash("download", *words, "--dry-run", "--json", **HONEST)
    assert [each["path"] for each in json.loads(done.stdout)["runs"]] == [
        f"{user}/{path}" for path in paths
    ]
    assert done.returncode == (0 if paths else 1)
    assert not (tmp_path / ".dash").exists()


def test_again_fetches_what_is_new(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """A second download fetches nothing, and one after more was logged fetches that."""
    record(f"{user}/again/one", dash_url=live.url, dash_root=tmp_path / "first")
    words = ("download", "-p", "again", "--resume", "--state-file", "x.json")
    first = ml_dash(*words, **HONEST)
    assert "goes on where the last one ended" in first.stderr
    assert "1501 metrics" in first.stdout
    assert "nothing new" in ml_dash(*words, **HONEST).stdout
    with Experiment(f"{user}/again/one", dash_url=live.url, dash_root=tmp_path / "first",
                    echo=False).run as exp:  # fmt: skip
        exp.log("three")
        exp.metrics("train").log(step=1500, loss=0)
        exp.tracks("robot/pose").append(x=-1, _ts=0.05)
        exp.files("models").save_text("new", to="n.txt")
    third = ml_dash(*words, **HONEST)
    assert "1 logs, 1 metrics, 21 tracks, 1 files" in third.stdout
    compared = ml_dash("verify", ".dash")
    assert (compared.returncode, compared.stdout.count("same")) == (0, 7), compared.stdout
    assert ml_dash("upload", **HONEST).returncode == 0
    assert ml_dash("verify", ".dash").stdout == compared.stdout


def test_files_that_change_and_go(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """A file that is described anew, and one that is deleted, are so here after the next call."""
    exp = record(f"{user}/files/one", dash_url=live.url, dash_root=tmp_path / "first")
    assert ml_dash("download", "-p", "files", **HONEST).returncode == 0
    with exp.run:
        (best,) = exp.files("models/best").list()
        exp.files(file_id=best["id"], description="the best").update()
        exp.files.delete("top.txt")
    assert ml_dash("download", "-p", "files", **HONEST).returncode == 0
    compared = ml_dash("verify", ".dash")
    assert (compared.returncode, "files: 1 here, 1 there, same" in compared.stdout) == (0, True)
    listed = ml_dash("list", f".dash/{user}/files/one", "--files", "--json")
    (file,) = json.loads(listed.stdout)["files"]
    assert file["description"] == "the best"
    assert ml_dash("upload", **HONEST).returncode == 0


def test_parts_of_a_run_that_lie_there_are_left_alone(
    ml_dash: Run, user: str, tmp_path: Path
) -> None:
    """A folder without its document may still hold what was recorded here: nothing is mixed in."""
    logs = tmp_path / ".dash" / user / "speech/three/logs/logs.jsonl"
    logs.parent.mkdir(parents=True)
    logs.write_text('{"sequenceNumber": 0, "message": "mine"}\n')
    done = ml_dash("download", "-p", "speech", **HONEST)
    assert (done.returncode, "skipped" in done.stdout) == (3, True)
    assert [path.name for path in logs.parent.parent.iterdir()] == ["logs"]
    assert logs.read_text().count("\n") == 1


def test_a_run_that_is_being_written_is_not_moved(
    ml_dash: Run, user: str, tmp_path: Path
) -> None:
    """--overwrite moves no folder from under the program that writes it."""
    exp = Experiment(f"{user}/speech/three", dash_root=tmp_path / ".dash", echo=False)
    with exp.run:
        done = ml_dash("download", "-p", "speech", "--overwrite", **HONEST)
        assert (done.returncode, "Another process writes" in done.stderr) == (1, True)
        exp.log("still here")
    assert exp.folder.is_dir()


def test_what_was_recorded_here_is_left_alone(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """A run of the same path that did not come from there is skipped, or moved aside when told."""
    exp = record(f"{user}/mine/one", dash_url=live.url, dash_root=tmp_path / ".dash")
    before = (exp.folder / "logs/logs.jsonl").read_bytes()
    done = ml_dash("download", "-p", "mine", **HONEST)
    assert (done.returncode, "skipped, it is there already" in done.stdout) == (3, True)
    assert (exp.folder / "logs/logs.jsonl").read_bytes() == before
    assert ml_dash("download", "-p", "mine", "--overwrite", **HONEST).returncode == 0
    (aside,) = exp.folder.parent.glob("one.replaced-*")
    assert (aside / "logs/logs.jsonl").read_bytes() == before
    assert ml_dash("verify", str(exp.folder)).returncode == 0


def test_skipped_kinds(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """What is skipped is not fetched, and the folder is not taken for the whole run."""
    skips = ("--skip-logs", "--skip-files", "--skip-tracks")
    assert ml_dash("download", "-p", "speech", *skips, **HONEST).returncode == 0
    folder = tmp_path / ".dash" / user / "speech" / "three"
    assert not (folder / "logs" / "logs.jsonl").exists() or not (
        folder / "logs" / "logs.jsonl"
    ).read_bytes()
    assert len((folder / "metrics/train/data.jsonl").read_text().splitlines()) == 1500
    assert ml_dash("upload", **HONEST).returncode == 1
    assert ml_dash("download", "-p", "speech", **HONEST).returncode == 0
    assert ml_dash("verify", ".dash").returncode == 0
    assert ml_dash("upload", **HONEST).returncode == 0


@pytest.mark.parametrize(("part", "said"), [
    ("/logs", "logs: "), ("/metrics/train/data", "metrics/train: "), ("/parameters", "params: "),
    ("/tracks/robot", "tracks/robot/pose: "), ("/download", "files: "),
])  # fmt: skip
def test_a_part_that_fails(
    ml_dash: Run, live: Live, user: str, part: str, said: str
) -> None:
    """A part that cannot be fetched is named, the code is 3, and the next call fetches it."""
    with passing(live.url) as between:
        between.faults.append(Fault(part=part, status=400, times=10**6, methods=("GET",)))
        words = ("download", "-p", f"{user}/speech", "--dash-url", between.url)
        done = ml_dash(*words, **HONEST)
        assert done.returncode == 3
        assert f"  {said}" in done.stderr
        assert "0 of 1 runs are in .dash, whole" in done.stderr
        old = ml_dash(*words)
        assert (old.returncode, "MLD007" in old.stderr) == (0, True)
        between.heal()
        assert ml_dash(*words, **HONEST).returncode == 0
        compared = ml_dash("verify", ".dash")
        assert (compared.returncode, compared.stdout.count("same")) == (0, 7), compared.stdout


def test_a_killed_download_goes_on(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """After kill -9 in the middle nothing is there twice, and nothing is missing."""
    with passing(live.url) as between:
        words = ("download", "-p", f"{user}/vision/two", "--dash-url", between.url)
        between.faults.append(Fault("hang", part="startIndex=1000", methods=("GET",)))
        process = subprocess.Popen(
            [sys.executable, "-m", "ml_dash.cli", *words], cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        between.wait_for(lambda: any("startIndex=1000" in path for _, path, _ in between.seen))
        process.send_signal(signal.SIGKILL)
        process.wait()
        points = tmp_path / ".dash" / user / "vision/two/metrics/train/data.jsonl"
        assert len(points.read_text().splitlines()) == 1000
        with points.open("ab") as file:
            file.write(b'{"index":1000,"da')  # a kill may leave half a line
        assert ml_dash(*words, **HONEST).returncode == 0
        compared = ml_dash("verify", ".dash")
        assert (compared.returncode, compared.stdout.count("same")) == (0, 7), compared.stdout


def test_a_damaged_byte_is_caught(ml_dash: Run, user: str, live: Live, tmp_path: Path) -> None:
    """A file whose bytes are not those that were stored is not put in place."""
    exp = record(f"{user}/damage/one", dash_url=live.url, dash_root=tmp_path / "first")
    listed = json.loads((exp.folder / "files/.files_metadata.json").read_text())["files"]
    checksum = next(each["checksum"] for each in listed if each["filename"] == "w.txt")
    (stored,) = [path for path in (live.settings.data / "files").rglob(f"*{checksum[-20:]}*")
                 if path.is_file()]  # fmt: skip
    stored.write_bytes(b"X" * stored.stat().st_size)
    done = ml_dash("download", "-p", "damage", **HONEST)
    assert done.returncode == 3
    assert "files: " in done.stderr
    assert not list((tmp_path / ".dash").rglob("w.txt"))


def test_interrupted(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, and says that the same command goes on."""
    with passing(live.url) as between:
        between.faults.append(Fault("hang", part="/data", methods=("GET",)))
        process = subprocess.Popen(
            [sys.executable, "-m", "ml_dash.cli", "download", "-p", f"{user}/speech",
             "--dash-url", between.url], cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        between.wait_for(lambda: any("/data" in path for _, path, _ in between.seen))
        process.send_signal(signal.SIGINT)
        between.released.set()
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "the same command fetches the rest" in told


@pytest.mark.parametrize(("words", "code"), [
    (("-p", "vision", "--dash-url", NOBODY), 5), ((), 2), (("-p", "vision", "-o", "x"), 2),
    (("-p", "vision", "--format", "mcap"), 2), (("--tracks", "USER/vision/two"), 2),
    (("--tracks", "USER/vision/none/pose"), 1), (("--tracks", "USER/vision/two/none"), 1),
    (("-p", "vision", "--where", "lr"), 2), (("-p", "none"), 1),
])  # fmt: skip
def test_what_cannot_be_fetched(
    ml_dash: Run, user: str, words: tuple[str, ...], code: int
) -> None:
    """No server, wrong use and what is not there are told apart, and nothing is made."""
    done = ml_dash("download", *(word.replace("USER", user) for word in words), **HONEST)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Error: " in done.stderr


def test_a_refused_token(ml_dash: Run, user: str) -> None:
    """A refused token is code 4, not a run that is not there."""
    for words in (("-p", f"{user}/vision"), ("--tracks", f"{user}/vision/two/robot/pose")):
        done = ml_dash("download", *words, ML_DASH_TOKEN="mldash_unknown")
        assert (done.returncode, "401" in done.stderr) == (4, True)


@pytest.mark.parametrize(("fault", "code", "said"), [
    ({"status": 500}, 1, "500"), ({"kind": "reset"}, 5, "failed"),
])  # fmt: skip
def test_a_failing_server_is_named(
    ml_dash: Run, live: Live, user: str, fault: dict[str, Any], code: int, said: str
) -> None:
    """A server that fails is not a run that is not there."""
    with passing(live.url) as between:
        between.fail(**{"kind": "status", "times": 10**6, "part": "/graphql", **fault})
        for words in (("-p", f"{user}/vision"), ("--tracks", f"{user}/vision/two/robot/pose")):
            done = ml_dash("download", *words, "--dash-url", between.url)
            assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_tables(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """Metrics and tracks as CSV, JSON lines and Parquet hold all points."""
    for form in ("csv", "jsonl", "parquet"):
        done = ml_dash("download", "out", "-p", f"{user}/vision/two", "--format", form)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 3), done.stderr
    folder = tmp_path / "out" / user / "vision/two"
    with (folder / "metrics/train.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1500))
    lines = (folder / "tracks/robot_pose.jsonl").read_text().splitlines()
    assert [json.loads(line)["x"] for line in lines] == list(range(20))
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(folder / "metrics/train.parquet")
    assert table.column("loss").to_pylist() == [number / 7 for number in range(1500)]
    assert not list((tmp_path / "out").rglob("*.part"))


def test_tables_of_names_that_look_alike(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """Two metrics whose names make one file name get two files."""
    exp = Experiment(f"{user}/alike/one", dash_url=live.url, dash_root=tmp_path / "first",
                     echo=False)  # fmt: skip
    with exp.run:
        exp.metrics("a/b").log(x=1)
        exp.metrics("a_b").log(x=2)
    done = ml_dash("download", "out", "-p", "alike", "--format", "jsonl")
    values = {json.loads((tmp_path / path).read_text())["x"] for path in done.stdout.split()}
    assert (done.returncode, values) == (0, {1, 2})


def test_a_track_that_cannot_be_written(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """An output that is no place for a file is one line and code 1."""
    (tmp_path / "file").write_text("")
    path = f"{user}/vision/two/robot/pose"
    done = ml_dash("download", "--tracks", path, "-o", "file/x.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: Cannot write file/x.jsonl" in done.stderr


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet", "mcap"])
def test_one_track(ml_dash: Run, user: str, tmp_path: Path, form: str) -> None:
    """A track is written to a file named after it, or as told, in each form."""
    path = f"{user}/vision/sweep/one/robot/pose"
    done = ml_dash("download", "--tracks", path, "-f", form)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / f"robot_pose.{form}").read_bytes()
    if form == "json":
        assert json.loads(data)["count"] == 20
    if form == "jsonl":
        assert len(data.splitlines()) == 20
    named = ml_dash("download", "--tracks", path, "-f", form, "-o", "x.bin", "--json")
    assert json.loads(named.stdout)["size_bytes"] == (tmp_path / "x.bin").stat().st_size
