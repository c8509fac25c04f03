"""A proxy on the loopback address that passes requests on to a real server, or fails."""

from __future__ import annotations

import gzip
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tests.delivery.loopback import Fault, Loopback, _Handler

_RESET = Fault("reset")
_BUNDLES = {"ml-dash-bundle", "ml-dash-file-bundle"}
_PIECES = "ml-dash-upload-resume"
_TORN_AFTER_BYTES = 20


class Proxy(Loopback):
    """A server that asks another one; faults and the list of requests are those of the loopback.

    Args:
        behind: URL of the server that it asks.

    Attributes:
        is_old: Whether the server behind knows no idempotency keys, and says nothing of what it
            can do, as one of 0.6.
        bundles: Whether it says that it takes records of several streams, and several files, in
            one request.
        tls: What new connections are encrypted with; None for not at all.
        poison: Requests with this are refused for good with 422; nothing is, when it is empty.
    """

    allow_reuse_address = True

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.RequestHandlerClass = _Passing
        self.behind = urlsplit(behind).netloc
        self.is_old = False
        self.bundles = True
        self._each: Fault | None = None
        self._left: dict[str, int] = {}
        self.tls: ssl.SSLContext | None = None
        self.poison = b""
        self._thread = threading.Thread()

    def open_port(self) -> None:
        """Listen, on the same port as before."""
        if self.socket.fileno() < 0:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.server_bind()
            self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def close_port(self) -> None:
        """Listen no longer, and break all connections."""
        self.shutdown()
        self._thread.join()
        self.socket.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Break all connections; new ones are taken."""
        with self.lock:
            super().hang_up()
            self.connections.clear()

    def fail(self, kind: str = "status", **facts: Any) -> Fault:
        """Fail on what comes next."""
        with self.lock:
            if self.released.is_set():
                self.released = threading.Event()
            return super().fail(kind, **facts)

    def fail_each(self, times: int, **facts: Any) -> None:
        """Fail on the first requests of each path."""
        self._each = Fault(times=times, **facts)

    @property
    def tears(self) -> bool:
        """Whether it breaks connections before it has read a request to its end."""
        return any(fault.kind == "torn" for fault in (self._each, *self.faults) if fault)

    def each_fault(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with one of the first requests of a path; None for nothing."""
        each = self._each
        if each is None or method not in each.methods:
            return None
        left = self._left[path] = self._left.get(path, each.times) - 1
        return each if left >= 0 else None

    def heal(self) -> None:
        """Fail no longer, and let go of what hangs."""
        super().heal()
        self.released.set()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; it is encrypted on the thread that reads from it."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address


_REFUSED = Fault(status=422)


class _Passing(_Handler):
    server: Proxy

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # a connection that is not as TLS wants it, or broken by the other side
            self.close_connection = True

    def answer(self) -> None:
        server = self.server
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(size, _TORN_AFTER_BYTES) if server.tears else size)
        with server.lock:
            fault = self.next_fault(b"" if server.tears else self._plain(body))
        if fault is None or fault.after:
            answered = self.pass_on(body + self.rfile.read(size - len(body)))
        self._arrived()
        if fault is not None:
            self.go_wrong(fault)
        elif answered is None:
            self.go_wrong(_RESET)
        else:
            self.send(*answered)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - of the base class

    def next_fault(self, body: bytes) -> Fault | None:
        fault = super().next_fault(body) or self.server.each_fault(self.command, self.path)
        if not self.server.poison or self.server.poison not in body:
            return fault
        return _REFUSED if fault is None else replace(fault, after=False)  # it takes no effect

    def _plain(self, body: bytes) -> bytes:
        packed = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(body) if packed else body

    def _arrived(self) -> None:
        with self.server.arrived:
            key = self.headers.get("idempotency-key")
            self.server.seen.append((self.command, self.path, key))
            self.server.arrived.notify_all()

    def pass_on(self, body: bytes) -> tuple[int, bytes, dict[str, str]] | None:
        """Ask the server, and return its answer; None when there is none."""
        asked = {k: v for k, v in self.headers.items() if not self._is_forgotten(k)}
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        try:
            connection.request(self.command, self.path, body, asked)
            answer = connection.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        skipped = {"content-length", "transfer-encoding", "connection", "server", "date"}
        if self.server.is_old or not self.server.bundles:
            skipped |= _BUNDLES
        if self.server.is_old:
            skipped.add(_PIECES)
        headers = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in skipped}
        return answer.status, found, headers

    def _is_forgotten(self, header: str) -> bool:
        return self.server.is_old and header.lower() == "idempotency-key"


@contextmanager
def passing(behind: str, prepare: Callable[[Proxy], None] = lambda _: None) -> Iterator[Proxy]:
    """Run a proxy for a block."""
    with Proxy(behind) as proxy:
        prepare(proxy)
        proxy.open_port()
        try:
            yield proxy
        finally:
            proxy.heal()
            if proxy.socket.fileno() >= 0:
                proxy.close_port()
