"""A way to a server that counts the bytes that go over it, and is cut at some of them."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_BLOCK_BYTES = 1 << 14


class Cutting:
    """Passes connections on to a port of this machine, until it is cut.

    Args:
        port: The server's port.

    Attributes:
        port: Where it listens.
        sent_bytes: Bytes that came from clients.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.sent_bytes = 0
        self._lock = threading.Lock()
        self._cuts: list[tuple[int, Callable[[], object]]] = []
        self._open: set[socket.socket] = set()
        self._near: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def cut_after(self, more_bytes: int, then: Callable[[], object] = lambda: None) -> None:
        """Break all connections when so many bytes more have come, and then do something."""
        with self._lock:
            at = max([self.sent_bytes, *(at for at, _ in self._cuts)]) + more_bytes
            self._cuts.append((at, then))

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:  # closed
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:  # the server is down
                near.close()
                continue
            self._near.add(near)
            self._open |= {near, far}
            for way in ((near, far, True), (far, near, False)):
                thread = threading.Thread(target=self._pass_on, args=way, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                target.sendall(block)
                then = self._count(len(block)) if counted else None
                if then is not None:
                    self.break_all()
                    then()
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.discard(source)
        source.close()

    def _count(self, size_bytes: int) -> Callable[[], object] | None:
        """Count bytes; return what comes after a cut, if this is one."""
        with self._lock:
            self.sent_bytes += size_bytes
            if self._cuts and self.sent_bytes >= self._cuts[0][0]:
                return self._cuts.pop(0)[1]
        return None

    def break_all(self) -> None:
        """Break all connections; new ones are taken."""
        for each in list(self._open):
            with suppress(OSError):
                # Else what still comes would be taken, and who sends would not notice. The server
                # gets what it was sent before the cut.
                if each in self._near:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Break all connections, and take no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.break_all()
        for each in self._threads:
            each.join()


@contextmanager
def cutting(port: int) -> Iterator[Cutting]:
    """Run a way to a port for a block."""
    made = Cutting(port)
    try:
        yield made
    finally:
        made.close()
