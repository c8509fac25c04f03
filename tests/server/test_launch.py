"""The program: what it says, its tokens, its processes, and its end."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ml_dash.cli import main
from ml_dash.exceptions import ConfigurationError
from ml_dash.server.launch import first_token, opened, serve
from ml_dash.server.settings import ServerSettings
from tests.server.live import experiment_of
from tests.server.programs import Program, program, run

NEXT_STARTS = "New token"
NOTHING_STORED = (
    "0 files, 0 bytes: 0 missing, 0 wrong, 0 to be collected; 0 problems in the database\n"
)
NOT_FINISHED = "1 uploads not finished, 5 bytes; each is removed a day after its last piece came\n"


def client_of(server: Program, token: str | None) -> httpx.Client:
    """Return an HTTP client with a token."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30)


def test_the_first_start_shows_a_token_that_works_and_later_ones_none(tmp_path: Path) -> None:
    """One line, one folder; SIGTERM ends it well; tokens are made, listed and revoked."""
    data = tmp_path / "data"
    with program(data) as server:
        token = server.token()
        with client_of(server, token) as admin:
            assert admin.get("/api/me").json()["admin"] is True
            run_path = experiment_of(admin, "lab/vision/run-1")
            piece = {"upload-offset": "0", "upload-length": "9"}
            admin.patch(f"{run_path}/uploads/{'0' * 64}", content=b"piece", headers=piece)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert "The server has ended" in (tmp_path / "data.log").read_text()
    with program(data, last_line=NEXT_STARTS) as server:
        assert token not in server.told
        found = run("check", "--data", str(data))
        assert (found.returncode, found.stdout) == (0, NOTHING_STORED + NOT_FINISHED)
        words = ("--data", str(data), "token")
        made = run(*words, "create", "laptop", "--user", "bob", "--role", "reader", "--days", "3")
        bob = made.stdout.strip()
        assert run("--data", str(data), "member", "lab", "bob", "writer").returncode == 0
        with client_of(server, bob) as client:
            assert client.get(run_path).status_code == 200
            assert client.post(f"{run_path}/heartbeat").status_code == 403
            listed = run(*words, "list").stdout.splitlines()
            assert len(listed) == 2
            assert bob not in "".join(listed)
            [number] = [line.split()[0] for line in listed if "'laptop'" in line]
            assert run(*words, "revoke", number).returncode == 0
            assert client.get(run_path).status_code == 401
            assert run(*words, "revoke", number).returncode == 1


def test_a_wrong_start_says_why(tmp_path: Path) -> None:
    """An open server for everybody, a port that is taken, a database that is none."""
    opened = run("--no-auth", "--host", "0.0.0.0", "--data", str(tmp_path))
    assert (opened.returncode, "127.0.0.1" in opened.stderr) == (1, True)
    with program(tmp_path / "data") as server:
        port = server.url.rpartition(":")[2]
        taken = run("--data", str(tmp_path / "other"), "--port", port)
        assert (taken.returncode, "cannot listen" in taken.stderr) == (1, True)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "ml-dash.db").write_text("no database, but a text that somebody wrote")
    broken = run("--data", str(tmp_path / "text"), "--port", "0")
    assert (broken.returncode, "cannot be used" in broken.stderr) == (1, True)


@pytest.mark.parametrize(
    ("files", "why"),
    [("ftp://host/x", "Files cannot be kept"),
     ("s3://b?region=r&endpoint=http://127.0.0.1:9&access_key_id=k&secret_access_key=s",
      "object store failed"),
     ("{data}/text/files", "Not a directory")],
)  # fmt: skip
def test_a_start_with_a_wrong_place_for_files_makes_no_token(
    tmp_path: Path, files: str, why: str
) -> None:
    """Its only showing would be lost; the next start, with the right place, makes it."""
    (tmp_path / "text").write_text("no folder")
    settings = ServerSettings(data=tmp_path, files=files.format(data=tmp_path), port=0)
    told: list[str] = []
    with pytest.raises(ConfigurationError, match=why) as caught:
        serve(settings, told.append)
    assert (told, bool(caught.value.hint)) == ([], True)
    with closing(opened(settings)) as database:
        assert first_token(database, "admin") is not None


def test_a_start_on_a_port_that_is_taken_touches_nothing(tmp_path: Path) -> None:
    """The folder of the data is not even made."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServerSettings(data=tmp_path / "data", port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="cannot listen") as caught:
            serve(settings, print)
    assert "another --port" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("token", "create", "laptop"), ("token", "list"), ("token", "revoke", "1"),
     ("member", "lab", "bob", "writer"), ("check",), ("backup", "copy")],
)  # fmt: skip
def test_a_mistyped_folder_is_no_new_server(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tokens would open nothing: commands want a server that was started before."""
    assert main(["server", "--data", str(tmp_path / "typo"), *words]) == 1
    told = capsys.readouterr()
    assert (told.out, str(tmp_path / "typo") in told.err) == ("", True)
    assert list(tmp_path.iterdir()) == []


def test_several_processes_serve_one_database(tmp_path: Path) -> None:
    """They give out no id twice and agree on every index."""
    with program(tmp_path / "data", "--workers", "2") as server:
        token = server.token()
        with client_of(server, token) as client:
            metric = experiment_of(client) + "/metrics/m"
        starts: list[int] = []

        def send() -> None:
            for _ in range(10):
                with client_of(server, token) as own:  # a connection each: any of the processes
                    body = {"dataPoints": [{"v": 1}] * 5}
                    reply = own.post(f"{metric}/append-batch", json=body)
                    starts.append(int(reply.json()["startIndex"]))

        senders = [threading.Thread(target=send) for _ in range(4)]
        for each in senders:
            each.start()
        for each in senders:
            each.join()
        assert sorted(starts) == list(range(0, 200, 5))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(40) == 0
