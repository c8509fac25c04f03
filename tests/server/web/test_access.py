"""Who may do what: roles, namespaces, tokens, and what others see of it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, experiment_of, run_of, running

SECRET = "a secret of more than sixty-four characters, so that it serves HS512, too"


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    """Ask by GraphQL and return the whole answer."""
    reply = client.post("/graphql", json={"query": query, "variables": variables})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def unsigned(**claims: Any) -> str:
    """Return a token of the kind that nobody signs."""
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return ".".join(text.rstrip("=") for text in texts) + "."


def test_without_a_token_nothing_is_told(live: Live) -> None:
    """No token, a wrong one, one that is no token at all."""
    for headers in ({}, {"authorization": "Bearer mldash_wrong"}, {"authorization": "Basic eA=="},
                    {"authorization": "Bearer"}):  # fmt: skip
        reply = httpx.get(f"{live.url}/api/me", headers=headers, trust_env=False)
        assert (reply.status_code, reply.json()["error"]) == (401, "unauthenticated")
        assert "bearer" in reply.headers["www-authenticate"].lower()


def test_what_belongs_to_others_does_not_exist(live: Live) -> None:
    """By every path to it: 404, or null; and nothing is written."""
    alice, mallory = live.as_user("alice"), live.as_user("mallory")
    run = run_of(alice)
    path = f"/api/experiments/{run['experiment']['id']}"
    node, project = run["node"]["id"], run["project"]["id"]
    for method, where, body in (
        ("GET", path, None), ("POST", f"{path}/logs", {"logs": [{"message": "m"}]}),
        ("POST", f"{path}/metrics/m/append", {"data": {"a": 1}}), ("GET", f"{path}/metrics", None),
        ("GET", f"/api/nodes/{node}", None), ("PATCH", f"/api/nodes/{node}", {"status": "FAILED"}),
        ("DELETE", f"/api/nodes/{node}", None), ("DELETE", f"/api/projects/{project}", None),
        ("POST", "/api/namespaces/alice/nodes", {"type": "PROJECT", "name": "x", "slug": "x"}),
        ("POST", "/api/namespaces/mallory/nodes",
         {"type": "FOLDER", "projectId": project, "parentId": "ROOT", "name": "x"}),
    ):  # fmt: skip
        reply = mallory.request(method, where, json=body)
        assert (reply.status_code, reply.json()["error"]) == (404, "not-found"), where
    query = "query($e:ID!){experimentById(id:$e){id} namespace(slug:\"alice\"){id}}"
    found = ask(mallory, query, e=run["experiment"]["id"])["data"]
    assert found == {"experimentById": None, "namespace": None}
    search = '{searchExperiments(pattern:"*/*/*"){id} projects{id}}'
    assert ask(mallory, search)["data"] == {"searchExperiments": [], "projects": []}
    assert alice.get(path).json()["status"] == "RUNNING"


@pytest.mark.parametrize(("role", "write", "remove"), [("reader", 403, 403), ("writer", 200, 403),
                                                       ("admin", 200, 200)])  # fmt: skip
def test_a_role_allows_what_it_says(live: Live, role: str, write: int, remove: int) -> None:
    """The same by membership, and by the role of a token of the owner."""
    alice = live.as_user("alice")
    live.member("alice", "bob", role)
    for client, project in ((live.as_user("bob"), "p1"), (live.as_user("alice", role), "p2")):
        run = run_of(alice, f"alice/{project}/r")
        path = f"/api/experiments/{run['experiment']['id']}"
        assert client.get(path).status_code == 200
        body = {"logs": [{"message": "m"}]}
        assert client.post(f"{path}/logs", json=body).status_code == write
        gone = client.delete(f"/api/projects/{run['project']['id']}")
        assert gone.status_code == remove


def test_tokens_end(live: Live) -> None:
    """A token that has expired is like one that never was."""
    assert live.client(live.token("alice", life_ms=-1)).get("/api/me").status_code == 401
    assert live.client(live.token("alice", life_ms=60_000)).get("/api/me").status_code == 200


def test_signed_tokens_make_their_user_and_forged_ones_do_not(tmp_path: Path) -> None:
    """HS256 with the secret; not with another, not expired, not unsigned, not of another kind."""
    with running(ServerSettings(data=tmp_path, jwt_secret=SECRET)) as live:
        claims = {"sub": "u1", "username": "alice", "email": "a@example.org",
                  "exp": time.time() + 60}  # fmt: skip
        client = live.client(jwt.encode(claims, SECRET, "HS256"))
        assert ask(client, "{me{username email}}")["data"]["me"]["username"] == "alice"
        assert experiment_of(client)
        forged = [
            jwt.encode(claims, SECRET + "x", "HS256"), jwt.encode(claims, SECRET, "HS384"),
            jwt.encode({**claims, "exp": time.time() - 60}, SECRET, "HS256"),
            unsigned(**claims), jwt.encode({"username": "alice"}, SECRET, "HS256"), "a.b.c",
        ]  # fmt: skip
        for token in forged:
            assert live.client(token).get("/api/me").status_code == 401
        other = jwt.encode({**claims, "sub": "u2"}, SECRET, "HS256")
        assert live.client(other).get("/api/me").status_code == 403  # the name is taken


@contextmanager
def published(*keys: tuple[str, Any]) -> Iterator[str]:
    """Publish public keys by their ids, and return where."""
    found = []
    for name, key in keys:
        algorithm = jwt.algorithms.get_default_algorithms()[
            "EdDSA" if isinstance(key, Ed25519PrivateKey) else "RS256"
        ]
        found.append({**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name})

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": found}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def test_tokens_by_published_keys(tmp_path: Path) -> None:
    """RS256 and EdDSA; not HS256 with a public key as its secret, nor keys of others."""
    rsa, ed = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    claims = {"sub": "u1", "username": "alice", "aud": "ml-dash", "iss": "https://auth"}
    with published(("r", rsa), ("e", ed)) as url:
        settings = ServerSettings(data=tmp_path, jwks_url=url, jwt_audience="ml-dash",
                                  jwt_issuer="https://auth")  # fmt: skip
        with running(settings) as live:

            def status(key: Any, algorithm: str, kid: str, **changes: Any) -> int:
                token = jwt.encode({**claims, **changes}, key, algorithm, {"kid": kid})
                return live.client(token).get("/api/me").status_code

            assert status(rsa, "RS256", "r") == status(ed, "EdDSA", "e") == 200
            assert status(Ed25519PrivateKey.generate(), "EdDSA", "e") == 401
            assert status(ed, "EdDSA", "r") == status(ed, "EdDSA", "unknown") == 401
            assert status(rsa, "RS256", "r", aud="other") == 401
            assert status(rsa, "RS256", "r", iss="https://other") == 401
            public = ed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            assert status(public, "HS256", "e") == 401
    with running(ServerSettings(data=tmp_path, jwks_url=url)) as live:
        token = jwt.encode(claims, ed, "EdDSA", {"kid": "e"})
        gone = live.client(token).get("/api/me")
        assert (gone.status_code, gone.json()["error"]) == (503, "unavailable")


def test_a_server_without_authentication_listens_to_this_machine_only(tmp_path: Path) -> None:
    """Any or no token is an administrator's, and namespaces appear when they are named."""
    with running(ServerSettings(data=tmp_path, no_auth=True)) as live:
        for token in (None, "anything"):
            client = live.client(token)
            assert ask(client, '{namespace(slug:"lab"){slug projects{id}}}')["data"]["namespace"]
            assert client.get(experiment_of(client, "lab/p/r")).status_code == 200
        for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            assert client.get("/api/me", headers=headers).status_code == 403
        assert client.get("/api/me", headers={"origin": live.url}).status_code == 200


