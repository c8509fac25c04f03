"""Whatever is sent: a 4xx with a JSON body that says why, no trace, nothing stored."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import quote

import pytest

from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, experiment_of, run_of, running
from tests.server.web.hostile import ENTRIES, FOLDER, JSON, NODES, PROJECT, RUN, refused
from tests.server.web.test_tree import send_file

DEEP = 3000


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
