"""A proxy on the loopback address that passes requests on to a real server, or fails."""

from __future__ import annotations

import gzip
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.delivery.loopback import Fault, Loopback, _Handler


class Proxy(Loopback):
    """A server that asks another one; faults and the list of requests are those of the loopback."""

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.RequestHandlerClass = _Passing
        self.behind = urlsplit(behind).netloc


class _Passing(_Handler):
    server: Proxy

    def answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with server.lock:
            server.seen.append((self.command, self.path, self.headers.get("idempotency-key")))
            packed = self.headers.get("content-encoding") == "gzip"
            fault = self.next_fault(gzip.decompress(body) if packed else body)
        if fault is None or fault.after:
            self.pass_on(body, fault)
        with server.arrived:
            server.arrived.notify_all()
        if fault is not None:
            self.go_wrong(fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the base class

    def pass_on(self, body: bytes, fault: Fault | None) -> None:
        """Ask the server; give its answer unless that is to be lost."""
        connection = http.client.HTTPConnection(self.server.behind, timeout=30)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            found = answer.read()
        except OSError:
            found, answer = b"", None
        finally:
            connection.close()
        if fault is not None:
            return
        if answer is None:
            self.send(502, b'{"error":"the server is away"}')
            return
        skipped = {"content-length", "transfer-encoding", "connection", "server", "date"}
        headers = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in skipped}
        self.send(answer.status, found, headers)


@contextmanager
def passing(behind: str) -> Iterator[Proxy]:
    """Run a proxy for a block."""
    with Proxy(behind) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.released.set()
            proxy.shutdown()
            thread.join()
            proxy.hang_up()
