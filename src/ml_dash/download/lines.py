"""A stream of a run that is filled from a server: whole lines only, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing_extensions import Self

_CHUNK_BYTES: Final = 1 << 20


class LineFile:
    """A file that grows by whole lines.

    What a killed process has left of a line is cut off when the file is opened: it is fetched
    again. Nobody else writes the file meanwhile.

    Args:
        path: The file; it and its folder are made.

    Attributes:
        count: How many lines it has.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(path, flags, 0o666)
        self.count = 0
        self._end = 0
        try:
            self._take_up()
        except BaseException:
            self.close()
            raise

    def _take_up(self) -> None:
        size = os.fstat(self._fd).st_size
        position = 0
        while chunk := os.pread(self._fd, _CHUNK_BYTES, position):
            self.count += chunk.count(b"\n")
            last = chunk.rfind(b"\n")
            if last >= 0:
                self._end = position + last + 1
            position += len(chunk)
        if self._end < size:
            os.ftruncate(self._fd, self._end)

    def add(self, lines: Sequence[bytes]) -> int:
        """Append lines and return how many bytes they are.

        Raises:
            OSError: none of them is in the file.
        """
        block = b"".join(line + b"\n" for line in lines)
        view = memoryview(block)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(block)
        self.count += len(lines)
        return len(block)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
