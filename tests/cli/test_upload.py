"""Uploads of folders that 0.6 and 0.7 have written, as a user runs them, against a server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_dash import Experiment
from ml_dash._delivery.target import folder_of
from ml_dash.client import RemoteClient
from ml_dash.exceptions import RemoteNotFoundError
from tests.cli.conftest import HONEST, Run, terminal
from tests.compat.golden import trees
from tests.compat.golden.trees import Golden
from tests.delivery.loopback import Fault
from tests.delivery.proxy import passing

if TYPE_CHECKING:
    from tests.server.live import Live

NOBODY = "http://127.0.0.1:9"
DAMAGES = {
    "damaged_experiment": (1, "experiment.json is not readable JSON"),
    "damaged_files_index": (3, ".files_metadata.json is not readable JSON"),
    "damaged_log_tail": (3, "logs.jsonl is cut off"),
    "damaged_metric_tail": (3, "train/data.jsonl is cut off"),
    "damaged_metric_metadata": (3, "metadata.json is not readable JSON"),
    "damaged_params": (3, "parameters.json is not readable JSON"),
    "damaged_track_metadata": (3, "metadata.json is not readable JSON"),
    "damaged_track_tail": (3, "pose/data.jsonl is cut off"),
}
"""Trees of 0.6 that lack something, the exit code, and what is said."""


def record(prefix: str, root: Path, **settings: Any) -> Experiment:
    """Make a run on this machine with something of each kind."""
    exp = Experiment(prefix, dash_root=root, echo=False, readme="what it is", tags=["a", "b"],
                     bindrs=["paper"], metadata={"seed": 7}, **settings)  # fmt: skip
    with exp.run:
        exp.params.set(lr=0.1, who=prefix)
        for number in range(20):
            exp.log(f"line {number}")
            exp.metrics("train").log(step=number, loss=float("nan"))
            exp.tracks("robot/pose").append(x=number, _ts=float(number))
        exp.files("models").save_text(f"weights of {prefix}", to="w.txt")
    return exp


def found(live: Live, user: str, path: str) -> dict[str, Any]:
    """Return what the server has of a run."""
    with RemoteClient(live.url, user, os.environ["ML_DASH_TOKEN"]) as client:
        project, _, name = path.partition("/")
        runs = client.list_experiments_graphql_or_raise(project, namespace_slug=user)
        (run,) = [each for each in runs if each["displayPath"] == f"{user}/{path}"
                  or each["displayPath"] == name]  # fmt: skip
        try:
            params = client.get_parameters_or_raise(run["id"])
        except RemoteNotFoundError:
            params = {}  # none were ever set
        return {**run, "params": params, "logged": client.query_logs(run["id"], 1000)["logs"]}


def test_all_of_a_run_arrives(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """Parameters, logs, metrics, tracks, files, description, tags, metadata and the status."""
    record(f"{user}/vision/sweep/one", tmp_path / ".dash")
    done = ml_dash("upload", **HONEST)
    assert (done.returncode, done.stdout) == (0, f"{user}/vision/sweep/one: ok, 64 of 64 records\n")
    assert f"1 of 1 runs are on {live.url}, whole." in done.stderr
    there = found(live, user, "vision/sweep/one")
    assert (there["name"], there["status"], there["tags"]) == ("one", "COMPLETED", ["a", "b"])
    assert (there["description"], there["metadata"]) == ("what it is", {"seed": 7})
    asked = ml_dash("api", "-q", f"experimentById(id: '{there['id']}') {{ bindrs }}")
    assert json.loads(asked.stdout)["experimentById"]["bindrs"] == ["paper"]
    assert there["params"] == {"lr": 0.1, "who": f"{user}/vision/sweep/one"}
    assert [each["message"] for each in there["logged"]] == [f"line {n}" for n in range(20)]
    compared = ml_dash("verify")
    assert (compared.returncode, compared.stdout.count("same")) == (0, 6)
    assert "tracks/robot/pose: 20 here, 20 there, same" in compared.stdout


def test_again_sends_what_is_new(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """A second upload sends nothing, is a success, and one after more was logged sends that."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    first = ml_dash("upload", "--resume", "--state-file", "x.json", "--batch-size", "7", **HONEST)
    assert first.returncode == 0
    assert "goes on where the last one ended" in first.stderr
    assert ml_dash("upload", **HONEST).returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 20
    with Experiment(f"{user}/vision/one", dash_root=tmp_path / ".dash", echo=False).run as again:
        again.log("one more")
    assert ml_dash("upload", **HONEST).returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 21
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("golden", trees.load(damaged=False), ids=lambda golden: golden.name)
def test_folders_of_0_6(ml_dash: Run, user: str, tmp_path: Path, golden: Golden) -> None:
    """What a real 0.6 has written arrives whole, and the files that it wrote stay as they were."""
    copy = golden.copy(tmp_path / "store")
    before = {path: path.read_bytes() for path in copy.run.rglob("*") if path.is_file()}
    done = ml_dash("upload", "store", "--target", f"{user}/vision", "--json", **HONEST)
    (row,) = json.loads(done.stdout)["runs"]
    assert (done.returncode, row["outcome"], row["pending"]) == (0, "delivered", 0), done.stderr
    compared = ml_dash("verify", "store")
    assert compared.returncode == 0, compared.stdout
    logs = len(copy.expected["logs"])
    assert f"logs: {logs} here" in compared.stdout or not logs
    for name in copy.expected["metrics"]:
        assert f"metrics/{name}: " in compared.stdout
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_folders_of_0_6(ml_dash: Run, user: str, tmp_path: Path, name: str) -> None:
    """What cannot be read is named without --verbose, makes the code 3, and the rest arrives."""
    code, said = DAMAGES[name]
    golden = next(each for each in trees.load(damaged=True) if each.folder.name == name)
    golden.copy(tmp_path / "store")
    strict = ml_dash("upload", "store", "--target", f"{user}/vision", "--strict")
    assert strict.returncode == 1
    assert said in strict.stderr
    listed = ml_dash("upload", "store", "--dry-run", **HONEST)
    assert listed.returncode == code
    done = ml_dash("upload", "store", "--target", f"{user}/vision", **HONEST)
    assert done.returncode == code
    assert said in done.stderr
    if code == 3:
        assert ml_dash("verify", "store").returncode == 0


