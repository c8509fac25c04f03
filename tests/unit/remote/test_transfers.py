"""Files go up and come down whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash._remote.retry import RetryPolicy
from ml_dash._remote.transfers import safe_name
from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    ChecksumMismatchError,
    InvalidFileError,
    LocalWriteError,
    NetworkError,
    RemoteNotFoundError,
    ServerError,
    UsageError,
)
from tests.unit.remote.server import Fault, Server

CONTENT = random.Random(7).randbytes(300_000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file to send."""
    path = tmp_path / "source" / "model.bin"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def send(client: RemoteClient, source: Path, **changes: Any) -> dict[str, Any]:
    """Send a file with all arguments."""
    settings: dict[str, Any] = {
        "prefix": "/models/best/", "filename": "mödel \"1\".pt", "description": "d",
        "tags": ["best"], "metadata": {"epoch": 3},
        "checksum": hashlib.sha256(CONTENT).hexdigest(), "content_type": "application/x",
        "size_bytes": len(CONTENT), **changes,
    }  # fmt: skip
    return client.upload_file("7", str(source), **settings)


# --- up ---------------------------------------------------------------------------------------


def test_upload(client: RemoteClient, server: Server, source: Path) -> None:
    """The file arrives below its folders, with its fields first, and gives the record of 0.6."""
    record = send(client, source)
    assert server.content == {"f0": CONTENT}
    node = server.nodes["f0"]
    assert node["order"][-1] == "file"
    assert (node["type"], node["projectId"], node["name"]) == ("FILE", "100", 'mödel "1".pt')
    assert (node["tags"], node["metadata"]) == ("best", '{"epoch":3}')
    folders = [each.json for each in server.sent("POST", "/nodes") if b"FOLDER" in each.body]
    assert [(each["name"], each["parentId"], each["experimentId"]) for each in folders] == [
        ("models", "70", "7"), ("best", "1000", "7")
    ]  # fmt: skip
    assert node["parentId"] == "1001"
    assert list(record) == [
        "id", "experimentId", "path", "filename", "description", "tags", "contentType",
        "sizeBytes", "checksum", "metadata", "uploadedAt", "updatedAt", "deletedAt",
    ]  # fmt: skip
    assert (record["path"], record["sizeBytes"]) == ("models/best", len(CONTENT))
    assert server.requests[-1].headers["content-length"].isdecimal()


def test_a_run_that_was_not_found_is_looked_up_again(
    client: RemoteClient, server: Server, source: Path
) -> None:
    """Only what was found is remembered; 0.6 kept an empty path and made the folders twice."""
    server.replies["GetExperimentNode"] = {"data": {"experimentNode": None}}
    with pytest.raises(RemoteNotFoundError):
        send(client, source)
    assert not server.sent("POST", "/nodes")
    del server.replies["GetExperimentNode"]
    send(client, source)
    folders = [each.json for each in server.sent("POST", "/nodes") if b"FOLDER" in each.body]
    assert [each["parentId"] for each in folders] == ["70", "1000"]
    assert server.nodes["f0"]["parentId"] == "1001"


def test_folders_are_remembered(client: RemoteClient, server: Server, source: Path) -> None:
    """A second file into the same folder takes one request."""
    send(client, source)
    before = len(server.requests)
    send(client, source, filename="other")
    send(client, source, parent_id="9", prefix="", project_id="100")
    assert len(server.requests) - before == 3  # two files, and the project of the second
    assert server.nodes["f2"]["parentId"] == "9"


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=409), Fault("reset")], ids=str)
def test_upload_is_repeated_whole(
    client: RemoteClient, server: Server, source: Path, fault: Fault
) -> None:
    """A failed upload starts from the beginning of the file, under the same key."""
    send(client, source)
    server.faults.append(fault)
    send(client, source, filename="again", project_id="100")
    keys = [each.headers["idempotency-key"] for each in server.requests[-2:]]
    assert server.content == {"f0": CONTENT, "f1": CONTENT}
    assert keys[0] == keys[1] != server.requests[-3].headers.get("idempotency-key")


