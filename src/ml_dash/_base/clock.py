"""Time stamps in the one text form of the store: UTC, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``."""

from __future__ import annotations

import time
from datetime import datetime, timezone

_cached: tuple[int, bytes] = (-1, b"")


def second_text(second: int) -> bytes:
    """Return ``YYYY-MM-DDTHH:MM:SS`` of a whole second since the epoch."""
    # Formatting a date costs more than the rest of a logging call, so the text of the
    # current second is kept. A tuple is swapped whole: threads need no lock.
    global _cached
    cached = _cached
    if cached[0] != second:
        text = datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        _cached = cached = (second, text.encode())
    return cached[1]


def stamp(now_s: float | None = None) -> str:
    """Return the store's text form of a time.

    Args:
        now_s: Seconds since the epoch; the present when omitted.
    """
    now_s = time.time() if now_s is None else now_s
    second = int(now_s)
    return f"{second_text(second).decode()}.{int((now_s - second) * 1e6):06d}Z"


def seconds_of(text: object) -> float | None:
    """Return the seconds since the epoch that a text form says; None when it says none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def file_stamp() -> str:
    """Return the present as part of a file name, such as ``20260131T235959.123456Z``."""
    return stamp().replace("-", "").replace(":", "")
