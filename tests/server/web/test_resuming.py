"""Large files in pieces: nothing refers to them before they are whole, nobody else sees them."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ml_dash.server.blobs import Partials
from ml_dash.server.blobs.care import collect
from ml_dash.server.blobs.partial import MOST_AT_ONCE
from ml_dash.server.parts import Parts
from tests.server.live import Live, experiment_of, run_of
from tests.server.web.hostile import refused
from tests.server.web.test_tree import send_file

NAME = "0123456789abcdef" * 4
CONTENT = bytes(range(256)) * 100


class Upload:
    """A client of one upload.

    Args:
        client: Its HTTP client.
        run: Path of the run.
        name: Name of the upload.
    """

    def __init__(self, client: httpx.Client, run: str, name: str = NAME) -> None:
        self.client = client
        self.path = f"{run}/uploads/{name}"

    def piece(self, content: Any, offset: int, length: int = len(CONTENT), **more: str) -> Any:
        """Send a piece."""
        headers = {"upload-offset": str(offset), "upload-length": str(length),
                   "content-type": "application/octet-stream", **more}  # fmt: skip
        return self.client.patch(self.path, content=content, headers=headers)

    def offset(self) -> int:
        """Ask how much has arrived."""
        return int(self.client.head(self.path).raise_for_status().headers["upload-offset"])

    def finish(self, content: bytes = CONTENT, key: str | None = None, **facts: Any) -> Any:
        """End the upload."""
        digest = hashlib.sha256(content).hexdigest()
        body = {"name": "large.bin", "checksum": digest, "size": len(content), **facts}
        headers = {} if key is None else {"idempotency-key": key}
        return self.client.post(self.path, json=body, headers=headers)


def downloaded(client: httpx.Client, reply: httpx.Response) -> bytes:
    """Return the bytes of the file that an answer is about."""
    return client.get(f"/api/nodes/{reply.json()['node']['id']}/download").content


def test_pieces_become_a_file(live_on_both: Live) -> None:
    """In order, with its facts; the answer is that of an upload in one request."""
    client = live_on_both.as_user("alice")
    opened = run_of(client)
    upload = Upload(client, f"/api/experiments/{opened['experiment']['id']}")
    assert client.get("/health").headers["ml-dash-upload-resume"] == "1"
    assert upload.offset() == 0
    said = upload.finish().json()
    assert (said["error"], said["details"]) == ("wrong-offset", {"offset": 0})
    for at in range(0, len(CONTENT), 10_000):
        assert upload.offset() == at
        end = min(at + 10_000, len(CONTENT))
        assert upload.piece(CONTENT[at:end], at).json() == {"offset": end}
    reply = upload.finish(description="d", tags=["a"], metadata='{"x":"NaN"}',
                          contentType="image/png")  # fmt: skip
    assert reply.status_code == 200, reply.text
    assert downloaded(client, reply) == CONTENT
    single = send_file(client, opened, CONTENT, "single.bin").json()
    assert reply.json()["physicalFile"].keys() == single["physicalFile"].keys()
    assert reply.json()["node"].keys() == single["node"].keys()
    node = reply.json()["node"]
    assert (node["description"], node["tags"], node["metadata"]) == ("d", ["a"], {"x": "NaN"})
    assert node["physicalFile"]["contentType"] == "image/png"
    assert upload.offset() == 0


def test_a_piece_that_breaks_off_is_kept(live: Live) -> None:
    """What was written of it need not be sent again, and it may be sent again."""
    token = live.token("alice")
    run = experiment_of(live.client(token))
    upload, other = (Upload(live.client(token), run) for _ in range(2))
    content = CONTENT * 100

    def broken() -> Any:
        yield content[: 2 << 20]
        while other.offset() < 1 << 20:
            pass  # each look is a request
        raise RuntimeError

    with pytest.raises(RuntimeError):
        upload.piece(broken(), 0, len(content))
    at = other.offset()
    assert 1 << 20 <= at <= 2 << 20
    reply = other.piece(content[at - 5000 :], at - 5000, len(content))
    assert reply.json() == {"offset": len(content)}
    assert downloaded(other.client, other.finish(content)) == content


def test_the_end_of_an_upload_is_known_by_its_key(live_on_both: Live) -> None:
    """A repeat gets the first answer, though nothing of the pieces is left."""
    client = live_on_both.as_user("alice")
    upload = Upload(client, experiment_of(client))
    upload.piece(CONTENT, 0)
    first = upload.finish(key="file-1")
    again = upload.finish(key="file-1")
    assert again.json() == first.json()
    assert again.headers["idempotency-key"] == "file-1"
    assert refused(upload.finish(key="file-2")) == 409


def test_what_is_not_what_was_announced_is_gone(alice: httpx.Client) -> None:
    """Nothing refers to it, no byte of it is kept, and it can be sent anew."""
    upload = Upload(alice, experiment_of(alice))
    upload.piece(b"x" + CONTENT[1:], 0)
    reply = upload.finish()
    assert refused(reply) == 422
    assert reply.json()["error"] == "checksum-mismatch"
    assert upload.offset() == 0
    upload.piece(CONTENT, 0)
    assert downloaded(alice, upload.finish()) == CONTENT


def test_an_upload_belongs_to_who_began_it(live: Live, alice: httpx.Client) -> None:
    """Another writer of the namespace sees nothing of it, and cannot end, lengthen or spoil it."""
    run = experiment_of(alice)
    live.member("alice", "bob", "writer")
    upload, other = Upload(alice, run), Upload(live.as_user("bob", "writer"), run)
    upload.piece(CONTENT[:100], 0)
    assert other.offset() == 0
    assert refused(other.piece(b"x", 100)) == 409
    assert other.finish(CONTENT[:100]).json()["details"] == {"offset": 0}
    other.piece(b"spoilt", 0)
    assert upload.offset() == 100
    upload.piece(CONTENT[100:], 100)
    assert downloaded(alice, upload.finish()) == CONTENT


def test_who_may_not_write_sends_nothing(live: Live, alice: httpx.Client) -> None:
    """Strangers find no run, readers are refused, and nothing is stored; each run has its own."""
    run, second = experiment_of(alice), experiment_of(alice, "alice/vision/run-2")
    live.member("alice", "bob", "reader")
    Upload(alice, run).piece(CONTENT[:100], 0)
    assert Upload(alice, second).offset() == 0
    clients = [(live.as_user("carol"), 404), (live.as_user("bob"), 403), (live.client(None), 401)]
    with live.nothing_stored():
        for client, status in clients:
            upload = Upload(client, run)
            assert upload.client.head(upload.path).status_code == status
            assert refused(upload.piece(CONTENT, 0)) == status
            assert refused(upload.finish()) == status


@pytest.mark.parametrize(
    ("offset", "length", "content", "status"),
    [
        ("101", "200", b"x", 409), ("-1", "200", b"x", 422), ("x", "200", b"x", 422),
        ("1e2", "200", b"x", 422), ("9" * 30, "200", b"x", 422), ("100", "0", b"x", 422),
        ("100", "-5", b"x", 422), ("100", "50001", b"x", 413), ("100", "9" * 18, b"x", 413),
        ("100", "110", b"x" * 11, 413), ("", "200", b"x", 422), (str(2**62), "200", b"x", 409),
    ],
)  # fmt: skip
def test_hostile_offsets(
    small: Live, offset: str, length: str, content: bytes, status: int
) -> None:
    """Holes, negative and huge numbers, more than announced: refused, and no byte is kept."""
    client = small.as_user("alice")
    upload = Upload(client, experiment_of(client, "alice/pieces/hostile"))
    upload.piece(b"y" * 100, 0, 200)
    with small.nothing_stored():
        headers = {"upload-offset": offset, "upload-length": length}
        reply = client.patch(upload.path, content=content, headers=headers)
        assert refused(reply) == status
    assert upload.offset() == 100


def test_hostile_uploads(small: Live) -> None:
    """Names that lead elsewhere, other kinds of bodies, missing headers, bad facts."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/pieces/odd")
    upload = Upload(client, run)
    upload.piece(b"y" * 100, 0, 200)
    with small.nothing_stored():
        names = ("x", "..%2F..%2Fx", "A" * 64, "0" * 31, "0" * 65, "%00" * 40, "0" * 32 + "%0A")
        for name in names:
            odd = Upload(client, run, name)
            assert client.head(odd.path).status_code in (404, 422)
            assert refused(odd.piece(b"x", 0, 10)) in (404, 422)
            assert refused(odd.finish()) in (404, 422)
        assert refused(upload.piece(b"x", 100, 200, **{"content-type": "text/html"})) == 415
        assert refused(upload.piece(b"x", 100, 200, **{"content-encoding": "br"})) == 415
        assert refused(upload.piece(b"no gzip", 100, 200, **{"content-encoding": "gzip"})) == 400
        assert refused(client.patch(upload.path, content=b"x")) == 422
        whole = b"y" * 100
        for facts, status in (
            ({"name": "../x"}, 422), ({"name": ""}, 422), ({"name": "n" * 501}, 422),
            ({"checksum": "x"}, 422), ({"size": 0}, 422), ({"size": -1}, 422), ({"size": 99}, 409),
            ({"size": "100"}, 422), ({"size": 2**70}, 422), ({"parentId": "1"}, 422),
            ({"parentId": "../.."}, 422), ({"metadata": "["}, 422), ({"tags": "a"}, 422),
            ({"tags": list(map(str, range(1001)))}, 413),
        ):  # fmt: skip
            assert refused(upload.finish(whole, **facts)) == status, facts
    assert upload.finish(whole).status_code == 200


