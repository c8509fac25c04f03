"""Files through a server, with their bytes in a folder and in a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ml_dash.server.parts import Parts
from ml_dash.server.settings import ServerSettings
from ml_dash.server.upkeep.backups import check
from ml_dash.server.upkeep.collecting import collect
from tests.server.live import Live, run_of, running
from tests.server.running import running_server
from tests.server.web.test_tree import send_file

MIB = 1 << 20
LARGE_MIB = 128
GROWS_AT_MOST_MIB = 64


@pytest.fixture
def live(files_place: str, tmp_path: Path) -> Iterator[Live]:
    """Run a server."""
    with running(ServerSettings(data=tmp_path / "data", files=files_place)) as made:
        yield made


def test_equal_bytes_are_stored_once_and_a_lie_not_at_all(live: Live) -> None:
    """Eight files of one content at once, and one whose SHA-256 is another's."""
    alice = live.as_user("alice")
    run = run_of(alice)
    with ThreadPoolExecutor(8) as pool:
        sent = pool.map(lambda n: send_file(alice, run, b"equal", name=f"f{n}"), range(8))
        assert {reply.status_code for reply in sent} == {200}
    lie = send_file(alice, run, b"a lie", name="f8", checksum=hashlib.sha256(b"equal").hexdigest())
    assert (lie.status_code, lie.json()["error"]) == (422, "checksum-mismatch")
    found = check(live.settings, read_bytes=True)
    assert (found.sound, found.files.blobs, found.files.size_bytes) == (True, 1, 5)
    params = {"pattern": "**", "experimentId": run["experiment"]["id"]}
    assert len(alice.get("/api/search/files", params=params).json()["files"]) == 8


def test_bytes_go_with_the_last_file_that_has_them(live: Live) -> None:
    """A deleted file leaves the bytes to the others; those of none are collected in two steps."""
    alice = live.as_user("alice")
    run = run_of(alice)
    nodes = [send_file(alice, run, b"x", name=name).json()["node"]["id"] for name in ("a", "b")]
    with closing(Parts.open(live.settings)) as parts:
        alice.delete(f"/api/nodes/{nodes[0]}").raise_for_status()
        assert collect(parts, older_than_s=-1).trashed == []
        assert alice.get(f"/api/nodes/{nodes[1]}/download").content == b"x"
        alice.delete(f"/api/nodes/{nodes[1]}").raise_for_status()
        digest = hashlib.sha256(b"x").hexdigest()
        assert collect(parts).trashed == []  # young: an upload of them may be under way
        assert collect(parts, older_than_s=-1).trashed == [digest]
        again = send_file(alice, run, b"x", name="c").json()["node"]["id"]
        assert collect(parts, older_than_s=-1).removed == [digest]  # those of the trash only
        assert alice.get(f"/api/nodes/{again}/download").content == b"x"
    assert check(live.settings, read_bytes=True).sound


def test_a_large_file_goes_through_a_server_in_little_memory(
    files_place: str, tmp_path: Path
) -> None:
    """Up, down, and a part of it, in a process whose memory grows by far less than the file."""
    with (
        running_server(tmp_path / "data", options=("--files", files_place)) as server,
        httpx.Client(base_url=server.address, timeout=120) as client,
    ):
        run = run_of(client)
        send_file(client, run, b"small", name="small").raise_for_status()
        before = server.peak_bytes()
        content = bytes(range(256)) * (LARGE_MIB * MIB // 256)
        sent = send_file(client, run, content, checksum=hashlib.sha256(content).hexdigest())
        path = f"/api/nodes/{sent.raise_for_status().json()['node']['id']}/download"
        assert client.get(path).content == content
        part = client.get(path, headers={"range": f"bytes={100 * MIB + 7}-{100 * MIB + 9}"})
        assert (part.status_code, part.content) == (206, bytes((7, 8, 9)))
        assert server.peak_bytes() - before < GROWS_AT_MOST_MIB * MIB
