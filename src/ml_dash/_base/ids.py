"""Identifiers made without a server."""

from __future__ import annotations

import os
import threading
import time

_lock = threading.Lock()
_last = 0


def unique_id() -> str:
    """Return a decimal id: time in milliseconds, then 22 bits that differ per process and call.

    Ids of one process rise and never repeat; ids of a forked child differ from its parent's.
    """
    global _last
    candidate = (time.time_ns() // 1_000_000) << 22 | int.from_bytes(os.urandom(3), "big") >> 2
    with _lock:
        _last = max(candidate, _last + 1)
        return str(_last)


def _after_fork_in_child() -> None:
    global _lock, _last
    _lock = threading.Lock()
    # Parent and child would both count on from the same number within one millisecond.
    _last += 1 + int.from_bytes(os.urandom(2), "big")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
