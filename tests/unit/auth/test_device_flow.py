"""The device flow, against a real server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ml_dash.auth.device_flow import DeviceFlowClient
from ml_dash.auth.device_secret import hash_device_secret
from ml_dash.exceptions import (
    AuthorizationDeniedError,
    DeviceCodeExpiredError,
    NetworkError,
    TokenExchangeError,
)

START = {"user_code": "ABCD-2345", "verification_uri": "http://x/device", "interval": 1}


class Service(ThreadingHTTPServer):
    """A login service that answers from a list of replies per path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, list[tuple[int, Any]]] = {}
        self.seen: list[tuple[str, dict[str, Any], str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Service

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(data) if data else {}
        self.server.seen.append((self.path, body, self.headers.get("Authorization")))
        replies = self.server.replies.get(self.path) or [(404, {"error": "no such path"})]
        status, content = replies.pop(0) if len(replies) > 1 else replies[0]
        raw = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    """Run a login service."""
    with Service() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the waits instead of waiting."""
    noted: list[float] = []
    monkeypatch.setattr("ml_dash.auth.device_flow.time.sleep", noted.append)
    return noted


def test_the_whole_flow(service: Service, naps: list[float]) -> None:
    """Start, wait at the service's pace, slow down when told, exchange."""
    service.replies = {
        "/api/device/start": [(200, START)],
        "/api/device/poll": [
            (202, {"error": "authorization_pending"}),
            (429, {"error": "slow_down"}),
            (200, {"access_token": "login"}),
        ],
        "/api/auth/exchange": [(200, {"ml_dash_token": "dash"})],
    }
    client = DeviceFlowClient("secret", service.url + "/", service.url + "/")
    assert client.ml_dash_server_url == service.url
    assert client.authenticate() == "dash"
    assert naps == [1, 2]
    assert service.seen[-1][2] == "Bearer login"
    assert service.seen[0][1]["device_secret_hash"] == hash_device_secret("secret")
    assert all("secret" not in json.dumps(body["device_secret_hash"]) for _, body, _ in
               service.seen[:-1])  # fmt: skip


def test_a_service_of_early_releases(service: Service, naps: list[float]) -> None:
    """Where the late path does not exist, the early one is used from start to end."""
    service.replies = {
        "/api/device-flow/start": [(200, START)],
        "/api/device-flow/poll": [(200, {"access_token": "login"})],
    }
    client = DeviceFlowClient("secret", service.url, service.url)
    started = client.start_device_flow()
    assert started.verification_uri_complete == "http://x/device?code=ABCD2345"
    assert (started.expires_in, started.device_code) == (600, "")
    assert client.poll_for_token() == "login"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((400, {"error": "expired_token"}), DeviceCodeExpiredError),
        ((404, {"error": "access_denied"}), AuthorizationDeniedError),
        ((400, {"error": "odd"}), TokenExchangeError),
        ((200, {}), TokenExchangeError),
        ((200, "<html>"), TokenExchangeError),
    ],
)
def test_a_poll_that_ends_badly(
    service: Service, naps: list[float], reply: tuple[int, Any], error: type[Exception]
) -> None:
    """Each answer has its typed error."""
    service.replies = {"/api/device/poll": [reply]}
    with pytest.raises(error):
        DeviceFlowClient("secret", service.url, service.url).poll_for_token()


def test_waiting_ends(service: Service, naps: list[float]) -> None:
    """After the last question there is a time-out, and the callback saw each."""
    service.replies = {"/api/device/poll": [(202, {"error": "authorization_pending"})]}
    seen: list[int] = []
    client = DeviceFlowClient("secret", service.url, service.url)
    with pytest.raises(TimeoutError):
        client.poll_for_token(max_attempts=3, progress_callback=seen.append)
    assert (seen, naps) == ([5, 10, 15], [5, 5, 5])


def test_a_service_that_is_gone_is_an_error_in_the_end(naps: list[float]) -> None:
    """A few failures are waited out; many in a row are told."""
    with pytest.raises(NetworkError):
        DeviceFlowClient("secret", "http://127.0.0.1:9", "http://127.0.0.1:9").poll_for_token()
    assert len(naps) == 11


@pytest.mark.parametrize("reply", [(401, {}), (404, {}), (500, "boom"), (200, {}), (200, "<html>")])
def test_an_exchange_that_fails(service: Service, reply: tuple[int, Any]) -> None:
    """Whatever the server says instead of a token is a TokenExchangeError."""
    service.replies = {"/api/auth/exchange": [reply]}
    with pytest.raises(TokenExchangeError):
        DeviceFlowClient("secret", service.url, service.url).exchange_token("login")
