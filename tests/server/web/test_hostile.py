"""Whatever is sent: a 4xx with a JSON body that says why, no trace, nothing stored."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, experiment_of, running

JSON = {"content-type": "application/json"}
DEEP = 3000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with low limits."""
    settings = ServerSettings(
        data=tmp_path_factory.mktemp("data"), body_max_bytes=100_000, file_max_bytes=50_000,
        batch_max=100, page_max=50,
    )  # fmt: skip
    with running(settings) as made:
        yield made


def refused(reply: httpx.Response) -> int:
    """Return the status of an answer that is a reasoned refusal."""
    found = reply.json()
    assert 400 <= reply.status_code < 500, found
    assert found["error"]
    assert found["message"]
    assert found["requestId"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    return reply.status_code


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[1]", 422), (b"null", 422), (b'{"data": 5}', 422),
        (b'{"data": {"a": NaN}}', 200), (b'{"data": {"a": "\\ud800"}}', 200),
        (b'{"data": {"\xff": 1}}', 400), (b'{"data": ' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
        (b'{"data": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", 400),
        (b'{"data": {"a": ' + b'{"b":' * 80 + b"1" + b"}" * 80 + b"}}", 400),
        (b'{"data": {"a": 1e999}}', 200), (b'{"data": {"a": ' + b"9" * 5000 + b"}}", 400),
        (b'{"data": {"' + b"k" * 200_000 + b'": 1}}', 413), (b"\x00" * 10, 400),
    ],
)  # fmt: skip
def test_bodies_of_every_kind(small: Live, body: bytes, status: int) -> None:
    """Parameters take any value that can be kept, and nothing else."""
    client = small.as_user("alice")
    run = experiment_of(client, f"alice/bodies/{hash(body)}")
    reply = client.post(f"{run}/parameters", content=body, headers=JSON)
    assert reply.status_code == status, reply.text
    if status != 200:
        refused(reply)
        assert client.get(f"{run}/parameters").status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/logs", {}), ("/logs", {"logs": []}), ("/logs", {"logs": "x"}), ("/logs", {"logs": [1]}),
        ("/logs", {"logs": [{"message": "m", "metadata": []}]}),
        ("/logs", {"logs": [{"message": "m"}] * 101}), ("/parameters", {"data": []}),
        ("/metrics/m/append", {"data": [1]}), ("/metrics/m/append-batch", {"dataPoints": [[]]}),
        ("/metrics/m/append-batch", {"dataPoints": [{}], "tags": "x"}),
        ("/metrics/m%00/append", {"data": {}}), ("/metrics/..%2Fm/append", {"data": {}}),
        (f"/metrics/{'m' * 600}/append", {"data": {}}),
        ("/tracks/t/append_batch", {"entries": [{"a": 1}]}),
        ("/tracks/t/append_batch", {"entries": [{"timestamp": "1"}]}),
        ("/tracks/t/append_batch", {"entries": [{"timestamp": True}]}),
        ("/tracks/t/append_batch", {"entries": [{"timestamp": 10**400}]}),
        ("/tracks", {"topic": ""}), ("/report", {"streams": {}}),
    ],
)  # fmt: skip
def test_records_of_the_wrong_kind(small: Live, path: str, body: object) -> None:
    """Nothing of such a request is stored."""
    client = small.as_user("alice")
    run = experiment_of(client, f"alice/kinds/{abs(hash((path, str(body))))}")
    assert refused(client.post(f"{run}{path}", json=body)) in (404, 405, 413, 422)
    assert client.get(f"{run}/logs").json()["total"] == 0
    assert client.get(f"{run}/metrics").json() == {"metrics": []}
    assert client.get(f"{run}/tracks").json() == {"tracks": []}


@pytest.mark.parametrize(
    "path",
    [
        "/api/experiments/0", "/api/experiments/-1", "/api/experiments/1e3", "/api/nodes/%00",
        "/api/experiments/99999999999999999999999999", "/api/nodes/%F0%28%8C%28", "/api/nodes/ROOT",
        "/api/experiments/٣", "/api/nodes/1%27%20OR%201=1--", "/api//experiments/1",
        "/api/nodes/../../etc/passwd", "/nothing", "/api/search/files?pattern=",
        "/api/search/files?pattern=" + "*" * 600 + "&experimentId=1", "/graphql",
        "/api/namespaces/alice/nodes",
    ],
)  # fmt: skip
def test_paths_of_every_kind(small: Live, path: str) -> None:
    """Ids that are none, of nobody, or attempts at something else."""
    assert refused(small.as_user("alice").get(path)) in (404, 405, 422)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "offset=-1", f"offset={10**30}", "order=up",
     "orderBy=message;drop", "startTime=%00", "level=%00&search=%00&limit=1"],
)  # fmt: skip
def test_queries_of_every_kind(small: Live, query: str) -> None:
    """What is out of range is refused; NUL in a filter finds nothing at worst."""
    client = small.as_user("alice")
    reply = client.get(experiment_of(client, "alice/queries/r") + f"/logs?{query}")
    assert reply.status_code == 200 if "level" in query else refused(reply) == 422


def test_bodies_that_are_no_json_by_their_type(small: Live) -> None:
    """Also those that are compressed in a way that is not taken."""
    client = small.as_user("alice")
    path = experiment_of(client, "alice/types/r") + "/logs"
    for headers in ({"content-type": "text/plain"}, {**JSON, "content-encoding": "br"}):
        assert refused(client.post(path, content=b"{}", headers=headers)) == 415


def test_a_file_that_is_too_large_is_not_stored(small: Live) -> None:
    """The upload ends at the limit."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/large/r").rpartition("/")[2]
    form = {"type": "FILE", "experimentId": run, "name": "x"}
    reply = client.post("/api/namespaces/alice/nodes", data=form, files={"file": b"x" * 60_000})
    assert refused(reply) == 413
    stored = (small.settings.data / "files").rglob("*")
    assert not [each for each in stored if each.is_file() and each.stat().st_size > 50_000]


def test_a_lying_content_length_is_refused(small: Live) -> None:
    """The body ends before it should: nothing is stored."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/lying/r")
    token = client.headers["authorization"]
    where = urlsplit(small.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        head = (f"POST {run}/parameters HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n"
                "content-type: application/json\r\ncontent-length: 500\r\n\r\n")  # fmt: skip
        connection.sendall(head.encode() + b'{"data": {"a": 1}}')
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert client.get(f"{run}/parameters").status_code == 404


def test_headers_cannot_be_written_from_outside(small: Live) -> None:
    """A request id or a media type with line ends is not passed on."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/headers/r").rpartition("/")[2]
    form = {"type": "FILE", "experimentId": run, "name": 'a"b\u2028.txt'}
    part = {"file": ("x", b"abc", "text/html; charset=\x07bad")}
    reply = client.post("/api/namespaces/alice/nodes", data=form, files=part)
    node = reply.json()["node"]["id"]
    got = client.get(f"/api/nodes/{node}/download", headers={"x-request-id": "a b"})
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["x-request-id"] != "a b"


def test_a_token_that_sends_too_much_is_told_when_to_go_on(tmp_path: Path) -> None:
    """429 with Retry-After, for this token only."""
    settings = dataclasses.replace(ServerSettings(), data=tmp_path, rate_per_s=0.2)
    with running(settings) as live:
        alice, bob = live.as_user("alice"), live.as_user("bob")
        assert alice.get("/api/me").status_code == 200
        reply = alice.get("/api/me")
        assert refused(reply) == 429
        assert 1 <= int(reply.headers["retry-after"]) <= 6
        assert bob.get("/api/me").status_code == 200
