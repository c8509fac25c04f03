"""Ids that no two processes of a server ever give out twice, and how they look to clients.

41 bits of milliseconds since 2024, 10 bits of the process, 12 bits of a counter. Processes get
their numbers from the database, one after the other.
"""

from __future__ import annotations

import re
import threading
import time

from sqlalchemy import Integer, cast, select, update
from sqlalchemy.types import String

from ml_dash.server.database import Database
from ml_dash.server.tables import facts
from ml_dash.server.upsert import insert_new

_EPOCH_MS = 1_704_067_200_000
_PROCESSES = 1 << 10
_PER_MS = 1 << 12
_HIGHEST = 2**63 - 1
_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class Ids:
    """Gives out ids.

    Args:
        database: Where the processes of the server are counted.
    """

    def __init__(self, database: Database) -> None:
        self._process = _next_process(database) % _PROCESSES
        self._lock = threading.Lock()
        self._last_ms = 0
        self._count = 0

    def new(self) -> int:
        """Return an id; later ones are larger, also when the clock is set back."""
        with self._lock:
            now_ms = max(time.time_ns() // 1_000_000 - _EPOCH_MS, self._last_ms)
            self._count = self._count + 1 if now_ms == self._last_ms else 0
            if self._count == _PER_MS:
                now_ms, self._count = now_ms + 1, 0
            self._last_ms = now_ms
            return ((now_ms * _PROCESSES) + self._process) * _PER_MS + self._count


def parsed(text: object) -> int | None:
    """Return the id that a client means; None when it cannot be one."""
    if not isinstance(text, str) or not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= _HIGHEST else None


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _next_process(database: Database) -> int:
    counter = "processes"
    with database.write() as connection:
        insert_new(connection, facts, {"name": counter, "value": "0"})
        connection.execute(
            update(facts)
            .where(facts.c.name == counter)
            .values(value=cast(cast(facts.c.value, Integer) + 1, String))
        )
        found = select(facts.c.value).where(facts.c.name == counter)
        return int(connection.execute(found).scalar_one())
