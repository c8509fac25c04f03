"""The guards around the tests hold: no other machine, no settings from the developer's shell."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.request

import pytest

OUTSIDE = "192.0.2.1"  # an address that stands for no machine, kept for texts and tests


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_other_machines_are_out_of_reach(method: str) -> None:
    """A socket that tries to leave this machine stops the test, before a packet is sent."""
    with socket.socket() as sock, pytest.raises(BaseException, match=OUTSIDE) as caught:
        getattr(sock, method)((OUTSIDE, 9))
    assert not isinstance(caught.value, Exception)


def test_names_of_other_machines_are_not_looked_up() -> None:
    """A client that resolves a name stops the test too."""
    with pytest.raises(BaseException, match="tried to look up") as caught:
        urllib.request.urlopen("http://name.example/", timeout=5)
    assert not isinstance(caught.value, Exception)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reachable(host: str) -> None:
    """A server of the test on the loopback address can be used, also from asyncio."""

    async def talk() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(4))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection(host, port, family=socket.AF_INET)
            writer.write(b"ping")
            got = await reader.read()
            writer.close()
            await writer.wait_closed()
            return got

    assert asyncio.run(talk()) == b"ping"


def test_settings_of_the_shell_do_not_reach_tests() -> None:
    """No ML_DASH variable is set in a test, but for those that are about the tests."""
    left = [name for name in os.environ if name.startswith("ML_DASH_")]
    assert [name for name in left if not name.startswith("ML_DASH_TEST_")] == []
