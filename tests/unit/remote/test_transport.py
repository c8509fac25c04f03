"""The pool: opened late, closed once, one per process; URLs and tokens are checked."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_dash._remote.transport import route
from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    ConfigurationError,
    CredentialsRejectedError,
    NotAuthenticatedError,
    UsageError,
)
from tests.unit.remote.server import TOKEN, Fault, Server


@pytest.mark.parametrize(
    ("segments", "path"),
    [
        (("experiments", "7"), "/experiments/7"),
        (("a/b", "c d"), "/a%2Fb/c%20d"),
        (("x?y#z", "100%"), "/x%3Fy%23z/100%25"),
        (("é", "名"), "/%C3%A9/%E5%90%8D"),
        ((".", "..", "...", ".a"), "/%2E/%2E%2E/%2E%2E%2E/.a"),
        (("chunks", 0), "/chunks/0"),
    ],
)
def test_route_quotes(segments: tuple[str | int, ...], path: str) -> None:
    """A name stays one segment of the path, whatever is in it."""
    assert route(*segments) == path


def test_route_refuses_nothing() -> None:
    """An empty id would change the meaning of the path."""
    with pytest.raises(UsageError):
        route("nodes", "")


@pytest.mark.parametrize(
    "url",
    ["", "host", "ftp://host", "http://", "http://u:p4ss@host", "http://host?x=1",
     "http://host:99999", "http://host#x", "http://a..b",
     "http://ex ample", "http://ho\nst", None, 7],
)  # fmt: skip
def test_wrong_url_is_refused(url: str) -> None:
    """What cannot be a server is a ConfigurationError (a ValueError) when the client is built."""
    with pytest.raises(ConfigurationError) as caught:
        RemoteClient(url)
    assert "p4ss" not in str(caught.value)


def test_urls_of_a_client() -> None:
    """A trailing slash is taken off, a path is kept."""
    client = RemoteClient("http://host:8000/prefix/")
    assert client.base_url == "http://host:8000/prefix/api"
    assert client.graphql_base_url == "http://host:8000/prefix"


def test_building_touches_nothing(tmp_path: Path) -> None:
    """Building, representing and closing a client opens no file for writing and no socket."""
    code = (
        "import os, sys; sys.dont_write_bytecode = True\n"
        "from ml_dash.client import RemoteClient, userinfo\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event == 'open' and not args[2] & (os.O_WRONLY | os.O_RDWR): return\n"
        "    if event in ('open', 'os.mkdir') or event.startswith('socket.'): seen.append(args)\n"
        "sys.addaudithook(hook)\n"
        "with RemoteClient('http://127.0.0.1:9') as client: repr(client)\n"
        "print(seen)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("token", ["a b", "line\nend", "ü", " ", "\t"])
def test_unusable_token_is_not_shown(connect: Callable[..., RemoteClient], token: str) -> None:
    """A token that cannot stand in a header is refused before anything is sent."""
    with pytest.raises(NotAuthenticatedError) as caught:
        connect(api_key=f"secret{token}secret").get_parameters("7")
    assert "secret" not in str(caught.value)


def test_token_is_in_no_text(
    connect: Callable[..., RemoteClient], server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither representation, error nor log shows the token, even if the server repeats it."""
    client = connect(api_key="wr0ng-t0ken")
    server.faults.append(Fault(status=401, body=b"no: Bearer wr0ng-t0ken; wr0ng-t0ken"))
    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialsRejectedError) as caught:
        client.get_parameters("7")
    error = caught.value
    shown = repr(client) + str(error) + repr(error) + repr(vars(error)) + caplog.text
    assert "wr0ng" not in shown
    assert b"wr0ng" not in pickle.dumps(error)
    assert "ml-dash login" in error.hint


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("SSL_CERT_FILE", "/no/such/file", ConfigurationError),
        ("HTTP_PROXY", "ftp://127.0.0.1:9", ConfigurationError),
    ],
)
def test_wrong_environment_of_httpx(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    kind: type[Exception],
) -> None:
    """Certificates or a proxy that cannot be used are a typed error that names the variables."""
    monkeypatch.setenv(name, value)
    secure = RemoteClient("https://127.0.0.1:9", api_key="token")
    with secure, pytest.raises(kind, match=name):
        secure.get_parameters("7")


def test_connections_are_reused(client: RemoteClient, server: Server) -> None:
    """Calls of one thread go through one connection."""
    ports: set[int] = set()
    accept = server.get_request

    def watched() -> tuple[object, tuple[str, int]]:
        sock, address = accept()
        ports.add(address[1])
        return sock, address

    server.get_request = watched  # type: ignore[method-assign, assignment]
    for _ in range(5):
        client.get_parameters("7")
    assert len(ports) == 1


def test_client_works_after_close(client: RemoteClient, server: Server) -> None:
    """A closed client opens a new pool when it is used again."""
    client.get_parameters("7")
    client.close()
    client.close()
    assert client.get_parameters("7") == {}
    assert len(server.requests) == 2


def test_threads_share_a_client(client: RemoteClient, server: Server) -> None:
    """Calls from several threads at once all arrive."""

    def work(number: int) -> None:
        client.append_batch_to_metric("7", f"m{number}", [{"x": number}])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert server.points == {f"m{number}": [{"x": number}] for number in range(8)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_forked_child_has_its_own_pool(server: Server, tmp_path: Path) -> None:
    """A child that is forked with a used client uses it on a connection of its own."""
    code = (
        "import os, sys\n"
        "from ml_dash.client import RemoteClient\n"
        f"client = RemoteClient({server.url!r}, api_key={TOKEN!r})\n"
        "client.get_parameters('parent')\n"
        "pid = os.fork()\n"
        "client.get_parameters('child' if pid == 0 else 'parent')\n"
        "if pid == 0: os._exit(0)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "client.close()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=30)
    assert len(server.sent("GET", "/experiments/child/")) == 1
    assert len(server.sent("GET", "/experiments/parent/")) == 2


def test_client_can_be_pickled(connect: Callable[..., RemoteClient], server: Server) -> None:
    """A client that is sent to another process connects there anew."""
    client = connect(retry=None)
    client.get_parameters("7")
    copy = pickle.loads(pickle.dumps(client))
    assert copy.get_parameters("7") == {}
    copy.close()
    assert len(server.requests) == 2
