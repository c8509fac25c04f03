"""How much of a run waits for delivery, against how much may: for runs that are only spooled."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ml_dash._base.fork import reset_in_child
from ml_dash._base.settings import SPOOL_MAX_BYTES
from ml_dash._delivery.lane import Lane
from ml_dash._delivery.sources import LineSource
from ml_dash._record import codec
from ml_dash._store.run_store import RunStore


class Room:
    """Has the store refuse what there is no room for, and take it again when there is.

    Lines are refused from one look to the next; files and parameters are looked at one by one.

    Args:
        store: The run.
        lanes: Returns the run's lanes.
        files: The source of what happens to the run's files, and its lane.
        max_bytes: How much may wait.
    """

    def __init__(
        self,
        store: RunStore,
        lanes: Callable[[], Iterable[Lane]],
        files: tuple[LineSource, Lane],
        max_bytes: int,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._files, self._files_lane = files
        self._max_bytes = max_bytes
        self._read_to = 0
        self._events: deque[tuple[int, str]] = deque()
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        store.params.admit = store.files.admit = self.admit
        reset_in_child(self)

    def look(self) -> None:
        """Have lines refused, or taken again.

        Raises:
            CorruptDataError: a cursor is damaged.
            OSError: a stream cannot be read.
        """
        with self._lock:
            self._store.refuse_more(self._refusal(0))

    def admit(self, size_bytes: int) -> None:
        """Let something of this size into the run.

        Raises:
            CorruptDataError: a cursor is damaged.
            OSError: there is no room for it.
        """
        with self._lock:
            refusal = self._refusal(size_bytes)
            if refusal is not None:
                raise refusal

    def _refusal(self, size_bytes: int) -> OSError | None:
        owed = self._lines() + self._file_bytes()
        left = self._max_bytes - owed
        if left > 0 and size_bytes <= left:
            return None
        more = f"{size_bytes} more are to, " if size_bytes else ""
        what = f"{owed} bytes wait for delivery, {more}and {SPOOL_MAX_BYTES} allows "
        return OSError(errno.EFBIG, f"{what}{self._max_bytes}")

    def _lines(self) -> int:
        """Return how many bytes of lines wait; those of one file are counted once."""
        waiting: dict[Any, int] = {}
        for lane in self._lanes():
            path = getattr(lane.source, "path", lane.source.name)
            owed = lane.source.size() - lane.cursor.offset
            waiting[path] = max(owed, waiting.get(path, 0))
        return sum(waiting.values())

    def _file_bytes(self) -> int:
        """Return how large the files are that wait."""
        offset, size = self._files_lane.cursor.offset, self._files.size()
        for line, end in self._files.records(max(offset, self._read_to), size):
            self._note(_data_of(line), end)
        self._read_to = max(offset, size)
        while self._events and self._events[0][0] <= offset:
            self._sizes.pop(self._events.popleft()[1], None)
        return sum(self._sizes.values())

    def _note(self, event: dict[str, Any], end: int) -> None:
        record = event.get("record")
        self._sizes.pop(str(event.get("removed")), None)
        if record is None:
            return
        if record.get("deletedAt"):
            self._sizes.pop(record["id"], None)
        elif record.get("updatedAt") == record.get("uploadedAt"):  # stored, not described anew
            self._sizes[record["id"]] = record.get("sizeBytes") or 0
            self._events.append((end, record["id"]))

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()


def _data_of(line: bytes) -> dict[str, Any]:
    try:
        return dict(codec.decode(line)["data"])
    except (ValueError, KeyError, TypeError):
        return {}
