"""0.6.13 and 0.6.27 logged in by device flow; what they leave on a server is read by ours."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml_dash.client import RemoteClient
from ml_dash.server.settings import ServerSettings
from tests.compat import old_release
from tests.server.live import Live, running
from tests.server.stand_in import stand_in

pytestmark = pytest.mark.old_release

SCRIPTS = Path(__file__).parent / "old_scripts"
WEIGHTS = bytes(range(256)) * 400
CODE = re.compile(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b")
RUN = "alice/vision/sweeps/a/run-1"


@dataclass
class OldUser:
    """A user of an old release, logged in to a server from a folder.

    Attributes:
        release: The release.
        live: The server.
        folder: Where its scripts run.
        token: Of the user, made by the server.
    """

    release: old_release.Release
    live: Live
    folder: Path
    token: str

    def run(self, script: str, *arguments: str) -> str:
        """Run a script with the release and return what it printed."""
        env = {"SERVER": self.live.url, "TOKEN": self.token, "COLUMNS": "160"}
        return self.release.run(SCRIPTS / script, *arguments, cwd=self.folder, env=env).stdout

    def login(self) -> None:
        """Log in by the release's command, unmodified; the code is confirmed on the page."""
        words = ["login", "--no-browser", "--dash-url", self.live.url]
        words += ["--auth-url", self.live.url] if self.release.version != "0.6.13" else []
        with (
            stand_in(self.folder, self.live.url) as env,
            self.release.started(SCRIPTS / "cli.py", *words, cwd=self.folder, env=env) as command,
        ):
            assert command.stdout is not None
            shown = (re.search(CODE, line) for line in command.stdout)
            code = next(found[0] for found in shown if found)
            page = httpx.get(f"{self.live.url}/device", params={"code": code})
            assert code in page.raise_for_status().text
            form = {"code": code, "token": self.token, "answer": "yes"}
            httpx.post(f"{self.live.url}/device", data=form).raise_for_status()
            rest = command.stdout.read()
            assert command.wait(60) == 0, rest

    def cli(self, command: str, *arguments: str) -> str:
        """Run a command of the release and return what it printed."""
        return self.run("cli.py", command, "--dash-url", self.live.url, *arguments)


