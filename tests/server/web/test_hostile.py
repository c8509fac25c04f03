"""Whatever is sent: a 4xx with a JSON body that says why, no trace, nothing stored."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import device_logins
from tests.server.live import Live, experiment_of, run_of, running
from tests.server.web.test_tree import send_file

JSON = {"content-type": "application/json"}
DEEP = 3000
ENTRIES = {"entries": [{"timestamp": 1}]}


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
    if status == 200:
        client.post(f"{run}/parameters", content=body, headers=JSON).raise_for_status()
        return
    with small.nothing_stored():
        reply = client.post(f"{run}/parameters", content=body, headers=JSON)
        assert refused(reply) == status, reply.text


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
        ("/tracks/t/append", {"timestamp": 1}), ("/tracks/a%2F..%2Fb/append_batch", ENTRIES),
        ("/tracks/t%0A/append_batch", ENTRIES), (f"/tracks/{'t' * 501}/append_batch", ENTRIES),
        ("/tracks", {"topic": ""}), ("/tracks", {"topic": "../x"}), ("/tracks", {"topic": 5}),
        ("/report", {"streams": {}}), ("/bundle", {}), ("/nothing", {}),
    ],
)  # fmt: skip
def test_records_of_the_wrong_kind(small: Live, path: str, body: object) -> None:
    """Nothing of such a request is stored."""
    client = small.as_user("alice")
    run = experiment_of(client, f"alice/kinds/{abs(hash((path, str(body))))}")
    for headers in ({}, {"idempotency-key": "r/s/0-0"}):
        with small.nothing_stored():
            reply = client.post(f"{run}{path}", json=body, headers=headers)
            assert refused(reply) in (404, 405, 413, 415, 422)


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
    client = small.as_user("alice")
    with small.nothing_stored():
        for method in ("GET", "PATCH", "DELETE", "PUT", "POST"):
            if (method, path) == ("POST", "/graphql"):
                continue
            body = {"json": {"status": "FAILED"}} if method in ("PATCH", "POST", "PUT") else {}
            assert refused(client.request(method, path, **body)) in (404, 405, 422)


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


NODES = "/api/namespaces/alice/nodes"
PROJECT = {"type": "PROJECT", "name": "x", "slug": "x"}
FOLDER = {"type": "FOLDER", "parentId": "ROOT", "projectSlug": "p"}
RUN = {"type": "EXPERIMENT", "parentId": "ROOT", "projectSlug": "p"}


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"type": "FILE"}, {"type": "DROP"}, {"type": "PROJECT"}, {"type": 1, "name": "x"},
        {**RUN}, {**RUN, "name": 5}, {**RUN, "name": ""}, {**RUN, "name": "a/b"},
        {**RUN, "name": "../x"}, {**RUN, "name": ".."}, {**RUN, "name": "x" * 501},
        {**RUN, "name": "a\nb"}, {**RUN, "name": "a\0"}, {**RUN, "name": "x", "tags": "t"},
        {**RUN, "name": "x", "tags": [1]}, {**RUN, "name": "x", "tags": ["t"] * 50_000},
        {**RUN, "name": "x", "metadata": []}, {**RUN, "name": "x", "metadata": "{}"},
        {**RUN, "name": "x", "writeProtected": "yes"}, {**RUN, "name": "x", "parentId": "1"},
        {**RUN, "name": "x", "parentId": "ROOT; DROP TABLE nodes"},
        {**RUN, "name": "x", "projectSlug": "../p"}, {**RUN, "name": "x", "projectSlug": "a\rb"},
        {**RUN, "name": "x", "projectSlug": None}, {**RUN, "name": "x", "projectId": "12345"},
        {**RUN, "name": "x", "projectId": "1 OR 1=1"}, {**FOLDER, "name": "a/../b"},
        {**FOLDER, "name": "x", "parentId": "99"}, {**FOLDER, "name": "\\", "projectSlug": ".."},
        {**FOLDER, "name": "x", "experimentId": "99"}, {**PROJECT, "slug": "a/b"},
        {**PROJECT, "slug": "."}, {**PROJECT, "description": 1}, {**PROJECT, "name": "x" * 200_000},
        {**RUN, "name": "x", "description": "d" * 100_001},
    ],
)  # fmt: skip
def test_things_that_cannot_be_made(small: Live, body: object) -> None:
    """Wrong kinds, names that step out, parents of nobody; no project is left behind either."""
    client = small.as_user("alice")
    with small.nothing_stored():
        assert refused(client.post(NODES, json=body)) in (404, 413, 422)


@pytest.mark.parametrize(
    "namespace", ["..", "%2e%2e%2f", "a%2Fb", "bob", "x' OR '1'='1", "%00", "a" * 300, "%0d%0aX:1"]
)
def test_namespaces_of_nobody(small: Live, namespace: str) -> None:
    """Also an administrator, who makes them by naming them, makes none of an odd name."""
    clients = [small.as_user("alice")]
    clients += [small.client(small.token("root", admin=True))] if namespace != "bob" else []
    for client in clients:
        with small.nothing_stored():
            reply = client.post(f"/api/namespaces/{namespace}/nodes", json=PROJECT)
            assert refused(reply) in (404, 405)


@pytest.mark.parametrize(
    "body",
    [{"status": "DONE"}, {"status": 1}, {"tags": "x"}, {"tags": [None]}, {"metadata": "x"},
     {"description": ["x"]}, [], {"description": "d" * 100_001}],
)  # fmt: skip
def test_changes_that_cannot_be_made(small: Live, body: object) -> None:
    """Of a run, and of a file."""
    client = small.as_user("alice")
    run = run_of(client, "alice/changes/r")
    file = send_file(client, run, b"abc").json()["node"]["id"]
    with small.nothing_stored():
        for node in (run["node"]["id"], file):
            assert refused(client.patch(f"/api/nodes/{node}", json=body)) in (413, 422)
        assert refused(client.patch(f"/api/nodes/{file}", json={"status": "FAILED"})) == 422
        assert refused(client.delete(f"/api/nodes/{run['node']['id']}")) == 422


def form_of(*parts: tuple[str, bytes]) -> bytes:
    """Return a form as it is sent, of headers and contents."""
    body = b"".join(
        b"--b\r\ncontent-disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )  # fmt: skip
    return body + b"--b--\r\n"


FILE = ('name="file"; filename="x"', b"abc")
NAME = ('name="name"', b"x")


@pytest.mark.parametrize(
    ("fields", "content", "status"),
    [
        ({}, b"x" * 60_000, 413), ({"description": "d" * 5_000_000}, b"abc", 413),
        ({"checksum": "0" * 64}, b"abc", 422), ({"checksum": "xyz"}, b"abc", 422),
        ({"checksum": "A" * 64}, b"abc", 422), ({"checksum": "../../etc/passwd"}, b"abc", 422),
        ({"metadata": "{"}, b"abc", 422), ({"metadata": "[]"}, b"abc", 422),
        ({"metadata": "[" * 5000}, b"abc", 422), ({"name": "../x"}, b"abc", 422),
        ({"name": "a/../../x"}, b"abc", 422), ({"name": "a\\..\\x"}, b"abc", 422),
        ({"name": "/../x"}, b"abc", 422), ({"name": "a\0b"}, b"abc", 422),
        ({"name": "a\r\nset-cookie: x"}, b"abc", 422), ({"name": "n" * 501}, b"abc", 413),
        ({"name": ""}, b"abc", 422), ({"experimentId": "1"}, b"abc", 404),
        ({"experimentId": "1' OR '1'='1"}, b"abc", 404), ({"experimentId": ""}, b"abc", 422),
        ({"parentId": "1"}, b"abc", 422), ({"parentId": "../.."}, b"abc", 422),
        ({"type": "PROJECT"}, b"abc", 422),
        ({"tags": ",".join(map(str, range(1001)))}, b"abc", 413),
    ],
)  # fmt: skip
def test_files_that_are_not_taken(
    small: Live, fields: dict[str, str], content: bytes, status: int
) -> None:
    """Too large, of another checksum, under a name that steps out: no row and no byte is left."""
    client = small.as_user("alice")
    run = run_of(client, "alice/files/r")
    with small.nothing_stored():
        assert refused(send_file(client, run, content, **fields)) == status


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--b--\r\n", b"\xff\x00", form_of(FILE)[:-9], form_of(NAME), form_of(FILE),
        form_of(FILE, FILE, NAME), form_of(("name=file; filename=" + "f" * 70_000, b"abc")),
        b"--b\r\n" + b"x: y\r\n" * 5000 + b"\r\n--b--", b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n",
        form_of(('name="\udcff"'.encode("utf-8", "surrogateescape").decode("latin-1"), b"x")),
        form_of(*[(f'name="f{n}"', b"x" * 1000) for n in range(5000)]),
    ],
    ids=["empty", "no part", "no form", "cut", "no file", "no name", "two files", "a long header",
         "many headers", "no header", "a name that is no text", "many fields"],
)  # fmt: skip
def test_forms_that_are_none(small: Live, body: bytes) -> None:
    """Broken, endless, without what they need."""
    client = small.as_user("alice")
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    with small.nothing_stored():
        assert refused(client.post(NODES, content=body, headers=boundary)) in (400, 413, 422)
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain"):
            reply = client.post(NODES, content=body, headers={"content-type": kind})
            assert refused(reply) in (400, 415)


def spoken(live: Live, *sent: bytes, ends: bool = False) -> bytes:
    """Return what the server answers to bytes, until it closes the connection.

    Args:
        live: The server.
        sent: The bytes.
        ends: Whether the sender closes its side.
    """
    where = urlsplit(live.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        for each in sent:
            connection.sendall(each)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def head_of(client: httpx.Client, path: str, *headers: str) -> bytes:
    """Return the head of a request with headers of one's own."""
    own = [f"POST {path} HTTP/1.1", "host: x", f"authorization: {client.headers['authorization']}",
           "connection: close", "content-type: application/json", *headers]  # fmt: skip
    return "".join(f"{line}\r\n" for line in own).encode("latin-1") + b"\r\n"


