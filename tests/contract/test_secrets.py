"""A token is in no log record, no error, no repr and no warning, whatever fails."""

from __future__ import annotations

import http.server
import logging
import pickle
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment, RemoteClient
from ml_dash._remote.retry import RetryPolicy
from ml_dash.auth.device_flow import DeviceFlowClient
from ml_dash.auth.token_storage import (
    PlaintextFileStorage,
    decode_jwt_payload,
    get_token_storage_or_raise,
)
from ml_dash.client import UserInfo
from ml_dash.config import Config
from ml_dash.exceptions import MLDashError
from ml_dash.run import RUN

SECRET = "mldash-s3cr3t-token"
PASSWORD = "hunter2-p4ss"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with a status of the path, and with everything that it was sent: the worst server."""

    status = 500

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Read, and answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        body = f'{{"error": "you sent {self.headers.get("Authorization")}"}}'.encode()
        self.send_response(type(self).status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """Return the address of a server that quotes the token in its answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def client(url: str) -> RemoteClient:
    """Return a client with the token that asks once."""
    return RemoteClient(url, namespace="ann", api_key=SECRET, retry=RetryPolicy(attempts=1))


def asks(address: str, _place: Path) -> Any:
    """Ask a server that quotes the token."""
    return client(f"http://{address}").list_projects_graphql_or_raise()


def asks_with_a_password(address: str, _place: Path) -> Any:
    """Ask at an address that has a password."""
    return client(f"http://ann:{PASSWORD}@{address}").get_parameters_or_raise("7")


def asks_nobody(_address: str, _place: Path) -> Any:
    """Ask where nobody listens."""
    return client(f"http://ann:{PASSWORD}@127.0.0.1:9").get_current_user_or_raise()


def asks_the_old_way(address: str, _place: Path) -> Any:
    """Get an old answer, with its warning."""
    return client(f"http://{address}").get_current_user()


def has_an_impossible_token(address: str, _place: Path) -> Any:
    """A token with a line break cannot be sent."""
    return RemoteClient(f"http://{address}", api_key=f"{SECRET}\nx").get_parameters_or_raise("7")


def damaged_tokens(_address: str, place: Path) -> Any:
    """Read a token store that is cut off in the middle of the token."""
    (place / "tokens.json").write_text(f'{{"k": "{SECRET}')
    return PlaintextFileStorage(place, warn_now=False).load("k")


def damaged_configuration(_address: str, place: Path) -> Any:
    """Read a configuration that is cut off."""
    (place / "config.json").write_text(f'{{"api_key": "{SECRET}')
    return Config(place)


def malformed_token(_address: str, _place: Path) -> Any:
    """Look into a token that is none."""
    return decode_jwt_payload(f"{SECRET}.{SECRET}.{SECRET}")


def asks_for_the_user(address: str, _place: Path) -> Any:
    """Ask who is logged in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RUN, "api_url", f"http://{address}")
        patch.setenv("ML_DASH_TOKEN", SECRET)
        user = UserInfo()
        return user.username, repr(user)


def opens_a_run(address: str, place: Path) -> Any:
    """Open a run for a server that refuses it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_DASH_TOKEN", SECRET)
        patch.setenv("ML_DASH_CONNECT_TIMEOUT", "0.1")
        url = f"http://ann:{PASSWORD}@{address}"
        with Experiment("ann/p/n", dash_url=url, dash_root=place).run as exp:
            exp.log("text")
            return repr(exp.delivery)


def shows_objects(address: str, place: Path) -> Any:
    """Show what holds a token."""
    store = get_token_storage_or_raise(place, "plaintext")
    store.store("k", SECRET)
    one = client(f"http://ann:{PASSWORD}@{address}")
    return repr(one), str(one), repr(store), repr(one._credentials), repr(one._transport)


def logs_in(address: str, _place: Path) -> Any:
    """Start to sign in at a service that has a password in its address."""
    url = f"http://ann:{PASSWORD}@{address}"
    return DeviceFlowClient(SECRET, url, url).start_device_flow()


def waits_for_the_login(address: str, _place: Path) -> Any:
    """Ask for the token of a login that ends badly."""
    return _signing_in(address).poll_for_token()


def changes_a_token(address: str, _place: Path) -> Any:
    """Exchange the token of a login, which the server quotes."""
    return _signing_in(address).exchange_token(SECRET)


def signs_in_where_nobody_is(_address: str, _place: Path) -> Any:
    """Sign in where nobody listens."""
    return _signing_in("127.0.0.1:9").exchange_token(SECRET)


def _signing_in(address: str) -> DeviceFlowClient:
    return DeviceFlowClient(SECRET, f"http://{address}", f"http://{address}")


def sends_a_file(address: str, place: Path) -> Any:
    """Send a file to a server that refuses it."""
    (place / "file").write_text("x")
    one = client(f"http://{address}")
    return one.upload_file("7", str(place / "file"), "", "f", None, None, None, "", "", 1, "1")


def fetches_a_file(address: str, place: Path) -> Any:
    """Fetch a file from a server that refuses it."""
    return client(f"http://{address}").download_file("7", "5", str(place / "to"))


def delivers(address: str, place: Path) -> Any:
    """Deliver a run to a server that refuses it, and look at all that lies in its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_DASH_TOKEN", SECRET)
        patch.setenv("ML_DASH_CONNECT_TIMEOUT", "0.1")
        patch.setenv("ML_DASH_CLOSE_TIMEOUT", "0.2")
        url = f"http://{address}"
        exp = Experiment("ann/p/n", dash_url=url, dash_root=place, error_mode="permissive")
        with exp.run:
            exp.log("text")
            exp.metrics("m").log(x=1)
        lying = [path.read_bytes() for path in exp.folder.rglob("*") if path.is_file()]
        return repr(exp), repr(RUN(api_url=url, entry="x.py")), lying


WAYS: list[Callable[[str, Path], Any]] = [
    asks, asks_with_a_password, asks_nobody, asks_the_old_way, has_an_impossible_token,
    damaged_tokens, damaged_configuration, malformed_token, asks_for_the_user, opens_a_run,
    shows_objects, logs_in, waits_for_the_login, changes_a_token, signs_in_where_nobody_is,
    sends_a_file, fetches_a_file, delivers,
]  # fmt: skip


@pytest.mark.parametrize("status", [401, 500])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_secret_comes_out(
    way: Callable[[str, Path], Any],
    status: int,
    echo: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All that was said, at the lowest level of every logger, httpx's too, is searched."""
    monkeypatch.setattr(Echo, "status", status)
    caplog.set_level(logging.DEBUG)
    for name in ("ml_dash", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    came_out = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            came_out.append(way(echo, tmp_path))
        except MLDashError as error:
            came_out += [str(error), repr(error), error.context, pickle.dumps(error)]
            came_out.append("".join(traceback.format_exception(error)))
    came_out += [str(each.message) for each in told]
    came_out += [(r.getMessage(), vars(r)) for r in caplog.records]
    shown = caplog.text + repr(came_out)
    assert shown
    assert SECRET not in shown
    assert PASSWORD not in shown
