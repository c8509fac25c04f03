"""64-bit ids that rise with time and differ between processes.

From high to low: milliseconds since 2024-01-01 UTC (42 bits), worker (10 bits), sequence (12 bits).
"""

from __future__ import annotations

import os
import platform
import random
import threading
import time
import zlib
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
        worker_id: 0 to 1023; made from the names of the process and the machine when omitted.

    Raises:
        InvalidValueError: ``worker_id`` is no such number (is a ``ValueError``).
    """

    def __init__(self, worker_id: int | None = None) -> None:
        if worker_id is not None:
            _check_number("worker_id", worker_id, _MAX_WORKER)
        self._pid = os.getpid()
        self.worker_id = _worker_of(self._pid) if worker_id is None else worker_id
        self._last_ms = -1
        self._sequence = 0
        self._lock = threading.Lock()
        reset_in_child(self)

    def generate(self) -> int:
        """Return a new id, larger than all before it from this generator.

        When the clock goes back, time stands still here until it has caught up: ids go on rising.
        (0.6 raised ``RuntimeError`` in the middle of a run.)
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
        """Take another worker number, a given one too: a child never repeats its parent's ids."""
        self._lock = threading.Lock()
        parent, self._pid = self._pid, os.getpid()
        # The distance of the process ids keeps up to 1,023 children apart from each other as well.
        distance = (self._pid - parent) & _MAX_WORKER or random.SystemRandom().randint(
            1, _MAX_WORKER
        )
        self.worker_id = (self.worker_id + distance) & _MAX_WORKER


def _worker_of(pid: int) -> int:
    # 0.6 took the process id alone, but in containers every process may have the id 1.
    return (pid + zlib.crc32(platform.node().encode())) & _MAX_WORKER


def _check_number(name: str, value: object, largest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise InvalidValueError(
            f"{name} is {value!r}", hint=f"Give a whole number from 0 to {largest}"
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# Made at import, so that two threads never make one each: both would count with one worker.
_shared = SnowflakeIDGenerator()


def get_generator() -> SnowflakeIDGenerator:
    """Return the generator of this process."""
    return _shared


def generate_id() -> int:
    """Return a new id of this process's generator."""
    return _shared.generate()


def parse_id(snowflake_id: int) -> dict[str, Any]:
    """Return the parts of an id.

    Args:
        snowflake_id: From :func:`generate_id`.

    Returns:
        ``timestamp`` and ``timestamp_ms`` (both milliseconds since 1970), ``worker_id`` and
        ``sequence``.

    Raises:
        InvalidValueError: it is no whole number of at most 64 bits (is a ``TypeError``).
    """
    _check_number("snowflake_id", snowflake_id, (1 << 64) - 1)
    timestamp_ms = (snowflake_id >> (_WORKER_BITS + _SEQUENCE_BITS)) + EPOCH_MS
    return {
        "timestamp": timestamp_ms,
        "timestamp_ms": timestamp_ms,
        "worker_id": snowflake_id >> _SEQUENCE_BITS & _MAX_WORKER,
        "sequence": snowflake_id & _MAX_SEQUENCE,
    }