def told(answer: bytes) -> tuple[int, dict[str, object]]:
    """Return status and body of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    found = json.loads(body)
    assert found["error"]
    assert found["message"]
    return int(head.split()[1]), found


BODY = b'{"data": {"a": 1}}'


@pytest.mark.parametrize(
    "headers",
    [
        ("content-length: -1",), ("content-length: x",), ("content-length: 18, 19",),
        ("content-length: 18", "content-length: 19"), ("content-length: " + "9" * 5000,),
        ("transfer-encoding: gzip",), ("transfer-encoding: chunked", "transfer-encoding: chunked"),
        ("x: " + "y" * 100_000,), ("x y: z",), ("x: \x00",), ("no colon",),
        ("content-length: 18", "x: \x0b"),
    ],
)  # fmt: skip
def test_heads_that_are_no_http(small: Live, headers: tuple[str, ...]) -> None:
    """In JSON, as every other refusal, though no request can be made out."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/http/r")
    with small.nothing_stored():
        answer = spoken(small, head_of(client, f"{run}/parameters", *headers))
        assert told(answer)[0] in (400, 431)


def test_a_chunk_that_is_none_stores_nothing(small: Live) -> None:
    """It is seen when the request has begun already."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/http/r")
    head = head_of(client, f"{run}/parameters", "transfer-encoding: chunked")
    with small.nothing_stored():
        spoken(small, head, b"5\r\n{\"dat\r\nXYZ\r\n")


def test_a_body_that_is_shorter_than_it_says_stores_nothing(
    small: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender closes the connection, or falls silent: then it is told so after a while."""
    monkeypatch.setattr("ml_dash.server.web.incoming.SILENCE_S", 0.2)
    client = small.as_user("alice")
    run = experiment_of(client, "alice/lying/r")
    head = head_of(client, f"{run}/parameters", "content-length: 500")
    form = {"content-type": "multipart/form-data; boundary=b"}
    upload = head_of(client, NODES, "content-length: 50000").replace(
        b"application/json", form["content-type"].encode()
    )
    with small.nothing_stored():
        spoken(small, head, BODY, ends=True)
        status, found = told(spoken(small, head, BODY))
        assert (status, found["error"]) == (408, "request-timeout")
        assert told(spoken(small, upload, form_of(NAME, FILE)[:-20]))[0] == 408