def test_what_0_6_hid_is_told_on_0_7(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """Without the flag a partial upload ends with 0 as in 0.6, and says so."""
    golden = next(e for e in trees.load(damaged=True) if e.folder.name == "damaged_log_tail")
    golden.copy(tmp_path / "store")
    done = ml_dash("upload", "store", "--target", f"{user}/vision")
    assert done.returncode == 0
    assert "1 of 1 runs are not on the server as a whole" in done.stderr
    assert "MLD007" in done.stderr


def test_corrupt_lines_and_missing_files(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """Lines that are no records, and files that are gone, are counted, kept aside and named."""
    exp = record(f"{user}/vision/one", tmp_path / ".dash")
    logs = exp.folder / "logs" / "logs.jsonl"
    logs.write_bytes(b"no json at all\n" + logs.read_bytes())
    next((exp.folder / "files").rglob("w.txt")).unlink()
    listed = ml_dash("upload", "--dry-run", **HONEST)
    assert listed.returncode == 3
    assert "w.txt is gone" in listed.stderr
    done = ml_dash("upload", **HONEST)
    assert done.returncode == 3
    assert "2 refused" in done.stdout
    assert ml_dash("rejected", "list").stdout.count("\n") == 2


def test_what_is_no_run_is_named(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """A prefix that is too short and a damaged document are named and counted; the rest goes."""
    root = tmp_path / ".dash"
    record(f"{user}/vision/one", root)
    for name, text in (("short", '{"prefix": "alice"}'), ("bad", "{"), ("list", "[]")):
        (root / name).mkdir()
        (root / name / "experiment.json").write_text(text)
    done = ml_dash("upload", "--json", **HONEST)
    result = json.loads(done.stdout)
    assert (done.returncode, len(result["runs"]), len(result["skipped"])) == (3, 1, 3)
    for name in ("short", "bad", "list"):
        assert f"Skipped .dash/{name}: " in done.stderr
    assert ml_dash("upload", "--strict").returncode == 1


def test_a_folder_that_cannot_be_read(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """A part of the tree that cannot be read, here for its long path, makes the code 3."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    folder = os.open(tmp_path / ".dash", os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    done = ml_dash("upload", **HONEST)
    assert done.returncode == 3
    assert "cannot be read: File name too long" in done.stderr


def test_runs_of_one_name_and_of_several_owners(
    ml_dash: Run, live: Live, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs are told apart by their whole prefix, and go to the namespace of their own owner."""
    other = f"{user}b"
    for prefix in (f"{user}/vision/a/run", f"{user}/vision/b/run", f"{other}/vision/a/run"):
        record(prefix, tmp_path / ".dash")
    monkeypatch.setenv("ML_DASH_TOKEN", live.token(f"{user}admin", admin=True))
    live.token(other)
    assert ml_dash("upload", **HONEST).returncode == 0
    for owner, path in ((user, "vision/a/run"), (user, "vision/b/run"), (other, "vision/a/run")):
        there = found(live, owner, path)
        assert there["params"]["who"] == f"{owner}/{path}"
        assert len(there["logged"]) == 20


@pytest.mark.parametrize(("pattern", "count"), [
    ("vision", 2), ("USER/vision", 2), ("USER/vision/a", 1), ("USER/*", 3), ("*/run?", 0),
    ("speech", 1), ("none", 0),
])  # fmt: skip
def test_filter(ml_dash: Run, user: str, tmp_path: Path, pattern: str, count: int) -> None:
    """A project's name, the beginning of a path, and wildcards choose runs; none is code 1."""
    for prefix in ("vision/a/run", "vision/b/run", "speech/run"):
        record(f"{user}/{prefix}", tmp_path / ".dash")
    done = ml_dash("upload", "--dry-run", "--json", "-p", pattern.replace("USER", user))
    assert done.returncode == (0 if count else 1)
    assert len(json.loads(done.stdout)["runs"]) == count if count else "no runs" in done.stderr


def test_skipped_kinds_stay_here(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """What is skipped is not owed; a later upload without the option sends it."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    skips = ("--skip-logs", "--skip-files", "--skip-tracks", "--skip-metrics", "--skip-params")
    assert ml_dash("upload", *skips, **HONEST).returncode == 0
    there = found(live, user, "vision/one")
    assert (there["logged"], there["params"], there["metrics"], there["files"]) == ([], {}, [], [])
    assert ml_dash("status").returncode == 0
    assert ml_dash("upload", **HONEST).returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 20


def test_what_came_from_elsewhere_is_not_doubled(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """A run that the server has from another folder is refused, until --append or --target."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    assert ml_dash("upload", **HONEST).returncode == 0
    record(f"{user}/vision/one", tmp_path / "copy")
    refused = ml_dash("upload", "copy", **HONEST)
    assert refused.returncode == 1
    assert "did not come from here" in refused.stderr
    assert len(found(live, user, "vision/one")["logged"]) == 20
    assert ml_dash("upload", "copy", "--target", f"{user}/other", **HONEST).returncode == 0
    assert ml_dash("upload", "copy", "--append", **HONEST).returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 40


def test_who_was_killed_before_the_look_looks_again(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """An upload that is killed before it looked at the server's records does not double them."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    assert ml_dash("upload", **HONEST).returncode == 0
    copy = record(f"{user}/vision/one", tmp_path / "copy")
    folder_of(copy.folder, live.url).make(live.url, spool=False)  # all that was done by then
    refused = ml_dash("upload", "copy", **HONEST)
    assert (refused.returncode, "did not come from here" in refused.stderr) == (1, True)
    assert len(found(live, user, "vision/one")["logged"]) == 20
    assert folder_of(copy.folder, live.url).is_made  # it was noted before: still owed


def test_files_from_elsewhere_are_not_doubled(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """A run of which the server has nothing but files from another folder is refused as well."""
    for root in (".dash", "copy"):
        with Experiment(f"{user}/vision/one", dash_root=tmp_path / root, echo=False).run as exp:
            exp.files("models").save_text("weights", to="w.txt")
    assert ml_dash("upload", **HONEST).returncode == 0
    refused = ml_dash("upload", "copy", **HONEST)
    assert (refused.returncode, "files of" in refused.stderr) == (1, True)


def test_a_run_that_goes_on_delivers_all(
    ml_dash: Run, live: Live, user: str, tmp_path: Path
) -> None:
    """Kinds that an upload has left out are told by status, and owed again to who delivers."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    assert ml_dash("upload", "--skip-logs", **HONEST).returncode == 0
    assert "left out by `ml-dash upload`: logs" in ml_dash("status").stdout
    with Experiment(f"{user}/vision/one", dash_root=tmp_path / ".dash", dash_url=live.url,
                    echo=False).run as exp:  # fmt: skip
        exp.log("one more")
    assert len(found(live, user, "vision/one")["logged"]) == 21


def test_a_target_without_a_project(ml_dash: Run, user: str, tmp_path: Path) -> None:
    """A target of one word is wrong use, and nothing is noted or sent."""
    exp = record(f"{user}/vision/one", tmp_path / ".dash")
    assert ml_dash("upload", "--target", "vision").returncode == 2
    assert not (exp.folder / ".ml-dash/delivery").exists()


def test_a_failing_server_and_again(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """What a server refuses for a while is kept, counted, and sent by the next call; code 3."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    with passing(live.url) as between:
        between.faults.append(Fault(part="/bundle", status=413, times=10**6))  # each by itself
        between.faults.append(Fault(part="/metrics/", status=500, times=10**6))
        words = ("upload", "--dash-url", between.url)
        done = ml_dash(*words, "--timeout", "0.2", **HONEST)
        assert done.returncode == 3
        assert "42 of 64 records" in done.stdout
        assert "500" in done.stderr
        between.heal()
        assert ml_dash(*words, **HONEST).returncode == 0
        assert ml_dash("verify").returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 20


def test_an_answer_without_an_id(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """A server that says yes and names no run is an error, and nothing is sent to it."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    with passing(live.url) as between:
        between.faults.append(Fault("nothing", part="/nodes", times=10**6))
        done = ml_dash("upload", "--dash-url", between.url, **HONEST)
        sent = [path for _, path, _ in between.seen]
    assert done.returncode == 1
    assert "has nothing where" in done.stderr
    assert not any("None" in path or "/logs" in path for path in sent)


@pytest.mark.parametrize(("url", "token", "code"), [
    (NOBODY, "x", 5), (None, "mldash_unknown", 4), (None, "", 4), ("no address", "x", 1),
])  # fmt: skip
def test_no_server_and_no_token(
    ml_dash: Run, user: str, tmp_path: Path, url: str | None, token: str, code: int
) -> None:
    """What stops all runs is told once, by its exit code, and nothing is lost."""
    for name in ("one", "two"):
        record(f"{user}/vision/{name}", tmp_path / ".dash")
    words = ("--dash-url", url) if url else ()
    done = ml_dash("upload", *words, ML_DASH_TOKEN=token)
    assert done.returncode == code
    assert re.findall("^Error: ", done.stderr, re.M) == ["Error: "]
    assert ml_dash("upload", **HONEST).returncode == 0


@pytest.mark.parametrize("words", [("missing",), (".",)])
def test_nothing_to_upload(ml_dash: Run, user: str, words: tuple[str, ...]) -> None:
    """A folder that is not there, or holds no run, is exit code 1."""
    done = ml_dash("upload", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: " in done.stderr


def test_interrupted(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, says that it goes on from there, and it does, with nothing twice."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    with passing(live.url) as between:
        between.faults.append(Fault("hang", part="/bundle"))
        command = [sys.executable, "-m", "ml_dash.cli", "upload", "--dash-url", between.url]
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        between.wait_for(lambda: any("/bundle" in path for _, path, _ in between.seen))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "the same command sends the rest" in told
        assert "Traceback" not in told
        assert ml_dash("upload", "--dash-url", between.url, **HONEST).returncode == 0
        assert ml_dash("verify").returncode == 0
    assert len(found(live, user, "vision/one")["logged"]) == 20


def test_progress_is_drawn_at_a_terminal(live: Live, user: str, tmp_path: Path) -> None:
    """At a terminal a bar is drawn and taken away, and none with --quiet."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    with terminal("upload", "--quiet", "--target", f"{user}/other", home=tmp_path) as quiet:
        assert quiet.strip() == f"{user}/vision/one: ok, 64 of 64 records"
    with terminal("upload", home=tmp_path) as drawn:
        assert "\u2501" in drawn
        assert f"{user}/vision/one: ok, 64 of 64 records" in drawn


# -- a file of a track -----------------------------------------------------------------------------


def track_of(live: Live, user: str, run: str, topic: str) -> list[dict[str, Any]]:
    """Return the entries of a track on the server."""
    with RemoteClient(live.url, user, os.environ["ML_DASH_TOKEN"]) as client:
        entries = client.get_track_data(run, topic)["entries"]
        return list(entries)


def test_track_file(ml_dash: Run, live: Live, user: str, tmp_path: Path) -> None:
    """Entries arrive once however often they are sent; lines that are none are named, code 3."""
    record(f"{user}/vision/sweep/one", tmp_path / ".dash")
    assert ml_dash("upload", **HONEST).returncode == 0
    lines = [json.dumps({"timestamp": n / 10, "x": n}) for n in range(2500)]
    file = tmp_path / "track.jsonl"
    file.write_text("\n".join([*lines, "no json", '{"x": 1}', '{"timestamp": "late"}']) + "\n")
    path = f"{user}/vision/sweep/one/camera/left"
    words = ("upload", "--tracks", "track.jsonl", "--remote-path", path)
    for _ in range(2):
        done = ml_dash(*words, **HONEST)
        assert (done.returncode, done.stdout) == (3, f"2500 entries are in {path}\n")
        assert len(re.findall(r"Left out: Line 250[123] of ", done.stderr)) == 3
    run = found(live, user, "vision/sweep/one")
    entries = track_of(live, user, run["id"], "camera/left")
    assert [each["timestamp"] for each in entries] == [n / 10 for n in range(2500)]


@pytest.mark.parametrize(("words", "code"), [
    (("--tracks", "t.jsonl"), 2), (("--remote-path", "a/b/c/d"), 2),
    (("--tracks", "t.jsonl", "--remote-path", "a/b/c"), 2),
    (("--tracks", "none.jsonl", "--remote-path", "USER/vision/one/x"), 1),
    (("--tracks", "t.jsonl", "--remote-path", "USER/vision/none/x"), 1),
    (("--tracks", "t.jsonl", "--remote-path", "USER/vision/one/x"), 1),
])  # fmt: skip
def test_track_file_that_cannot_be_sent(
    ml_dash: Run, user: str, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    """Half of the options, a short path, no file, no run and no entries are told apart."""
    record(f"{user}/vision/one", tmp_path / ".dash")
    assert ml_dash("upload", **HONEST).returncode == 0
    (tmp_path / "t.jsonl").write_text("{}\n")
    done = ml_dash("upload", *(word.replace("USER", user) for word in words))
    assert (done.returncode, done.stdout.replace("0 entries", "")[:1] in ("", " ")) == (code, True)
    assert "Error: " in done.stderr
