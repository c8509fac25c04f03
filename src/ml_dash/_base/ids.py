"""Identifiers made without a server."""

from __future__ import annotations

import os
import threading
import time

_TAG_BITS = 22


def _random_tag() -> int:
    return int.from_bytes(os.urandom(3), "big") >> (24 - _TAG_BITS)


_lock = threading.Lock()
_tag = _random_tag()
_last_ms = 0


def unique_id() -> str:
    """Return a decimal id: a millisecond that this process uses once, then the process's own bits.

    Ids of one process rise and never repeat; made faster than one a millisecond, they run ahead of
    the clock. Ids of a forked child never are its parent's.
    """
    global _last_ms
    with _lock:
        _last_ms = max(time.time_ns() // 1_000_000, _last_ms + 1)
        return str(_last_ms << _TAG_BITS | _tag)


def _after_fork_in_child() -> None:
    global _lock, _tag
    _lock = threading.Lock()
    # Counting on from the same number, the child would repeat what its parent makes next.
    _tag ^= _random_tag() or 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
