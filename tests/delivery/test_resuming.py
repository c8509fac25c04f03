"""A large file goes on where it was cut off: by the network, by kill -9 of the client or server."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.target import folder_of
from ml_dash._remote.resuming import FROM_BYTES, PIECE_BYTES
from ml_dash.client import RemoteClient
from ml_dash.exceptions import InvalidFileError, RemoteRejectedError
from tests.delivery.cutting import Cutting, cutting
from tests.delivery.proxy import Proxy
from tests.server.running import RunningServer

pytest.importorskip("uvicorn")
SIZE = 3 * PIECE_BYTES + 12_345
PIECES = 4
MIB = 1 << 20
BESIDES = MIB // 4
"""More than all that a delivery sends besides."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a large file, of which no two parts are the same."""
    path = tmp_path_factory.mktemp("source") / "large.bin"
    with path.open("wb") as file:
        for number in range(SIZE // 64):
            file.write(b"%064d" % number)
        file.truncate(SIZE)
    return path


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RunningServer]:
    """Return the project's server, to be killed."""
    (tmp_path / "server").mkdir()
    server = RunningServer(tmp_path / "server")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def way(real: RunningServer) -> Iterator[Cutting]:
    """Return a way to it that can be cut."""
    with cutting(real.port) as made:
        yield made


@pytest.fixture(autouse=True)
def _environment(impatient: None) -> None:
    """Have little patience."""


def recorded(url: str, tmp_path: Path, source: Path) -> Experiment:
    """Return a run with a large file, which is delivered by a sync."""
    exp = Experiment("alice/large/run", dash_url=url, dash_root=tmp_path, echo=False, offline=True)
    with exp.run:
        exp.files("models", description="weights", tags=["a"]).upload(str(source), to="w.bin")
        exp.metrics("train").log(loss=0.5)
    return exp


def delivered(exp: Experiment, url: str) -> None:
    """Sync until all is delivered."""
    for _ in range(20):
        done = sync(exp.folder, folder_of(exp.folder, url))
        if done.outcome is Outcome.DELIVERED:
            return
        assert done.report is not None
        assert done.report.rejected == 0
    raise AssertionError(f"nothing but attempts: {done}")


def check(server: RunningServer, source: Path) -> None:
    """See that the server has the file once, whole, and nothing unfinished."""
    with httpx.Client(base_url=f"{server.address}/api", trust_env=False, timeout=60) as client:
        found = client.get("/search/files", params={"pattern": "**"}).json()["files"]
        (node,) = found
        assert node["path"] == "models/w.bin"
        assert (node["description"], node["tags"]) == ("weights", ["a"])
        content = client.get(f"/nodes/{node['id']}/download").content
    assert hashlib.sha256(content).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert unfinished(server) == []


def unfinished(server: RunningServer) -> list[Path]:
    """Return the files of which more is awaited."""
    return list((server._data / "files" / "incoming").iterdir())


def test_a_large_file_arrives_in_pieces(
    real: RunningServer, way: Cutting, tmp_path: Path, source: Path
) -> None:
    """Each byte once."""
    delivered(recorded(way.url, tmp_path, source), way.url)
    check(real, source)
    assert SIZE <= way.sent_bytes < SIZE + BESIDES


def test_a_connection_that_is_cut_again_and_again(
    real: RunningServer, way: Cutting, tmp_path: Path, source: Path
) -> None:
    """Far less than one piece is sent a second time for each cut: only what was on its way."""
    exp = recorded(way.url, tmp_path, source)
    cuts = (5, 9, 7, 14, 3, 6)
    for more_mib in cuts:
        way.cut_after(more_mib * MIB)
    delivered(exp, way.url)
    check(real, source)
    assert way.sent_bytes - SIZE < len(cuts) * PIECE_BYTES / 2


