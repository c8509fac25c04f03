"""Time stamps in the one text form of the store: UTC, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``."""

from __future__ import annotations

import time
from datetime import datetime, timezone

time_ns = time.time_ns

_cached: tuple[int, bytes] = (-1, b"")


def stamp(now_ns: int | None = None) -> str:
    """Return the store's text form of a time.

    Args:
        now_ns: Nanoseconds since the epoch; the present when omitted.
    """
    return stamp_bytes(time_ns() if now_ns is None else now_ns).decode()


def stamp_bytes(now_ns: int) -> bytes:
    """Return the store's text form of a time in nanoseconds since the epoch."""
    # Formatting a date costs more than the rest of a logging call, so the text of the
    # current second is kept. A tuple is swapped whole: threads need no lock.
    global _cached
    second, rest_ns = divmod(now_ns, 1_000_000_000)
    cached = _cached
    if cached[0] != second:
        text = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        _cached = cached = (second, text.encode())
    return b"%b.%06dZ" % (cached[1], rest_ns // 1000)


def file_stamp() -> str:
    """Return the present as part of a file name, such as ``20260131T235959.123456Z``."""
    return stamp().replace("-", "").replace(":", "")
