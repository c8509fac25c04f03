"""The streams of a run's folder as sources of delivery."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ml_dash._base.fsio import LOCK_SH, flocked
from ml_dash._delivery.ports import Facts, Piece

_CHUNK_BYTES: Final = 1 << 20
_SMALL_CHUNK_BYTES: Final = 1 << 16
_MANY: Final = 100
_FEW_FILES: Final = 16
_MANY_BYTES: Final = 16 << 20
_NO_BOUND: Final = 1 << 40
_SIZE: Final = re.compile(rb'"sizeBytes":(\d{1,15})')
_KIND_WITHIN: Final = 64  # how far from its beginning an event of the journal says its kind


def _no_facts() -> Facts:
    return {}


class LineSource:
    """A file of lines, each one a record.

    Args:
        path: The file; it may be missing.
        kind: What its records are.
        name: The stream's name.
        facts: What rides along with its batches.
    """

    def __init__(
        self, path: Path, kind: str, name: str, facts: Callable[[], Facts] = _no_facts
    ) -> None:
        self.path = path
        self.kind = kind
        self.name = name
        self.facts = facts
        self._seen_bytes = -1
        self._whole_bytes = 0

    def size(self) -> int:
        """Return the size of what writers have finished writing, in bytes.

        Raises:
            OSError: the file cannot be looked at.
        """
        try:
            seen = os.stat(self.path).st_size
        except FileNotFoundError:
            return 0
        if seen != self._seen_bytes:
            # A writer that meets a full disk takes back what it wrote, before it gives up the lock.
            with self._open() as fd, flocked(fd, LOCK_SH):
                self._seen_bytes = self._whole_bytes = os.fstat(fd).st_size
        return self._whole_bytes

    def read(self, start: int, end: int, max_records: int, max_bytes: int) -> Piece:
        """Return records from ``start``, none that begins at or after ``end``.

        Raises:
            OSError: the file cannot be read.
        """
        if start >= end:
            return Piece([], start, start)
        with self._open() as fd:
            data = os.pread(fd, min(end - start, max_bytes), start)
        data = data[: data.rfind(b"\n") + 1]
        if not data or not self._is_plain(data):
            return self._read_slowly(start, end, max_records, max_bytes)
        lines = data[:-1].split(b"\n")[:max_records]
        last_end = start + sum(map(len, lines)) + len(lines)
        return Piece(lines, last_end, last_end)

    def _read_slowly(self, start: int, end: int, max_records: int, max_bytes: int) -> Piece:
        lines: list[bytes] = []
        taken_bytes, position, last_end = 0, start, start
        # A few events of a long journal are not worth a large piece of it.
        chunk_bytes = _CHUNK_BYTES if max_records >= _MANY else _SMALL_CHUNK_BYTES
        for content, after in self._lines(start, end, chunk_bytes):
            if self._is_record(content):
                if lines and (len(lines) >= max_records or taken_bytes + len(content) > max_bytes):
                    break
                lines.append(content)
                taken_bytes += len(content)
                last_end = after
            position = after
        return Piece(lines, last_end, position)

    def count(self, start: int, end: int) -> int:
        """Return how many records begin in a part of the stream.

        Raises:
            OSError: the file cannot be read.
        """
        records, position = 0, start
        with self._open() as fd:
            while position < end:
                data = os.pread(fd, min(_CHUNK_BYTES, end - position), position)
                if not data or not self._is_plain(data):
                    return sum(self._is_record(line) for line, _ in self._lines(start, end))
                records += data.count(b"\n")
                position += len(data)
        return records

    def records(self, start: int, end: int) -> Iterator[tuple[bytes, int]]:
        """Yield the records that begin in a part of the stream, each with where it ends.

        Raises:
            OSError: the file cannot be read.
        """
        if start < end:
            yield from (each for each in self._lines(start, end) if self._is_record(each[0]))

    def _is_plain(self, data: bytes) -> bool:
        """Tell whether each line of a part is a record."""
        return not data.startswith(b"\n") and b"\n\n" not in data

    def _is_record(self, content: bytes) -> bool:
        return bool(content)

    def _lines(
        self, start: int, end: int, chunk_bytes: int = _CHUNK_BYTES
    ) -> Iterator[tuple[bytes, int]]:
        """Yield whole lines that begin before ``end``, each with where it ends."""
        position, rest = start, b""
        with self._open() as fd:
            while position < end or rest:
                chunk = os.pread(fd, chunk_bytes, position + len(rest))
                if not chunk:
                    return
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if position >= end:
                        return
                    position += len(line) + 1
                    yield line, position
                if position >= end:
                    return

    def _open(self) -> _Opened:
        return _Opened(self.path)


class JournalSource(LineSource):
    """The events of one kind in a run's journal.

    Args:
        path: The journal.
        kind: The kind, which is also the stream's name.
    """

    def __init__(self, path: Path, kind: str, event: str) -> None:
        super().__init__(path, kind, kind)
        self._mark = b'"kind":"%b"' % event.encode()

    def _is_plain(self, data: bytes) -> bool:
        return False

    def _is_record(self, content: bytes) -> bool:
        return self._mark in content[:_KIND_WITHIN]


class FileSource(JournalSource):
    """What happened to a run's files: many small files at a time, but few large ones.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "files", "file")

    def read(self, start: int, end: int, max_records: int, max_bytes: int) -> Piece:
        """Return events from ``start``; fewer where the files themselves are large.

        Raises:
            OSError: the journal cannot be read.
        """
        piece = super().read(start, end, max_records, max_bytes)
        count = _worth_of(piece.lines) if max_bytes < _NO_BOUND else len(piece.lines)
        if count == len(piece.lines):
            return piece
        return super().read(start, end, count, max_bytes)


def _worth_of(lines: Sequence[bytes]) -> int:
    """Return how many events are enough to be sent, and noted as sent, at a time."""
    size_bytes = 0
    for count, line in enumerate(lines):
        size_bytes += sum(map(int, _SIZE.findall(line)[:1]))
        if count >= _FEW_FILES and size_bytes > _MANY_BYTES:
            return count
    return len(lines)


class _Opened:
    """A descriptor for the length of a block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> int:
        flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(self._path, flags)
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
