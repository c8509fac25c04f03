"""A bound on how many files the process keeps open for its streams."""

from __future__ import annotations

import threading
from random import getrandbits
from typing import Protocol

from ml_dash._base.fork import reset_in_child

try:
    from resource import RLIMIT_NOFILE, getrlimit
except ImportError:  # pragma: no cover - no such platform in CI

    def _soft_limit() -> int:
        return 512
else:

    def _soft_limit() -> int:
        return getrlimit(RLIMIT_NOFILE)[0]


_FOR_THE_SCRIPT = 256
_MOST = 2048
_LOOK_EVERY = 16
_ATTEMPTS = 8
_AT_LEAST = 8
_SELDOM_BITS = 4


class Closeable(Protocol):
    """Something that holds one descriptor and can give it back for a while."""

    def try_release(self) -> bool:
        """Close the descriptor unless it is in use; tell whether it is closed now."""
        ...


def bound() -> int:
    """Return what the process may open now, less what a script with data loaders needs."""
    limit = _soft_limit()
    return min(max(limit - _FOR_THE_SCRIPT, limit // 2, _AT_LEAST), _MOST)


class Descriptors:
    """The open streams of this process, so many at most.

    Scripts write their metrics round-robin. Dropping the least recently used one would always drop
    the one that is needed next, so a full house mostly drops the one opened last, and now and then
    any, lest it keep what is no longer written.
    """

    def __init__(self, max_open: int | None = None) -> None:
        self.max_open = bound() if max_open is None else max_open
        self._open: list[Closeable] = []
        self._lock = threading.Lock()
        reset_in_child(self)

    def __len__(self) -> int:
        return len(self._open)

    def register(self, stream: Closeable) -> None:
        """Count a stream that has just opened its file; close another when there are too many."""
        with self._lock:
            if not len(self._open) % _LOOK_EVERY:
                # The limit may have been lowered since; a full house meets EMFILE in odd places.
                self.max_open = min(self.max_open, bound())
            if len(self._open) < self.max_open:
                self._open.append(stream)
                return
            # Mostly the one opened last gives its place to the new one.
            position = -1 if getrandbits(_SELDOM_BITS) else self._any()
            victim, self._open[position] = self._open[position], stream
        if not victim.try_release():
            with self._lock:
                self._open.append(victim)
            self.evict()

    def forget(self, stream: Closeable) -> None:
        """Stop counting a stream that has closed its file itself."""
        with self._lock:
            if stream in self._open:
                self._open.remove(stream)

    def evict(self) -> bool:
        """Close one open stream; False when there is none, or all that were tried are in use."""
        for _ in range(_ATTEMPTS):
            with self._lock:
                if not self._open:
                    return False
                victim = self._open.pop(self._any())
            if victim.try_release():
                return True
            with self._lock:
                self._open.append(victim)
        return False

    def make_room(self) -> bool:
        """Give back a quarter of the files, and keep to that bound from now on.

        For when the process has no descriptor left: a limit that was lowered, or a script that
        needs more than was set aside for it.

        Returns:
            Whether any was given back.
        """
        wanted = len(self._open) // 4 + 1
        closed = sum(self.evict() for _ in range(wanted))
        self.max_open = max(min(self.max_open, len(self._open)), _AT_LEAST)
        return closed > 0

    def _any(self) -> int:
        return getrandbits(31) % len(self._open)

    def reset_after_fork(self) -> None:
        """Start empty in a forked child, whatever its parent's threads held."""
        self._lock = threading.Lock()
        self._open = []


SHARED = Descriptors()
