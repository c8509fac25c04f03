"""``dxp`` and ``rdxp``: there at import, built at first use, ordinary experiments then."""

from __future__ import annotations

import getpass
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment, LocalStorage, auto_start, remote_auto_start
from ml_dash._auto_started import AutoStarted
from ml_dash.buffer import BufferConfig
from ml_dash.exceptions import ConfigurationError, ServerError
from ml_dash.run import RUN
from tests.unit.remote import conftest as remote
from tests.unit.remote.server import TOKEN, Fault, Server

server = remote.server  # the fixture


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ML_DASH_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def dxp() -> AutoStarted:
    """Return an experiment like ``dxp`` that no other test has used."""
    return AutoStarted(auto_start._arguments, auto_start._logged_in_user)


@pytest.mark.parametrize("name", ["auto_start.dxp", "remote_auto_start.rdxp"])
def test_import_touches_nothing(name: str, tmp_path: Path) -> None:
    """Importing the object writes nothing and opens no socket; it is an Experiment all the same."""
    module, _, what = name.partition(".")
    code = (
        "import sys; sys.dont_write_bytecode = True; seen = []\n"
        "def hook(event, args):\n"
        "    writes = event == 'open' and set('wax+') & set(args[1] or '')\n"
        "    if writes or event == 'os.mkdir' or event.startswith('socket.'): seen.append(event)\n"
        "sys.addaudithook(hook)\n"
        f"from ml_dash.{module} import {what}\n"
        "from ml_dash import Experiment\n"
        f"print(seen, isinstance({what}, Experiment), 'httpx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "HOME": str(tmp_path)}, check=True,
    )  # fmt: skip
    assert done.stdout == "[] True False\n"
    assert list(tmp_path.iterdir()) == []


def test_names() -> None:
    """Each module has its one name."""
    assert auto_start.__all__ == ["dxp"]
    assert remote_auto_start.__all__ == ["rdxp"]
    assert isinstance(auto_start.dxp, Experiment)
    assert isinstance(remote_auto_start.rdxp, Experiment)


def test_dxp_becomes_local_as_tests_of_0_6_do(tmp_path: Path) -> None:
    """Assigning a storage and a path makes it local; starting again appends."""
    experiment = dxp()
    user = getpass.getuser()
    experiment._storage = LocalStorage(root_path=tmp_path / "root")
    experiment._client = None
    experiment._folder_path = f"{user}/scratch/dxp"
    experiment._buffer_config = BufferConfig(buffer_enabled=False)
    experiment._buffer_manager = None
    assert (experiment.name, experiment.project) == ("dxp", "scratch")
    for number in range(2):
        experiment.run.start()
        experiment.log(f"line {number}")
        experiment.run.complete()
        assert not experiment._is_open
    lines = (tmp_path / "root" / user / "scratch" / "dxp" / "logs" / "logs.jsonl").read_text()
    assert [json.loads(line)["message"] for line in lines.splitlines()] == ["line 0", "line 1"]


def started_prefix(experiment: Experiment) -> str:
    """Start and complete an experiment, for later delivery, and return its prefix."""
    assert experiment._courier is not None
    experiment._courier.offline = True
    experiment.run.start()
    experiment.log("there")
    experiment.run.complete()
    assert (experiment.folder / "logs" / "logs.jsonl").is_file()
    return str(experiment.run.prefix)


@pytest.fixture
def logged_in(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let somebody be logged in at the configured server."""
    monkeypatch.setattr(RUN, "api_url", server.url)
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    monkeypatch.setattr("ml_dash.client.userinfo._user", None)
    return server


def test_logged_in_user_owns_the_run(logged_in: Server, tmp_path: Path) -> None:
    """The user is looked up at the first start, once, not earlier."""
    experiment = dxp()
    assert experiment.run.prefix.startswith(f"{getpass.getuser()}/scratch/")
    assert logged_in.requests == []
    prefix = started_prefix(experiment)
    assert prefix.startswith("alice/scratch/")
    assert experiment.owner == "alice"
    assert started_prefix(experiment) == prefix
    assert len(logged_in.requests) == 1
    assert experiment.folder.is_relative_to(tmp_path / "spool")


def refuse(server: Server) -> None:
    """Let the next request fail for good."""
    server.faults.append(Fault(status=500, headers={"retry-after": "3600"}))


def test_failing_lookup_falls_back(logged_in: Server, caplog: pytest.LogCaptureFixture) -> None:
    """If the user cannot be looked up the system's user owns the run, and the log says why."""
    refuse(logged_in)
    assert started_prefix(dxp()).startswith(f"{getpass.getuser()}/scratch/")
    record = next(each for each in caplog.records if "could not be looked up" in each.message)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ServerError)


