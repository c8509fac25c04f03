"""Unmodified 0.6.13 and 0.6.27 work against the server; what they sent is read by our API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from ml_dash.server.settings import ServerSettings
from tests.compat import old_release
from tests.compat.old_release import RELEASES, Release
from tests.server.live import Live, running

SCRIPTS = Path(__file__).parent / "old"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server."""
    with running(ServerSettings(data=tmp_path_factory.mktemp("data"))) as made:
        yield made


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Release:
    """Return each old release."""
    return old_release.ensure(request.param)


def test_a_whole_run_of_an_old_client(live: Live, release: Release, tmp_path: Path) -> None:
    """Open deep in folders, parameters, logs, metrics, tracks, files, status."""
    token = live.token("alice")
    project = f"p{release.version.replace('.', '')}"
    prefix = f"alice/{project}/sweeps/2026/02/run-1"
    done = release.run(SCRIPTS / "run_script.py", live.url, token, prefix, cwd=tmp_path)
    [line] = [each for each in done.stdout.splitlines() if each.startswith("READ ")]
    read = json.loads(line[5:])
    assert read["params"] == {"model.lr": 0.001, "layers": [64, 64], "note": None}
    assert [int(each["index"]) for each in read["points"]] == [118, 119]
    assert read["total"] == "120"
    assert all(read["tracks"].values())
    assert read["file"] == ["model.bin", "512000"]
    assert read["same"] is True
    alice = live.client(token)
    run = f"/api/experiments/{read['run']}"
    shown = alice.get(run).json()
    assert (shown["status"], shown["displayPath"]) == ("COMPLETED", "sweeps/2026/02/run-1")
    assert (shown["tags"], shown["metadata"], shown["logs"]) == (["t1"], {"seed": 7}, 120)
    lines = alice.get(f"{run}/logs", params={"limit": 1000}).json()["logs"]
    # 0.6 may send its batches side by side, so that they come in any order.
    epochs = sorted(int(each["message"].removeprefix("epoch ")) for each in lines)
    assert epochs == list(range(120))
    name = quote("train/deep name", safe="")
    points = alice.get(f"{run}/metrics/{name}/data", params={"limit": 200}).json()["data"]
    assert [int(each["index"]) for each in points] == list(range(120))
    assert sorted(each["data"]["step"] for each in points) == list(range(120))
    found = alice.get("/api/search/files",
                      params={"pattern": "**", "experimentId": read["run"]}).json()  # fmt: skip
    assert [(each["path"], each["tags"]) for each in found["files"]] == [
        ("models/model.bin", ["best"])
    ]


def test_the_old_command_line(live: Live, release: Release, tmp_path: Path) -> None:
    """Create twice, upload, list, list by a glob, remove."""
    token = live.token("alice")
    project = f"alice/c{release.version.replace('.', '')}"
    home = tmp_path / "home"
    login = ("from ml_dash.auth.token_storage import get_token_storage as s\n"
             f"s().store('ml-dash-token', {token!r})\n")  # fmt: skip
    (tmp_path / "login.py").write_text(login)
    release.run(tmp_path / "login.py", cwd=tmp_path)
    assert home.is_dir()

    def call(*words: str) -> str:
        words = (*words, "--dash-url", live.url)
        return release.run(SCRIPTS / "cli_script.py", *words, cwd=tmp_path).stdout

    assert "exists" not in call("create", "-p", f"{project}-new")
    assert "already exists" in call("create", "-p", f"{project}-new")
    release.run(SCRIPTS / "local_script.py", f"{project}/sweeps/run-7", cwd=tmp_path)
    assert "20 entries" in call("upload", "local")
    assert "run-7" in call("list", "-p", project)
    assert "run-7" in call("list", "-p", project[:-1] + "*")
    query = 'query{searchExperiments(pattern:"%s/*"){logMetadata{totalLogs} parameters{data}}}'
    answer = live.client(token).post("/graphql", json={"query": query % project}).json()
    [found] = answer["data"]["searchExperiments"]
    assert found == {"logMetadata": {"totalLogs": 20}, "parameters": {"data": {"lr": 0.1}}}