@pytest.fixture(scope="module", params=old_release.RELEASES)
def user(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return alice, logged in by device flow, who has tracked a run and uploaded another."""
    folder = tmp_path_factory.mktemp("old")
    release = old_release.ensure(request.param)
    with running(ServerSettings(data=folder / "data")) as live:
        alice = OldUser(release, live, folder, live.token("alice"))
        alice.login()
        alice.run("run.py", RUN)
        alice.run("local.py")
        alice.cli("upload", ".dash")
        yield alice


@pytest.fixture
def ours(user: OldUser) -> Iterator[RemoteClient]:
    """Return our client."""
    client = RemoteClient(user.live.url, "alice", user.token, error_mode="strict")
    yield client
    client.close()


@pytest.fixture
def tracked(ours: RemoteClient) -> dict[str, Any]:
    """Return the run that the old release has tracked, as our client finds it."""
    found = ours.get_experiment_by_path_graphql("vision", "sweeps/a/run-1", "alice")
    assert found is not None
    return found


def test_what_the_old_release_reads_is_what_it_sent(user: OldUser) -> None:
    """Parameters, points, tracks in each format and files come back to the script that sent."""
    read = json.loads((user.folder / "read.json").read_text(encoding="utf-8"))
    entries = [{"timestamp": n / 10, "q": [n, 2.5], "camera.ok": True} for n in range(6)]
    assert read == {
        "params": {"model.lr": 0.002, "model.layers": [64, 64], "name": "käse"},
        "track": {"entries": entries, "count": 6},
        "window": {
            "entries": [{"timestamp": n / 10, "q": [n, 2.5]} for n in (2, 3)], "count": 2
        },
        "jsonl": entries, "parquet": "PAR1", "mcap": "MCAP", "mocap": [["camera.ok", "q"], 6],
        "metric": [20, 21, 22], "total": "25", "same": True,
        "files": ["config.json", "gone.txt", "weights.bin"],
    }  # fmt: skip


def test_the_run_is_read_by_ours(ours: RemoteClient, tracked: dict[str, Any]) -> None:
    """Its description, tags, metadata, parameters and its end are what the script said."""
    assert (tracked["description"], tracked["tags"]) == ("baseline", ["t1", "t2"])
    assert (tracked["metadata"], tracked["status"]) == ({"seed": 7}, "COMPLETED")
    expected = {"model.lr": 0.002, "model.layers": [64, 64], "name": "käse"}
    assert ours.get_parameters_or_raise(tracked["id"]) == expected


def test_logs_are_read_by_ours(ours: RemoteClient, tracked: dict[str, Any]) -> None:
    """In order, with their levels, hostile text and metadata."""
    logs = ours.query_logs(tracked["id"], order_by="sequenceNumber", order="asc")["logs"]
    assert [(log["level"], log["message"]) for log in logs] == [
        ("info", "start"), ("warn", "odd \u2603 'quotes\"; DROP TABLE logs;--"), ("error", "bad")
    ]  # fmt: skip
    assert [log["metadata"] for log in logs] == [{"step": 0}, None, {"code": 7}]


def test_metrics_are_read_by_ours(ours: RemoteClient, tracked: dict[str, Any]) -> None:
    """Each point once, in order, also of the metric without a name."""
    points = ours.read_metric_data(tracked["id"], "train/deep name")["data"]
    assert [int(point["index"]) for point in points] == list(range(25))
    assert [point["data"]["n"] for point in points] == list(range(25))
    assert [point["data"]["loss"] for point in points] == [1 / (n + 1) for n in range(25)]
    (unnamed,) = ours.read_metric_data(tracked["id"], None)["data"]
    assert unnamed["data"]["epoch"] == 1
    assert {found["name"] for found in ours.list_metrics(tracked["id"])} == {
        "train/deep name", "None"
    }  # fmt: skip


def test_tracks_are_read_by_ours(ours: RemoteClient, tracked: dict[str, Any]) -> None:
    """All entries, and what the list of tracks says of them."""
    data = ours.get_track_data(tracked["id"], "robot/pose")
    assert isinstance(data, dict)
    assert [entry["q"] for entry in data["entries"]] == [[n, 2.5] for n in range(6)]
    (listed,) = ours.list_tracks_or_raise(tracked["id"])
    assert (listed["topic"], listed["totalEntries"]) == ("robot/pose", 6)
    assert (listed["firstTimestamp"], listed["lastTimestamp"]) == (0.0, 0.5)


def test_files_are_read_by_ours(
    ours: RemoteClient, tracked: dict[str, Any], tmp_path: Path
) -> None:
    """What was not deleted is listed with its facts, and its bytes come back."""
    files = {found["name"]: found for found in ours.list_files_or_raise(tracked["id"])}
    assert sorted(files) == ["config.json", "weights.bin"]
    weights = files["weights.bin"]
    assert (weights["tags"], weights["description"]) == (["best"], "final")
    assert weights["metadata"] == {"epoch": 9}
    stored = weights["physicalFile"]
    assert stored["checksum"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert int(stored["sizeBytes"]) == len(WEIGHTS)
    ours.download_file_streaming(tracked["id"], weights["id"], str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == WEIGHTS


def test_what_was_uploaded_is_read_by_ours(user: OldUser, ours: RemoteClient) -> None:
    """The run of a folder, whose 0.6.13 makes one more folder of its name."""
    (found,) = ours.search_experiments_graphql_or_raise("alice/uploads/*")
    assert found["name"] == "local-1"
    points = ours.read_metric_data(found["id"], "loss")["data"]
    assert [point["data"]["value"] for point in points] == list(range(30))
    assert ours.get_parameters_or_raise(found["id"]) == {"lr": 0.5}
    (log,) = ours.query_logs(found["id"])["logs"]
    assert log["message"] == "kept in a folder"
    assert [file["name"] for file in ours.list_files_or_raise(found["id"])] == ["w.txt"]
    doubled = user.release.version == "0.6.13"
    path = "sweep/local-1/local-1" if doubled else "sweep/local-1"
    at_path = ours.get_experiment_by_path_graphql("uploads", path, "alice")
    assert at_path is not None
    assert at_path["id"] == found["id"]


def test_the_old_list_shows_both_runs(user: OldUser) -> None:
    """By project, by pattern, and the tracks of a run."""
    row = [field.strip() for field in re.split("│", _line(user.cli("list", "-p", "alice/vision")))]
    assert row[2] == "COMPLETED"
    tracks = ["1"] if user.release.version != "0.6.13" else []
    assert row[3:-1] == ["2", "3", *tracks, "2"]
    found = user.cli("list", "-p", "alice/*/*")
    assert "run-1" in found
    assert "local-1" in found
    listed = user.cli("list", "-p", "alice/vision/run-1", "--tracks")
    assert re.search(r"robot/pose +│ +6 │", listed)


def test_the_old_download_brings_a_track_back(user: OldUser) -> None:
    """As JSON lines; the releases' own download of a run ends in an error of theirs."""
    track = "alice/vision/run-1/robot/pose"
    user.cli("download", "--tracks", track, "-f", "jsonl", "-o", "pose.jsonl")
    lines = (user.folder / "pose.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["q"] for line in lines] == [[n, 2.5] for n in range(6)]


def test_the_old_create_and_remove_projects(user: OldUser, ours: RemoteClient) -> None:
    """A project is created once, is told to exist the second time, and is removed."""
    assert "created successfully" in user.cli("create", "-p", "alice/made", "-d", "text")
    made = {found["slug"]: found for found in ours.list_projects_graphql_or_raise("alice")}
    assert made["made"]["description"] == "text"
    assert "already exists" in user.cli("create", "-p", "alice/made")
    assert "Deleted nodes: 1" in user.cli("remove", "-p", "alice/made", "-y")
    left = {found["slug"] for found in ours.list_projects_graphql_or_raise("alice")}
    assert left == {"vision", "uploads"}


def test_the_old_api_command_asks_as_the_user_of_the_login(user: OldUser) -> None:
    """A query of the command line is answered for the user who confirmed the login."""
    needed = ["--namespace", "alice"] if user.release.version == "0.6.13" else []
    assert user.cli("api", "-q", "me { username }", "--jq", ".me.username", *needed).strip() == (
        '"alice"'
    )


def _line(table: str) -> str:
    """Return the line of a table that shows the run."""
    (found,) = (line for line in table.splitlines() if "run-1" in line)
    return found