def test_failing_lookup_in_strict_mode(logged_in: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """In strict mode the start fails, nothing is recorded, and the next start asks again."""
    monkeypatch.setenv("ML_DASH_ERROR_MODE", "strict")
    experiment = dxp()
    refuse(logged_in)
    with pytest.raises(ServerError):
        experiment.run.start()
    assert not experiment._is_open
    assert started_prefix(experiment).startswith("alice/")


def set_prefix(experiment: Experiment) -> None:
    experiment.run.prefix = "bob/vision/run"


def set_folder(experiment: Experiment) -> None:
    experiment._folder_path = "bob/vision/run"


@pytest.mark.parametrize("change", [set_prefix, set_folder])
def test_prefix_of_the_script_stays(
    logged_in: Server, change: Callable[[Experiment], None]
) -> None:
    """A prefix that the script chose is used as it is, without a lookup."""
    experiment = dxp()
    change(experiment)
    assert started_prefix(experiment) == "bob/vision/run"
    assert logged_in.requests == []


def test_user_of_the_environment_stays(logged_in: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """``ML_DASH_USER`` is a choice as well."""
    monkeypatch.setenv("ML_DASH_USER", "carol")
    assert started_prefix(dxp()).startswith("carol/scratch/")
    assert logged_in.requests == []


def test_rdxp_is_in_the_usual_folder(logged_in: Server, tmp_path: Path) -> None:
    """``rdxp`` records to ``.dash`` under a fixed prefix, for the configured server."""
    experiment = AutoStarted(remote_auto_start._arguments)
    assert not (tmp_path / ".dash").exists()
    assert started_prefix(experiment) == f"{getpass.getuser()}/scratch/rdxp"
    assert experiment.folder == Path(".dash", getpass.getuser(), "scratch", "rdxp")
    assert experiment._client.graphql_base_url == logged_in.url
    assert logged_in.requests == []


def test_threads_build_it_once() -> None:
    """Several threads that use it first at the same time get one experiment, whole."""
    calls: list[int] = []
    barrier = threading.Barrier(6)
    seen: list[Any] = []

    def arguments() -> dict[str, Any]:
        calls.append(1)
        return {"prefix": "a/b/c", "dash_root": "root"}

    experiment = AutoStarted(arguments)

    def work() -> None:
        barrier.wait(10)
        seen.append((experiment.run, experiment._storage, experiment._buffer_manager))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(calls) == 1
    assert len(seen) == 6
    assert len({id(run) for run, _, _ in seen}) == 1


def test_failed_building_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong environment is an error at the first use, not at import, and can be mended."""
    experiment = dxp()
    monkeypatch.setenv("ML_DASH_DURABILITY", "sometimes")
    with pytest.raises(ConfigurationError):
        _ = experiment.run
    monkeypatch.delenv("ML_DASH_DURABILITY")
    assert experiment.run.prefix


def test_wrong_names_are_attribute_errors() -> None:
    """An attribute that no experiment has is reported under its name."""
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = dxp().no_such_thing


def test_copy_in_another_process() -> None:
    """It can be pickled before it is started, like any experiment."""
    experiment = AutoStarted(lambda: {"prefix": "a/b/c", "dash_root": "root"})
    assert experiment.run.prefix == "a/b/c"
    copy = pickle.loads(pickle.dumps(experiment))
    assert copy.run.prefix == "a/b/c"
    with copy.run:
        copy.log("from the copy")
    assert Path("root/a/b/c/logs/logs.jsonl").is_file()