def test_server_that_holds_something_else(
    client: RemoteClient, server: Server, source: Path
) -> None:
    """Another checksum than that of what was meant is tried once more, then an error."""
    with pytest.raises(ChecksumMismatchError, match="untouched"):
        send(client, source, checksum="0" * 64)
    assert len(server.content) == 2
    assert source.read_bytes() == CONTENT
    with pytest.raises(ChecksumMismatchError):
        send(client, source, size_bytes=5)


def test_checksum_is_computed_when_missing(
    client: RemoteClient, server: Server, source: Path
) -> None:
    """Without a checksum the file is hashed first."""
    assert send(client, source, checksum="")["checksum"] == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("kind", ["missing", "folder", "comma"])
def test_upload_refused_at_once(
    client: RemoteClient, server: Server, source: Path, kind: str
) -> None:
    """What cannot be sent is refused before the server hears of it."""
    if kind == "comma":
        with pytest.raises(UsageError, match="a,b"):
            send(client, source, tags=["a,b"])
    else:
        with pytest.raises(InvalidFileError):
            send(client, source.parent / "no" if kind == "missing" else source.parent)
    assert server.requests == []


def test_upload_below_a_missing_run(client: RemoteClient, server: Server, source: Path) -> None:
    """A run without a node is an error; 0.6 put its files at the project's root."""
    with pytest.raises(RemoteNotFoundError, match="99"):
        client.upload_file("99", str(source), "", "f", None, None, None, "", "", 0)
    assert server.content == {}


def test_upload_holds_no_file_in_memory(client: RemoteClient, server: Server, source: Path) -> None:
    """Sending 32 MiB takes a small part of that in memory."""
    server.replies["POST /api/namespaces/alice/nodes"] = {
        "node": {"id": "1"}, "physicalFile": {"checksum": "0" * 64}
    }  # fmt: skip
    with source.open("r+b") as file:
        file.truncate(32 * 2**20)
    server.discarded = []
    client.namespace = "alice"
    client._node_ids["7"] = "70"
    tracemalloc.start()
    try:
        client.upload_file("7", str(source), "", "f", None, None, None, "0" * 64, "", 0, "100")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert server.discarded == [pytest.approx(32 * 2**20, rel=0.01)]
    assert peak < 8 * 2**20


# --- down -------------------------------------------------------------------------------------


