"""Bodies in gzip: taken from those who send them, within the limits; sent to those who ask."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, experiment_of, run_of, running

PACKED = {"content-type": "application/json", "content-encoding": "gzip"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with low limits."""
    settings = ServerSettings(
        data=tmp_path_factory.mktemp("data"), body_max_bytes=1_000_000, file_max_bytes=1_000_000
    )
    with running(settings) as made:
        yield made


def lines(count: int) -> bytes:
    """Return the body of a request with log lines."""
    return orjson.dumps({"logs": [{"message": f"line {n}"} for n in range(count)]})


def form(run: dict[str, Any], content: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the body of an upload as it is, and its headers."""
    fields = {"type": "FILE", "experimentId": run["experiment"]["id"], "name": "x",
              "checksum": hashlib.sha256(content).hexdigest()}  # fmt: skip
    request = httpx.Request("POST", "http://h/", data=fields, files={"file": ("x", content)})
    return request.read(), {"content-type": request.headers["content-type"]}


@pytest.mark.parametrize("members", [1, 2])
def test_a_body_in_gzip_is_taken(small: Live, members: int) -> None:
    """Whole, and in members as `gzip` concatenates them; and every answer says so."""
    client = small.as_user("alice")
    run = experiment_of(client, f"alice/gzip/{members}")
    body = lines(5000)
    cut = len(body) if members == 1 else 1000
    packed = gzip.compress(body[:cut]) + (gzip.compress(body[cut:]) if members == 2 else b"")
    reply = client.post(f"{run}/logs", content=packed, headers=PACKED)
    assert (reply.status_code, reply.json()["created"]) == (200, 5000)
    for answer in (reply, client.get("/api/nodes/1"), client.get("/health")):
        assert answer.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "packed",
    [b"", b"no gzip", gzip.compress(lines(100))[:-9], gzip.compress(lines(1)) + b"\x01\x02",
     gzip.compress(b"{")],
    ids=["empty", "none", "cut", "more", "no JSON"],
)  # fmt: skip
def test_a_broken_one_is_refused(small: Live, packed: bytes) -> None:
    """With a reason, and nothing is stored."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/gzip/broken")
    reply = client.post(f"{run}/logs", content=packed, headers=PACKED)
    assert (reply.status_code, reply.json()["error"]) == (400, "bad-request")
    assert client.get(f"{run}/logs").json()["total"] == 0


def test_bombs_end_at_the_limit(small: Live) -> None:
    """A body and a file of 500 MB each, which are 500 kB as they are sent: 413 at the first MB."""
    client = small.as_user("alice")
    run = run_of(client, "alice/gzip/bomb")
    path = f"/api/experiments/{run['experiment']['id']}"
    bomb = gzip.compress(bytes(500_000_000), 1)
    reply = client.post(f"{path}/logs", content=bomb, headers=PACKED)
    assert (reply.status_code, reply.json()["error"]) == (413, "too-large")
    body, headers = form(run, b"@")
    before, after = body.split(b"@")
    packed = gzip.compress(before) + bomb + gzip.compress(after)
    reply = client.post("/api/namespaces/alice/nodes", content=packed,
                        headers={**headers, "content-encoding": "gzip"})  # fmt: skip
    assert (reply.status_code, reply.json()["error"]) == (413, "too-large")
    assert client.get(f"{path}/logs").json()["total"] == 0
    assert not [each for each in (small.settings.data / "incoming").rglob("*") if each.is_file()]


def test_a_file_in_gzip_is_stored_as_it_was(small: Live) -> None:
    """What is compressed is the request, not the file."""
    client = small.as_user("alice")
    run, content = run_of(client, "alice/gzip/file"), bytes(range(256)) * 1000
    body, headers = form(run, content)
    reply = client.post("/api/namespaces/alice/nodes", content=gzip.compress(body),
                        headers={**headers, "content-encoding": "gzip"})  # fmt: skip
    assert reply.status_code == 200, reply.text
    got = client.get(f"/api/nodes/{reply.json()['node']['id']}/download")
    assert got.content == content


def test_answers_are_packed_for_those_who_ask(small: Live) -> None:
    """Not for others, not small ones, and never the bytes of files."""
    client = small.as_user("alice")
    run = run_of(client, "alice/gzip/answers")
    path = f"/api/experiments/{run['experiment']['id']}/logs"
    client.post(path, content=gzip.compress(lines(500)), headers=PACKED).raise_for_status()
    packed = client.get(path)
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert "content-encoding" not in client.get("/api/me").headers
    body, headers = form(run, b"x" * 5000)
    node = client.post("/api/namespaces/alice/nodes", content=body, headers=headers).json()["node"]
    got = client.get(f"/api/nodes/{node['id']}/download")
    assert "content-encoding" not in got.headers
    assert got.headers["content-length"] == "5000"
