"""A way to a server that is as long as wanted, and counts what goes over it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Between:
    """Passes connections on to a port of this machine.

    Args:
        port: The server's port.
        delay_s: How long each byte is on its way, in seconds; half a round trip.

    Attributes:
        port: Where it listens.
        sent_bytes: Bytes that went to the server.
        requests: Requests that went to it.
    """

    def __init__(self, port: int, delay_s: float = 0.0) -> None:
        self.port = 0
        self.sent_bytes = 0
        self.requests = 0
        self._behind = port
        self._delay_s = delay_s
        self._stopping: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, ready: threading.Event) -> None:
        """Serve until told to stop; connections that are still open then end with the loop."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stopping.wait()
        server.close()

    def stop(self) -> None:
        """Tell it to stop, from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        # Cancelled when the loop ends under an open connection; Python 3.11 would print that.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._pass_on(reader, behind_writer, counted=True),
                self._pass_on(behind_reader, writer, counted=False),
            )

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(waiting, writer))
        while True:
            try:
                data = await reader.read(1 << 18)
            except OSError:
                data = b""
            if counted:
                self.sent_bytes += len(data)
                self.requests += sum(
                    data.count(verb) for verb in (b"POST /", b"GET /", b"PATCH /", b"PUT /")
                )
            waiting.put_nowait((loop.time() + self._delay_s, data))
            if not data:
                break
        await arriving

    async def _arrive(
        self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await waiting.get()
            if due_s > loop.time():
                await asyncio.sleep(due_s - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)


@contextmanager
def between(port: int, delay_s: float = 0.0) -> Iterator[Between]:
    """Stand between a block and a server."""
    made, ready = Between(port, delay_s), threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(made.serve(ready),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        made.stop()
        thread.join(5)