def test_nobody_has_too_many_unfinished(small: Live) -> None:
    """The next one is refused, others' are not counted, and there is room when one is whole."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/pieces/many")
    uploads = [Upload(client, run, f"{number:032x}") for number in range(MOST_AT_ONCE + 1)]
    begun = [each for each in uploads if each.piece(b"abc", 0, 3).status_code == 200]
    assert 0 < len(begun) <= MOST_AT_ONCE
    assert refused(uploads[-1].piece(b"abc", 0, 3)) == 413
    small.member("alice", "bob", "writer")
    assert Upload(small.as_user("bob", "writer"), run).piece(b"abc", 0, 3).status_code == 200
    assert begun[0].finish(b"abc").status_code == 200
    assert uploads[-1].piece(b"abc", 0, 3).status_code == 200
    for each in (*begun[1:], uploads[-1]):
        assert each.finish(b"abc").status_code == 200


def test_eight_clients_send_the_same_file_at_once(live_on_both: Live) -> None:
    """Each begins, goes on where the others are, and ends it: one file, with the right bytes."""
    token = live_on_both.token("alice")
    run = experiment_of(live_on_both.client(token))

    def send(_: int) -> bytes:
        upload = Upload(live_on_both.client(token), run)
        while True:
            reply = upload.finish(key="file-1")
            if reply.status_code == 200:
                return downloaded(upload.client, reply)
            assert reply.status_code in (409, 503), reply.text
            at = upload.offset()
            upload.piece(CONTENT[at : at + 5000], at)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(8))) == {CONTENT}
    found = live_on_both.client(token).get("/api/search/files", params={"pattern": "**"}).json()
    assert len(found["files"]) == 1


def test_who_still_writes_cannot_spoil_what_is_stored(live: Live, alice: httpx.Client) -> None:
    """A file is not ended while a piece of it is on its way, and a late piece is another file's."""
    run = experiment_of(alice)
    upload = Upload(alice, run)
    upload.piece(CONTENT, 0)
    parts = Parts.open(live.settings)
    try:
        found = parts.blobs.place.incoming.glob("partial-*")
        path = max(found, key=lambda each: each.stat().st_mtime_ns)
        owner = int(path.name.split("-")[1])
        name = f"{run.rpartition('/')[2]}/{NAME}"
        with parts.partials.writing(owner, name, 0) as piece:
            assert upload.finish().status_code == 503
            piece.write(CONTENT[:1])
        reply = upload.finish()
        assert reply.status_code == 200
        with parts.partials.writing(owner, name, 0) as piece:
            piece.write(b"spoilt")
        assert downloaded(alice, reply) == CONTENT
    finally:
        parts.close()


def test_what_nobody_goes_on_with_is_swept(live: Live, alice: httpx.Client) -> None:
    """By the collection that sweeps what other uploads leave; what is younger stays."""
    run = experiment_of(alice)
    old, new = Upload(alice, run), Upload(alice, run, "f" * 64)
    old.piece(CONTENT[:100], 0)
    parts = Parts.open(live.settings)
    try:
        for each in parts.blobs.place.incoming.iterdir():
            os.utime(each, (0, 0))
        new.piece(CONTENT[:50], 0)
        assert 50 in Partials(parts.blobs.place).unfinished()
        assert collect(parts.blobs, lambda _: ()).left_behind >= 1
    finally:
        parts.close()
    assert (old.offset(), new.offset()) == (0, 50)
    assert refused(old.piece(CONTENT[100:], 100)) == 409
