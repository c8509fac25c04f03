"""Records that cannot be written now: kept in order, in bounded memory, counted, written later.

Also the whole of ``ML_DASH_DURABILITY=batch``: there every record waits, up to a tenth of a
second, and a thread writes what has gathered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from ml_dash._store.stream import Stream

_log = logging.getLogger("ml_dash.store")
_TRY_AGAIN_AFTER_S = 0.05
_BLOCK_RECORDS = 256

Record = tuple[Stream, bytes, str]
"""Where a record goes, its line without the number, and its kind (``metrics``)."""


class Waiting:
    """The records that wait, oldest first.

    Args:
        max_bytes: How much may wait; more is refused.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self.counts: Counter[str] = Counter()
        self._records: list[Record] = []
        self.lock = threading.Lock()
        self._try_again_at = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        count = len(self)
        return "1 record waits in memory" if count == 1 else f"{count} records wait in memory"

    def hold(self, stream: Stream, tail: bytes, kind: str) -> bool:
        """Take a record in; False when there is no room for it."""
        with self.lock:
            if self.size_bytes + len(tail) > self.max_bytes:
                return False
            self._records.append((stream, tail, kind))
            self.size_bytes += len(tail)
            self.counts[kind] += 1
            return True

    def drain(self, *, now: bool = False) -> int:
        """Write what waits, oldest first; return how many records went out.

        Args:
            now: Try even if the last attempt failed a moment ago.

        Raises:
            OSError: the disk still refuses; what did not go out still waits.
        """
        with self.lock:
            if not self._records or (not now and time.monotonic() < self._try_again_at):
                return 0
            written = 0
            try:
                while self._records:
                    written += self._write_block()
            except OSError:
                self._try_again_at = time.monotonic() + _TRY_AGAIN_AFTER_S
                raise
            return written

    def _write_block(self) -> int:
        """Write the next few records, per stream in one go."""
        block = self._records[:_BLOCK_RECORDS]
        by_stream: dict[int, list[Record]] = {}
        for record in block:
            by_stream.setdefault(id(record[0]), []).append(record)
        done: set[int] = set()
        try:
            for key, records in by_stream.items():
                self._write_some(records)
                done.add(key)
        finally:
            self._drop(len(block), done)
        return len(block)

    def _write_some(self, records: list[Record]) -> None:
        stream = records[0][0]
        with stream.exclusive() as fd:
            stream.append_locked(fd, [tail for _, tail, _ in records])

    def _drop(self, considered: int, done: set[int]) -> None:
        kept: list[Record] = []
        for record in self._records[:considered]:
            if id(record[0]) in done:
                self.size_bytes -= len(record[1])
                self.counts[record[2]] -= 1
            else:
                kept.append(record)
        self._records[:considered] = kept

    def reset_after_fork(self) -> None:
        """Forget everything in a forked child: the parent will write it."""
        self.lock = threading.Lock()
        self._records = []
        self.counts = Counter()
        self.size_bytes = 0