def test_a_killed_client_goes_on(
    real: RunningServer, way: Cutting, tmp_path: Path, source: Path
) -> None:
    """With -9 in the middle of the file: the next sync sends what lacks."""
    script = tmp_path / "train.py"
    script.write_text(
        "from ml_dash import Experiment\n"
        f"exp = Experiment('alice/large/run', dash_url={way.url!r}, dash_root={str(tmp_path)!r})\n"
        "exp.run.start()\n"
        "exp.files('models', description='weights', tags=['a'])"
        f".upload({str(source)!r}, to='w.bin')\n"
        "exp.run.complete()\n"
    )
    cut = threading.Event()
    child = subprocess.Popen([sys.executable, str(script)])

    def kill() -> None:
        child.kill()
        child.wait()
        cut.set()

    way.cut_after(SIZE * 2 // 3, kill)
    assert cut.wait(60)
    assert way.sent_bytes < SIZE
    exp = Experiment("alice/large/run", dash_url=way.url, dash_root=tmp_path, echo=False,
                     offline=True)  # fmt: skip
    exp.run.start()
    exp.run.complete()
    delivered(exp, way.url)
    check(real, source)
    assert way.sent_bytes - SIZE < PIECE_BYTES


def test_a_killed_server_goes_on(
    real: RunningServer, way: Cutting, tmp_path: Path, source: Path
) -> None:
    """With -9 in the middle of the file, and started again: it has what it had."""
    exp = recorded(way.url, tmp_path, source)

    def restart() -> None:
        real.kill()
        real.start()

    for _ in range(2):
        way.cut_after(SIZE // 3, restart)
    delivered(exp, way.url)
    check(real, source)
    assert way.sent_bytes - SIZE < PIECE_BYTES


def test_what_was_damaged_on_the_server_is_sent_anew(
    real: RunningServer, way: Cutting, tmp_path: Path, source: Path
) -> None:
    """The whole is compared before anything refers to it; then the file is sent once more."""
    exp = recorded(way.url, tmp_path, source)

    def damage() -> None:
        (path,) = unfinished(real)
        with path.open("r+b") as file:
            file.write(b"damaged")

    way.cut_after(SIZE // 2, damage)
    delivered(exp, way.url)
    check(real, source)
    assert way.sent_bytes < 2 * SIZE + PIECE_BYTES


def test_two_clients_send_the_same_file(real: RunningServer, tmp_path: Path, source: Path) -> None:
    """At the same time, each with an end of its own: the same node, and the right bytes."""
    with RemoteClient(real.address, "alice") as client:
        run = client.create_or_update_experiment("large", "run")["experiment"]["id"]

    def send(_: int) -> Any:
        with RemoteClient(real.address, "alice") as client:
            return client.upload_file(run, str(source), "models", "w.bin", "weights", ["a"], None,
                                      "", "", 0)  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(send, range(2))
    assert first["id"] == second["id"]
    check(real, source)


def test_a_lost_answer_to_the_end(
    real: RunningServer, proxy: Proxy, tmp_path: Path, source: Path
) -> None:
    """The server knows the end by its key: no byte is sent a second time."""
    exp = recorded(proxy.url, tmp_path, source)
    proxy.fail("reset", part="/uploads/", methods=("POST",), after=True, times=2, when=b"w.bin")
    delivered(exp, proxy.url)
    check(real, source)
    assert proxy.count("/uploads/", "PATCH") <= PIECES


def test_a_server_that_offers_nothing_gets_one_request(
    real: RunningServer, proxy: Proxy, tmp_path: Path, source: Path
) -> None:
    """As servers of 0.6 do."""
    proxy.is_old = True
    delivered(recorded(proxy.url, tmp_path, source), proxy.url)
    check(real, source)
    assert not any("/uploads/" in path for _, path, _ in proxy.seen)


@pytest.mark.parametrize(
    ("status", "method"), [(404, "POST"), (405, "POST"), (405, "PATCH"), (413, "PATCH")]
)
def test_where_no_pieces_are_taken_after_all(
    real: RunningServer, proxy: Proxy, tmp_path: Path, source: Path, status: int, method: str
) -> None:
    """Something on the way refuses them: the file goes in one request."""
    proxy.fail(part="/uploads/", methods=(method,), status=status, times=1000)
    delivered(recorded(proxy.url, tmp_path, source), proxy.url)
    check(real, source)


def test_a_file_that_shrinks_while_it_is_sent(
    real: RunningServer, way: Cutting, tmp_path: Path
) -> None:
    """It is an error that says so, and the server refers to nothing."""
    changing = tmp_path / "changing.bin"
    changing.write_bytes(bytes(SIZE))

    def shrink() -> None:
        with changing.open("r+b") as file:
            file.truncate(FROM_BYTES)

    with RemoteClient(way.url, "alice") as client:
        run = client.create_or_update_experiment("large", "run")["experiment"]["id"]
        way.cut_after(FROM_BYTES + MIB, shrink)
        with pytest.raises(InvalidFileError, match="become smaller"):
            client.upload_file(run, str(changing), "", "c.bin", None, None, None, "", "", 0)
        assert list(client.list_files_or_raise(run)) == []


def test_a_file_that_is_too_large_is_refused_at_once(tmp_path: Path, source: Path) -> None:
    """Before more than a piece of it was sent."""
    (tmp_path / "server").mkdir()
    limits = {"ML_DASH_SERVER_FILE_MAX_BYTES": str(SIZE - 1)}
    server = RunningServer(tmp_path / "server", settings=limits)
    server.start()
    try:
        with cutting(server.port) as way, RemoteClient(way.url, "alice") as client:
            run = client.create_or_update_experiment("large", "run")["experiment"]["id"]
            with pytest.raises(RemoteRejectedError, match="larger than"):
                client.upload_file(run, str(source), "", "c.bin", None, None, None, "", "", 0)
            assert way.sent_bytes < PIECE_BYTES + BESIDES
    finally:
        server.kill()


def test_a_file_of_another_checksum_is_refused(
    real: RunningServer, way: Cutting, source: Path
) -> None:
    """Sent anew once at most, then the server's word counts; nothing of it is kept."""
    with RemoteClient(way.url, "alice") as client:
        run = client.create_or_update_experiment("large", "run")["experiment"]["id"]
        with pytest.raises(RemoteRejectedError, match="SHA-256"):
            client.upload_file(run, str(source), "", "c.bin", None, None, None, "0" * 64, "", 0)
        assert list(client.list_files_or_raise(run)) == []
    assert way.sent_bytes < SIZE + BESIDES
    assert unfinished(real) == []
