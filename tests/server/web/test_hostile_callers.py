"""Tokens of nobody, ids of others, logins without end: nothing is stored for them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ml_dash.server.tables import device_logins
from tests.server.live import Live, run_of
from tests.server.web.hostile import ENTRIES, NODES, PROJECT, RUN, refused
from tests.server.web.test_tree import send_file


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
