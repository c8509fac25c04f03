"""A proxy on this machine that passes bytes on as they come, and keeps them.

What an old client believes to be stored is what it got a good answer to. It does not tell; the
bytes between it and the server do. With several servers behind it, each connection goes to the
next one, as behind a proxy that balances connections.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

import h11

_BLOCK_BYTES = 64 << 10


@dataclass(frozen=True)
class Exchange:
    """A request, and the status of its answer; 0 when no whole answer came."""

    method: str
    path: str
    content_type: str
    body: bytes
    status: int


@dataclass
class Recorded:
    """The bytes of one connection in each direction, and the port of the server."""

    port: int
    sent: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)

    def exchanges(self) -> Iterator[Exchange]:
        """Yield its whole requests in order."""
        sent, answered = bytes(self.sent), bytes(self.answered)
        while sent:
            asks = h11.Connection(h11.SERVER)
            request, body, sent = _message(asks, sent)
            if not isinstance(request, h11.Request):
                return
            answers = h11.Connection(h11.CLIENT)
            answers.send(h11.Request(method=request.method, target="/", headers=[("host", "x")]))
            answers.send(h11.EndOfMessage())
            response, _, answered = _message(answers, answered)
            status = response.status_code if isinstance(response, h11.Response) else 0
            content_type = dict(request.headers).get(b"content-type", b"").decode()
            path = request.target.decode()
            yield Exchange(request.method.decode(), path, content_type, body, status)


def _message(parser: h11.Connection, data: bytes) -> tuple[h11.Event | None, bytes, bytes]:
    """Return the head of the first message of some bytes, its body, and what follows it.

    The head is None when the message is not whole.
    """
    parser.receive_data(data)
    head: h11.Event | None = None
    body = b""
    while True:
        event = parser.next_event()
        if isinstance(event, (h11.Request, h11.Response)):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return head, body, parser.trailing_data[0]
        elif not isinstance(event, h11.InformationalResponse):
            return None, b"", b""


class Proxy:
    """The proxy; see :func:`recording`.

    Attributes:
        connections: What it has passed on, a record for each connection.
        url: Where it listens.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = cycle(ports)
        self.connections: list[Recorded] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def exchanges(self) -> Iterator[Exchange]:
        """Yield all whole requests, those of a connection in order."""
        for connection in self.connections:
            yield from connection.exchanges()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close all connections."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, backlog=200)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._end.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record = Recorded(next(self._ports))
        self.connections.append(record)
        try:
            answers, asks = await asyncio.open_connection("127.0.0.1", record.port)
        except ConnectionError:  # that server is down: its clients see a closed connection
            await _close(writer)
            return
        await asyncio.gather(
            _copy(reader, asks, record.sent), _copy(answers, writer, record.answered)
        )


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray
) -> None:
    try:
        with suppress(ConnectionError):
            while block := await reader.read(_BLOCK_BYTES):
                record += block  # before it is passed on: nobody learns what is not recorded
                writer.write(block)
                await writer.drain()
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@contextmanager
def recording(*ports: int) -> Iterator[Proxy]:
    """Run a proxy in front of servers on this machine until the block ends."""
    proxy = Proxy(ports)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