def left(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(os.listdir(folder))


def test_download(client: RemoteClient, server: Server, tmp_path: Path) -> None:
    """A file arrives whole where it was asked for, in a folder that is made."""
    server.put_file("5", CONTENT)
    target = tmp_path / "new" / "model.pt"
    assert client.download_file("7", "5", str(target)) == str(target)
    assert target.read_bytes() == CONTENT
    assert left(target.parent) == ["model.pt"]
    assert client.download_file_streaming("7", "5", str(target)) == str(target)
    assert server.sent("GET", "/download")[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("name", ["../../x/evil.pt", "/etc/evil.pt", "..\\evil.pt", "evil.pt"])
def test_name_from_the_server_stays_here(
    client: RemoteClient, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Only the last part of a name that the server says is used."""
    monkeypatch.chdir(tmp_path)
    server.put_file("5", CONTENT, name=name)
    assert client.download_file("7", "5") == "evil.pt"
    assert left(tmp_path) == ["evil.pt"]


@pytest.mark.parametrize(
    ("name", "safe"), [("..", "id"), ("", "id"), (None, "id"), ("/", "id"), ("a/..", "id"),
                       ("a\0b", "ab"), (".hidden", ".hidden"), (7, "7")],
)  # fmt: skip
def test_names_that_are_none(name: object, safe: str) -> None:
    """A name that names no file is replaced by the file's id."""
    assert safe_name(name, "id") == safe


def old_file(tmp_path: Path) -> Path:
    """Return a destination that holds something already."""
    target = tmp_path / "model.pt"
    target.write_text("the old one")
    return target


def test_wrong_content_leaves_the_old_file(
    client: RemoteClient, server: Server, tmp_path: Path
) -> None:
    """Content with another checksum is refused; what was there stays (0.6 deleted it)."""
    server.put_file("5", CONTENT, physicalFile={"checksum": "0" * 64})
    target = old_file(tmp_path)
    with pytest.raises(ChecksumMismatchError, match="as it was") as caught:
        client.download_file("7", "5", str(target))
    assert isinstance(caught.value, ValueError)
    assert target.read_text() == "the old one"
    assert left(tmp_path) == ["model.pt"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Fault("truncate", part="/download"), NetworkError),
     (Fault("reset", part="/download"), NetworkError),
     (Fault(status=500, part="/download"), ServerError),
     (Fault(status=404, part="/download"), RemoteNotFoundError)],
    ids=["truncated", "reset", "500", "404"],
)  # fmt: skip
def test_failed_transfer_leaves_the_old_file(
    client: RemoteClient, server: Server, tmp_path: Path, fault: Fault, kind: type[Exception]
) -> None:
    """After the last attempt nothing new is left and what was there stays."""
    server.put_file("5", CONTENT)
    server.ranges = False
    target = old_file(tmp_path)
    server.faults.extend([fault] * 8)
    with pytest.raises(kind):
        client.download_file("7", "5", str(target))
    assert target.read_text() == "the old one"
    assert left(tmp_path) == ["model.pt"]


@pytest.mark.parametrize("ranges", [True, False])
def test_interrupted_transfer_goes_on(
    client: RemoteClient, server: Server, tmp_path: Path, ranges: bool
) -> None:
    """Where the server offers ranges only the rest is fetched, else all of it again."""
    server.put_file("5", CONTENT)
    server.ranges = ranges
    server.faults.append(Fault("truncate", headers={"etag": '"1"'}, part="/download"))
    target = tmp_path / "model.pt"
    client.download_file("7", "5", str(target))
    assert target.read_bytes() == CONTENT
    again = server.sent("GET", "/download")[1].headers
    half = len(CONTENT) // 2
    assert (again["range"], again["if-range"]) == (f"bytes={half}-", '"1"')


def test_connection_that_breaks_often(
    connect: Callable[..., RemoteClient], server: Server, tmp_path: Path
) -> None:
    """As long as each attempt brings more, a download goes on, whatever the number of attempts."""
    server.put_file("5", CONTENT)
    for _ in range(6):
        server.faults.append(Fault("cut", part="/download"))
    client = connect(retry=RetryPolicy(attempts=1))
    client.download_file("7", "5", str(tmp_path / "model.pt"))
    assert (tmp_path / "model.pt").read_bytes() == CONTENT
    assert len(server.sent("GET", "/download")) == 7


def test_file_that_shrank_starts_again(
    client: RemoteClient, server: Server, tmp_path: Path
) -> None:
    """A server that says that the range is not there (416) is asked for all of it."""
    server.put_file("5", CONTENT)
    server.faults.append(Fault("truncate", part="/download"))
    server.faults.append(Fault(status=416, part="/download"))
    client.download_file("7", "5", str(tmp_path / "model.pt"))
    assert (tmp_path / "model.pt").read_bytes() == CONTENT
    assert "range" not in server.sent("GET", "/download")[2].headers


def test_unverified_download_is_said(
    client: RemoteClient, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of which the server has no checksum is taken, with a warning in the log."""
    server.put_file("5", CONTENT, physicalFile=None)
    client.download_file("7", "5", str(tmp_path / "x"))
    assert "not verified" in caplog.text


@pytest.mark.parametrize("kind", ["folder", "file above"])
def test_destination_that_cannot_be(
    client: RemoteClient, server: Server, tmp_path: Path, kind: str
) -> None:
    """A destination that cannot be written is a LocalWriteError (an OSError) before a byte."""
    server.put_file("5", CONTENT)
    (tmp_path / "here").mkdir()
    (tmp_path / "file").write_text("x")
    target = tmp_path / "here" if kind == "folder" else tmp_path / "file" / "below"
    with pytest.raises(LocalWriteError):
        client.download_file("7", "5", str(target))
    assert left(tmp_path) == ["file", "here"]
    assert server.sent("GET", "/download") == []


def test_changing_a_file(connect: Callable[..., RemoteClient], server: Server) -> None:
    """Only what is given is changed; empty clears; a deleted file is not found."""
    client = connect()
    server.put_file("5", CONTENT)
    client.update_file("7", "5", tags=[], metadata={})
    assert server.requests[-1].json == {"tags": [], "metadata": {}}
    assert client.delete_file("7", "5")["deletedAt"]
    with pytest.raises(RemoteNotFoundError):
        client.get_file("7", "5")
