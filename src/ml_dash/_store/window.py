"""Reading a window of a long file of lines without reading what lies before it.

The file is cut into chunks at line ends. For each chunk the reader keeps where it starts, how
many lines precede it and the number of its first line; a later look extends the table by what
was appended since. Asking for numbers 900,000 to 900,999 then reads one or two chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_dash._store.reading import reading

_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Chunk:
    """A piece of the file, from one line start to another."""

    start: int
    end: int
    first_line: int
    first_number: int


class Window:
    """A file of numbered lines, read by number.

    Args:
        path: The file.
        number_of: Returns the number of a line, or -1.

    A reader sees only whole lines: a last line without its end is being written, or its writer
    is gone.
    """

    def __init__(self, path: Path, number_of: Callable[[bytes], int]) -> None:
        self.path = path
        self._number_of = number_of
        self._chunks: list[Chunk] = []
        self._identity: tuple[int, int] | None = None
        self.lines = 0
        """How many whole lines the file had at the last look."""
        self._in_order = True

    def look(self) -> None:
        """Take note of what was appended since the last look.

        Raises:
            FileReadError: the file cannot be read.
        """
        with reading(self.path):
            self._look()

    def _look(self) -> None:
        try:
            file = open(self.path, "rb")  # noqa: SIM115 - closed below, the miss is handled here
        except FileNotFoundError:
            self._forget()
            return
        with file:
            status = os.fstat(file.fileno())
            known_end = self._chunks[-1].end if self._chunks else 0
            if self._identity != (status.st_dev, status.st_ino) or status.st_size < known_end:
                self._forget()
                self._identity = (status.st_dev, status.st_ino)
            self._extend(file.fileno(), status.st_size)

    def _forget(self) -> None:
        self._chunks, self._identity, self.lines, self._in_order = [], None, 0, True

    def _extend(self, fd: int, size: int) -> None:
        # The last chunk may have been short: take it again, with what has come since.
        if self._chunks and self._chunks[-1].end < size:
            last = self._chunks.pop()
            start, self.lines = last.start, last.first_line
        else:
            start = self._chunks[-1].end if self._chunks else 0
        step = _CHUNK_BYTES
        while start < size:
            data = os.pread(fd, min(step, size - start), start)
            length = data.rfind(b"\n") + 1
            if not length:
                if not data or start + len(data) >= size:
                    return
                step *= 2
                continue
            step = _CHUNK_BYTES
            self._add(start, data[:length])
            start += length

    def _add(self, start: int, data: bytes) -> None:
        first = self._number_of(data[: data.index(b"\n")])
        count = data.count(b"\n")
        self._in_order &= self._rises(data, first, count)
        if self._chunks:
            before = self._chunks[-1]
            expected = before.first_number + self.lines - before.first_line
            self._in_order &= first == expected
        self._chunks.append(Chunk(start, start + len(data), self.lines, first))
        self.lines += count

    def _rises(self, data: bytes, first: int, count: int) -> bool:
        """Return whether the lines are numbered one by one."""
        if b'": ' in data:  # written by 0.6, which repeats numbers
            numbers = [self._number_of(line) for line in data.splitlines()]
            return numbers == list(range(first, first + count))
        return self._number_of(data[:-1].rpartition(b"\n")[2]) == first + count - 1

    def read(self, start: int, limit: int) -> Iterator[bytes]:
        """Yield the lines whose number is in ``[start, start + limit)``, in file order.

        Damaged lines among them are yielded too.

        A file whose numbers do not rise one by one (damaged by 0.6) is searched as a whole.
        """
        chunks = self._chunks
        stop = start + limit
        if self._in_order:
            last = next((i for i, c in enumerate(chunks) if c.first_number >= stop), len(chunks))
            first = self._position(start)
            chunks = chunks[first:last]
        if not chunks:
            return
        with reading(self.path), open(self.path, "rb") as file:
            for chunk in chunks:
                data = os.pread(file.fileno(), chunk.end - chunk.start, chunk.start)
                for line in data.split(b"\n"):
                    # A line without a number is damaged: whoever asked decides about it.
                    if line and (start <= (number := self._number_of(line)) < stop or number < 0):
                        yield line

    def _position(self, number: int) -> int:
        low, high = 0, len(self._chunks)
        while low < high:
            middle = (low + high) // 2
            if self._chunks[middle].first_number <= number:
                low = middle + 1
            else:
                high = middle
        return max(low - 1, 0)

    def last_line(self) -> bytes:
        """Return the last whole line, or nothing for an empty file."""
        if not self._chunks:
            return b""
        chunk = self._chunks[-1]
        with reading(self.path), open(self.path, "rb") as file:
            data = os.pread(file.fileno(), chunk.end - chunk.start, chunk.start)
        return data.rstrip(b"\n").rpartition(b"\n")[2]

    def first_line(self) -> bytes:
        """Return the first whole line, or nothing for an empty file."""
        if not self._chunks:
            return b""
        with reading(self.path), open(self.path, "rb") as file:
            return file.readline().rstrip(b"\n")