def test_a_body_that_is_longer_than_it_says_is_cut_there(small: Live) -> None:
    """What follows is no part of the request, and no request either."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/lying/long")
    head = head_of(client, f"{run}/parameters", "content-length: 10")
    with small.nothing_stored():
        answer = spoken(small, head, BODY)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"is no JSON" in answer


def test_sql_in_a_value_is_a_value(small: Live) -> None:
    """It is stored as it was sent, and found again."""
    client = small.as_user("alice")
    text = "x'); DROP TABLE experiments; --"
    run = run_of(client, f"alice/{text}/{text}")
    path = f"/api/experiments/{run['experiment']['id']}"
    client.post(f"{path}/logs", json={"logs": [{"message": text, "level": "x' OR 1=1"}]})
    client.post(f"{path}/parameters", json={"data": {text: text}}).raise_for_status()
    name = quote(text, safe="")
    client.post(f"{path}/metrics/{name}/append", json={"data": {text: 1}}).raise_for_status()
    assert client.get(path).json()["name"] == text
    assert client.get(f"{path}/metrics/{name}/stats").json()["keys"][text]["count"] == 1
    assert client.get(f"{path}/logs", params={"search": "' OR '1'='1"}).json()["total"] == 0
    assert client.get(f"{path}/logs", params={"level": "x' OR 1=1"}).json()["total"] == 1
    assert client.get(f"{path}/logs", params={"search": "%"}).json()["total"] == 0
    body = {"query": "query($p:String!){searchExperiments(pattern:$p){name}}",
            "variables": {"p": "alice/x' OR '1'='1/*"}}  # fmt: skip
    assert client.post("/graphql", json=body).json()["data"]["searchExperiments"] == []


@pytest.mark.parametrize(
    "token",
    [
        "x", "mldash_", "mldash_" + "a" * 43, "a.b.c", "..", "a" * 10_000, "' OR '1'='1",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.x",
    ],
)  # fmt: skip
def test_a_token_that_is_none_stores_nothing(small: Live, token: str) -> None:
    """On every path that writes; unsigned ones, too, on a server that takes no signed ones."""
    alice = small.as_user("alice")
    run = run_of(alice, "alice/tokens/r")
    expired = small.token("alice", life_ms=-1)
    with small.nothing_stored():
        for each in (token, expired):
            client = small.client(None)
            client.headers["authorization"] = f"Bearer {each}"
            for method, path, body in writes(run):
                assert refused(client.request(method, path, json=body)) == 401
            assert refused(send_file(client, run, b"abc")) == 401
            assert refused(client.post("/graphql", json={"query": "{me{id}}"})) == 401
            assert refused(client.post("/api/auth/exchange")) == 401


def writes(run: dict[str, Any]) -> list[tuple[str, str, object]]:
    """Return a request to everything that writes to a run."""
    path = f"/api/experiments/{run['experiment']['id']}"
    node, project = run["node"]["id"], run["project"]["id"]
    inside = {"type": "FOLDER", "projectId": project, "parentId": node, "name": "x"}
    return [
        ("POST", f"{path}/logs", {"logs": [{"message": "m"}]}),
        ("POST", f"{path}/parameters", {"data": {"a": 1}}),
        ("POST", f"{path}/metrics/m/append", {"data": {"a": 1}}),
        ("POST", f"{path}/metrics/m/append-batch", {"dataPoints": [{"a": 1}]}),
        ("POST", f"{path}/tracks", {"topic": "t"}),
        ("POST", f"{path}/tracks/t/append", {"timestamp": 1, "data": {}}),
        ("POST", f"{path}/tracks/t/append_batch", ENTRIES),
        ("POST", f"{path}/heartbeat", None), ("PUT", f"{path}/report", {"streams": {}}),
        ("PATCH", f"/api/nodes/{node}", {"status": "FAILED"}),
        ("DELETE", f"/api/nodes/{node}", None), ("DELETE", f"/api/projects/{project}", None),
        ("POST", NODES, PROJECT),
        ("POST", NODES, {**RUN, "name": "r", "projectId": project}), ("POST", NODES, inside),
        ("POST", "/api/namespaces/mallory/nodes", inside),
    ]  # fmt: skip


def test_what_is_somebody_elses_is_not_written_to(small: Live) -> None:
    """By every path that writes, under a key and without one: 404, as if it did not exist."""
    alice, mallory = small.as_user("alice"), small.as_user("mallory")
    run = run_of(alice, "alice/others/r")
    file = send_file(alice, run, b"abc").json()["node"]["id"]
    with small.nothing_stored():
        for method, path, body in [
            *writes(run), ("DELETE", f"/api/nodes/{file}", None),
            ("PATCH", f"/api/nodes/{file}", {"description": "x"}),
        ]:  # fmt: skip
            for headers in ({}, {"idempotency-key": "r/s/0-0"}):
                reply = mallory.request(method, path, json=body, headers=headers)
                assert refused(reply) == 404, path
        assert refused(send_file(mallory, run, b"abc")) == 404
        bundle = b'{"kind":"logs"}\n{"logs":[{"message":"m"}]}\n'
        path = f"/api/experiments/{run['experiment']['id']}/bundle"
        kind = {"content-type": "application/x-ndjson"}
        assert refused(mallory.post(path, content=bundle, headers=kind)) == 404


def test_a_file_of_ones_own_cannot_go_to_somebody_else(small: Live) -> None:
    """Neither by the parent nor by the project of another."""
    alice, mallory = small.as_user("alice"), small.as_user("mallory")
    theirs, own = run_of(alice, "alice/others/r"), run_of(mallory, "mallory/p/r")
    with small.nothing_stored():
        reply = send_file(mallory, own, b"abc", parentId=theirs["node"]["id"])
        assert refused(reply) in (404, 422)
        body = {"type": "FOLDER", "projectId": own["project"]["id"], "name": "x",
                "parentId": theirs["node"]["id"]}  # fmt: skip
        reply = mallory.post("/api/namespaces/mallory/nodes", json=body)
        assert refused(reply) in (404, 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ([], 422), ({"client_id": "c"}, 422), ({"device_secret_hash": "x"}, 422),
     ({"client_id": 1, "device_secret_hash": "a" * 64}, 422),
     ({"client_id": "c", "device_secret_hash": "short"}, 422),
     ({"client_id": "c" * 300, "device_secret_hash": "a" * 64}, 422)],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/device/start", "/api/device-flow/start"])
def test_logins_that_cannot_begin(small: Live, path: str, body: object, status: int) -> None:
    """They need no token, so they store nothing that is not right."""
    with small.nothing_stored():
        assert refused(small.client(None).post(path, json=body)) == status
        assert refused(small.client(None).post(path, content=b"{")) == 400


def test_logins_of_nobody_are_bounded(small: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no token cannot fill the disk with logins; those that have expired make room."""
    monkeypatch.setattr("ml_dash.server.auth.devices.MOST_WAITING", 3)
    client = small.client(None)

    def start(number: int) -> httpx.Response:
        body = {"client_id": "c", "device_secret_hash": f"{number:064}"}
        return client.post("/api/device/start", json=body)

    assert [start(number).status_code for number in range(3)] == [200] * 3
    with small.nothing_stored():
        reply = start(3)
        assert refused(reply) == 429
        assert reply.headers["retry-after"] == "60"
    assert start(2).status_code == 200  # the same device begins anew
    with small.writing() as (connection, _):
        connection.execute(device_logins.update().values(expires_ms=1))
    assert start(3).status_code == 200


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