@pytest.mark.parametrize("paths", ["device", "device-flow"])
def test_a_device_logs_in(live: Live, paths: str) -> None:
    """Start, page, wrong code, confirmation, poll, exchange; each good for once."""
    anybody = live.client(None)
    secret = {"client_id": "ml-dash-client", "device_secret_hash": "5d41" * 16}
    started = anybody.post(f"/api/{paths}/start", json={**secret, "scope": "openid"}).json()
    code = started["user_code"]
    assert started["verification_uri_complete"].endswith(code.replace("-", ""))
    waiting = anybody.post(f"/api/{paths}/poll", json=secret)
    assert (waiting.status_code, waiting.json()["error"]) == (202, "authorization_pending")
    page = anybody.get("/device", params={"code": '"><script>'})
    assert "<script>" not in page.text
    form = {"token": live.token("alice", "writer"), "answer": "yes"}
    assert anybody.post("/device", data={**form, "code": "XXXX-XXXX"}).status_code == 404
    assert anybody.post("/device", data={"answer": "yes", "code": code}).status_code == 401
    assert "alice" in anybody.post("/device", data={**form, "code": code}).text
    token = anybody.post(f"/api/{paths}/poll", json=secret).json()["access_token"]
    assert anybody.post(f"/api/{paths}/poll", json=secret).json()["error"] == "expired_token"
    login = live.client(token)
    assert login.get("/api/me").status_code == 403
    own = live.client(login.post("/api/auth/exchange").json()["ml_dash_token"])
    assert own.get("/api/me").json()["role"] == "writer"
    assert login.post("/api/auth/exchange").status_code == 401
