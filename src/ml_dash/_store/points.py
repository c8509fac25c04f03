"""The stream of a metric's points: the path of every training step, kept short."""

from __future__ import annotations

from os import SEEK_END, lseek, write
from time import monotonic

from ml_dash._base.clock import second_text
from ml_dash._base.fsio import LOCK_EX, LOCK_UN, flock
from ml_dash._store.stream import Stream


class PointStream(Stream):
    """Points ``{"index", "data", "createdAt"}`` of one metric."""

    _noted = (-1, b"")

    def append_point(self, data: bytes, now_s: float) -> int:
        """Write one point and return its index.

        The same as ``append(self.tail(data, now_s))``, which formats twice and costs a tenth more
        of a training step.

        Args:
            data: The point's fields as a JSON object.
            now_s: When it was logged, in seconds since the epoch.

        Raises:
            OSError: nothing of the point is in the file.
        """
        second = int(now_s)
        noted = self._noted  # a tuple, so that threads see second and text of the same moment
        if second != noted[0]:
            self._noted = noted = (second, second_text(second))
        text, micros = noted[1], int((now_s - second) * 1e6)
        with self.lock:
            fd = self._fd
            if fd < 0 or monotonic() >= self._look_again_at:
                fd = self._ready()
            try:
                flock(fd, LOCK_EX)
                end = lseek(fd, 0, SEEK_END)
                if end != self._end:
                    self._catch_up(fd, end)
                    end = self._end
                index = self._next
                line = b'{"index":%d,"data":%b,"createdAt":"%b.%06dZ"}\n' % (
                    index, data, text, micros)  # fmt: skip
                written = write(fd, line)
                if written != len(line):
                    self._undo(fd)
                self._end = end + written
                self._next = index + 1
                self.appended += 1
            finally:
                flock(fd, LOCK_UN)
        if self._durable:
            self._sync(self._end)
        return index

    @staticmethod
    def tail(data: bytes, now_s: float) -> bytes:
        """Return the part of a point's line after its index."""
        second = int(now_s)
        micros = int((now_s - second) * 1e6)
        return b',"data":%b,"createdAt":"%b.%06dZ"}' % (data, second_text(second), micros)
