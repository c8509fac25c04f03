"""64-bit ids that rise with time and differ between processes.

From high to low: milliseconds since 2024-01-01 UTC (42 bits), worker (10 bits), sequence (12 bits).
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from ml_dash._base.fork import reset_in_child
from ml_dash.exceptions import InvalidValueError

__all__ = ["SnowflakeIDGenerator", "generate_id", "get_generator", "parse_id"]

EPOCH_MS = 1_704_067_200_000
"""2024-01-01T00:00:00Z, in milliseconds since 1970."""
_WORKER_BITS = 10
_SEQUENCE_BITS = 12
_MAX_WORKER = (1 << _WORKER_BITS) - 1
_MAX_SEQUENCE = (1 << _SEQUENCE_BITS) - 1


class SnowflakeIDGenerator:
    """Makes ids; safe for threads, and for a forked child, which gets a worker of its own.

    Args:
        worker_id: 0 to 1023; the low bits of the process id when omitted.

    Raises:
        InvalidValueError: ``worker_id`` is out of range (is a ``ValueError``).
    """

    def __init__(self, worker_id: int | None = None) -> None:
        if worker_id is not None and not 0 <= worker_id <= _MAX_WORKER:
            raise InvalidValueError(
                f"worker_id is {worker_id!r}", hint=f"Give a number from 0 to {_MAX_WORKER}"
            )
        self._given = worker_id is not None
        self.worker_id = os.getpid() & _MAX_WORKER if worker_id is None else worker_id
        self._last_ms = -1
        self._sequence = 0
        self._lock = threading.Lock()
        reset_in_child(self)

    def generate(self) -> int:
        """Return a new id, larger than all before it from this generator.

        When the clock goes back, time stands still here until it has caught up: ids go on rising.
        """
        with self._lock:
            now_ms = max(_now_ms(), self._last_ms)
            self._sequence = self._sequence + 1 if now_ms == self._last_ms else 0
            if self._sequence > _MAX_SEQUENCE:
                # 4,096 ids in one millisecond: borrow the next one rather than wait.
                now_ms, self._sequence = now_ms + 1, 0
            self._last_ms = now_ms
            return (
                (now_ms - EPOCH_MS) << (_WORKER_BITS + _SEQUENCE_BITS)
                | self.worker_id << _SEQUENCE_BITS
                | self._sequence
            )

    def reset_after_fork(self) -> None:
        """Take another worker number, so that a child never repeats its parent's ids."""
        self._lock = threading.Lock()
        if not self._given:
            self.worker_id = os.getpid() & _MAX_WORKER
        else:
            # The caller chose the worker: keep it, and leave the parent's milliseconds alone.
            self._last_ms += 1 + int.from_bytes(os.urandom(1), "big")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


_shared: SnowflakeIDGenerator | None = None


def get_generator() -> SnowflakeIDGenerator:
    """Return the generator of this process."""
    global _shared
    if _shared is None:
        _shared = SnowflakeIDGenerator()
    return _shared


def generate_id() -> int:
    """Return a new id of this process's generator."""
    return get_generator().generate()


def parse_id(snowflake_id: int) -> dict[str, Any]:
    """Return the parts of an id.

    Returns:
        ``timestamp`` (seconds since 1970), ``timestamp_ms``, ``worker_id`` and ``sequence``.
    """
    timestamp_ms = (snowflake_id >> (_WORKER_BITS + _SEQUENCE_BITS)) + EPOCH_MS
    return {
        "timestamp": timestamp_ms / 1000,
        "timestamp_ms": timestamp_ms,
        "worker_id": snowflake_id >> _SEQUENCE_BITS & _MAX_WORKER,
        "sequence": snowflake_id & _MAX_SEQUENCE,
    }
