"""A run's tracks: time-stamped entries, one line per time stamp.

An entry is appended to ``.pending.jsonl`` before the call returns. A merge puts the pending
entries of equal time together, sorts them and appends them to ``data.jsonl`` as one block, then
empties the pending file. Before the block goes out, a line in the pending file says where in
``data.jsonl`` it will start: whoever finds that line later can tell how far its writer came.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._base.fsio import LOCK_SH, flocked
from ml_dash._record import codec
from ml_dash._store.definitions import Definition
from ml_dash._store.documents import Document
from ml_dash._store.layout import PENDING, POINTS, SUMMARY
from ml_dash._store.logs import decode_line, decode_lines, without_damaged
from ml_dash._store.merging import REPLACED, Entry, merge_entries
from ml_dash._store.reading import reading
from ml_dash._store.stream import Stream

_log = logging.getLogger("ml_dash.store")
_MARK = b'{"merge":'


class TrackStore:
    """One track of a run."""

    def __init__(
        self, folder: Path, topic: str, durable: bool, definition: Definition | None = None
    ) -> None:
        self.topic = topic
        self.definition = definition or {}
        self.folder = folder
        self.pending = Stream(folder / PENDING, durable=durable)
        self.data = Stream(folder / POINTS, durable=durable)
        self._document = Document(folder / SUMMARY, durable=durable)
        self._snapshot_bytes = -1

    @property
    def track_id(self) -> str:
        """The id that 0.6 gave to a local track."""
        return f"local-track-{self.folder.name}"

    def open(self) -> None:
        """Finish what a killed writer left half done; make or mend the snapshot.

        Raises:
            OSError: the folder cannot be made, read or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.pending.exclusive() as fd:
            if self.data.path.exists():
                # Taking the lock mends a torn last line, which must not be counted.
                with self.data.exclusive():
                    pass
            self._finish_marked(fd)
            self._write_snapshot()

    def merge(self) -> None:
        """Move the pending entries into ``data.jsonl``, one line per time stamp.

        Raises:
            OSError: the entries are still in the pending file, or whole in ``data.jsonl``.
        """
        with self.pending.exclusive() as fd:
            self._finish_marked(fd)
            lines = _read(fd, self.pending.size_bytes)
            if lines:
                self._move(fd, self._block(self._sound(lines)))
                self._write_snapshot()

    def _sound(self, lines: list[bytes]) -> list[bytes]:
        return without_damaged(lines, self.pending.path, key="timestamp")

    def _block(self, lines: list[bytes]) -> list[bytes]:
        entries = (decode_line(line, self.pending.path) for line in lines)
        replaced: list[tuple[float, str]] = []
        block = [codec.encode(entry) for entry in merge_entries(entries, replaced)]
        if replaced:
            _log.warning(
                REPLACED, self.topic, len(replaced), *reversed(replaced[0]),
                extra=about("merging a track", track=self.topic, count=len(replaced)),
            )  # fmt: skip
        return block

    def _move(self, fd: int, block: list[bytes]) -> None:
        with self.data.exclusive() as data_fd:
            self.pending.append_locked(fd, [_MARK + b"%d}" % self.data.size_bytes])
            self.pending.appended -= 1
            self.data.append_locked(data_fd, block)
            self.data.appended -= len(block)
        self.pending.truncate_locked(fd)

    def _finish_marked(self, fd: int) -> None:
        """Finish merges whose writer died between announcing the block and clearing up."""
        lines = _read(fd, self.pending.size_bytes)
        marks = [at for at, line in enumerate(lines) if line.startswith(_MARK)]
        if not marks:
            return
        _log.warning(
            "Finishing an interrupted merge of track %r in %s", self.topic, self.folder,
            extra=about("merging a track", track=self.topic, path=self.folder),
        )  # fmt: skip
        # Entries after the last mark are younger than the dead writer; they wait for a merge.
        entries = [line for line in lines[: marks[-1]] if not line.startswith(_MARK)]
        block = self._block(self._sound(entries))
        with self.data.exclusive() as data_fd:
            missing = _missing(block, self._data_from(data_fd, _offset(lines[marks[-1]])))
            self.data.append_locked(data_fd, missing)
            self.data.appended -= len(missing)
        rest = lines[marks[-1] + 1 :]
        self.pending.truncate_locked(fd)
        self.pending.append_locked(fd, rest)
        self.pending.appended -= len(rest)

    def _data_from(self, fd: int, offset: int) -> list[bytes]:
        data = os.pread(fd, max(self.data.size_bytes - offset, 0), offset)
        return [line for line in data.split(b"\n") if line]

    def _write_snapshot(self) -> None:
        found, _ = self._document.read_or_set_aside()
        # What was counted up to where; 0.6 changes the total and leaves this alone.
        start, counted = _counted(found or {})
        summary = found if start and found is not None else {}
        if counted != summary.get("totalEntries"):
            start, summary = 0, {}
        size = self.data.path.stat().st_size if self.data.path.exists() else 0
        if start > size:
            start, summary = 0, {}
        columns = set(summary.get("columns", ()))
        total = summary.get("totalEntries", 0)
        first, last = summary.get("firstTimestamp"), summary.get("lastTimestamp")
        for entry in self._decoded(self._lines(start, size), skip_damaged=True):
            total += 1
            columns.update(key for key in entry if key != "timestamp")
            time = entry.get("timestamp")
            if time is not None and not math.isnan(time):
                first = time if first is None else min(first, time)
                last = time if last is None else max(last, time)
        self._document.write(
            {
                "trackId": self.track_id,
                "topic": self.topic,
                "columns": sorted(columns),
                "totalEntries": total,
                "firstTimestamp": first,
                "lastTimestamp": last,
                "createdAt": (found or {}).get("createdAt") or stamp(),
                **self.definition,
                "counted": {"bytes": size, "entries": total},
            }
        )

        self._snapshot_bytes = size

    # -- reading ---------------------------------------------------------------------------------

    def entries(self, *, skip_damaged: bool = False) -> list[Entry]:
        """Return all entries, those not yet merged included.

        Args:
            skip_damaged: Leave damaged lines out, loudly, instead of raising.

        Raises:
            CorruptDataError: a line is no entry.
            OSError: the track cannot be read.
        """
        size, lines = self._look()
        marks = [at for at, line in enumerate(lines) if line.startswith(_MARK)]
        if not marks:
            return [*self._decoded(self._lines(0, size), skip_damaged), *self._merged(lines)]
        start = _offset(lines[marks[-1]])
        block = self._block([line for line in lines[: marks[-1]] if not line.startswith(_MARK)])
        after = list(self._lines(start, size))
        announced = [*self._lines(0, start), *after, *_missing(block, after)]
        return [
            *self._decoded(announced, skip_damaged),
            *self._merged(lines[marks[-1] + 1 :]),
        ]

    def _decoded(self, lines: Iterable[bytes], skip_damaged: bool) -> Iterator[Entry]:
        return decode_lines(lines, self.data.path, key="timestamp", skip_damaged=skip_damaged)

    def _merged(self, lines: list[bytes]) -> list[Entry]:
        return merge_entries(decode_line(line, self.pending.path) for line in lines)

    def _look(self) -> tuple[int, list[bytes]]:
        """Return the size of the merged data and the pending lines, as of one moment."""
        try:
            with reading(self.pending.path):
                fd = os.open(self.pending.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return _size(self.data.path), []
        try:
            with reading(self.pending.path), flocked(fd, LOCK_SH):
                return _size(self.data.path), _read(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def _lines(self, start: int, end: int) -> Iterator[bytes]:
        if end <= start:
            return
        with reading(self.data.path), open(self.data.path, "rb") as file:
            file.seek(start)
            position = start
            for line in file:
                position += len(line)
                if position > end or not line.endswith(b"\n"):
                    return
                if line.strip():
                    yield line.rstrip(b"\n")

    def between(
        self, start: float | None, end: float | None, *, skip_damaged: bool = False
    ) -> list[Entry]:
        """Return the entries of a span of time, bounds inclusive; see :meth:`entries`."""
        return [
            entry
            for entry in self.entries(skip_damaged=skip_damaged)
            if (start is None or entry["timestamp"] >= start)
            and (end is None or entry["timestamp"] <= end)
        ]

    def flush(self) -> None:
        """Merge, and bring the snapshot up to date.

        Raises:
            OSError: it cannot be written; the entries are on disk.
        """
        self.merge()
        if self.data.size_bytes != self._snapshot_bytes:
            with self.pending.exclusive():
                self._write_snapshot()

    def summary(self) -> dict[str, Any]:
        """Return id, topic, counts and columns (0.6's shape), pending entries included.

        Raises:
            CorruptDataError: a line is no JSON object.
            OSError: the track cannot be read.
        """
        entries = self.entries()
        times = [e["timestamp"] for e in entries if not math.isnan(e["timestamp"])]
        return {
            "id": self.track_id,
            "topic": self.topic,
            "totalEntries": len(entries),
            "firstTimestamp": min(times, default=None),
            "lastTimestamp": max(times, default=None),
            "columns": sorted({key for entry in entries for key in entry} - {"timestamp"}),
            "createdAt": self._document.read_or_empty().get("createdAt"),
            **self.definition,
        }


def _read(fd: int, size: int) -> list[bytes]:
    data = os.pread(fd, size, 0)
    # A last line without its end is not accepted yet: its writer has not returned.
    return [line for line in data[: data.rfind(b"\n") + 1].split(b"\n") if line]


def _counted(summary: dict[str, Any]) -> tuple[int, int | None]:
    noted = summary.get("counted")
    if isinstance(noted, dict) and isinstance(noted.get("bytes"), int):
        return noted["bytes"], noted.get("entries")
    return 0, None


def _offset(mark: bytes) -> int:
    return int(mark[len(_MARK) :].rstrip(b"}"))


def _missing(block: list[bytes], found: list[bytes]) -> list[bytes]:
    """Return the part of an announced block that did not reach the file.

    The block went out in order and from one writer, so what is there of it is its beginning.
    """
    there = 0
    while there < min(len(block), len(found)) and block[there] == found[there]:
        there += 1
    return block[there:]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
