"""What holds for every test: loopback only, no settings from outside, no window system."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.clock import Clock

# Where the tests run in the background of a shell, Ctrl-C is ignored, and every program that they
# start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ml-dash", deadline=None)
settings.load_profile("ml-dash")


class NetworkUseError(BaseException):
    """A test tried to reach another machine. Not an Exception: no code under test can catch it."""


def _is_loopback(address: Any) -> bool:
    """Return whether an address of any socket family stays on this machine."""
    if not isinstance(address, tuple):
        return True  # a path (AF_UNIX), or a family that knows no other machine
    host = str(address[0]).partition("%")[0]
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: it would be looked up on another machine
        return False


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Let sockets of the test process connect to this machine only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            original = getattr(socket.socket, name)

            def guarded(self: socket.socket, address: Any, _original: Any = original) -> Any:
                if not _is_loopback(address):
                    raise NetworkUseError(f"a test tried to connect to {address!r}")
                return _original(self, address)

            patch.setattr(socket.socket, name, guarded)
        lookup = socket.getaddrinfo

        def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name is not None and not _is_loopback((name,)):
                raise NetworkUseError(f"a test tried to look up {host!r}")
            return lookup(host, *args, **kwargs)

        patch.setattr(socket, "getaddrinfo", guarded_lookup)
        yield


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's shell says to ml-dash and to matplotlib."""
    for name in list(os.environ):
        if name.startswith("ML_DASH_") and not name.startswith("ML_DASH_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture(autouse=True)
def _nothing_chosen_or_told() -> Iterator[None]:
    """Begin each test with no flag chosen and no use of old behaviour told."""
    yield
    from ml_dash import future
    from ml_dash._base import chosen, deprecate

    future.reset()
    deprecate.forget()
    chosen._told.clear()
