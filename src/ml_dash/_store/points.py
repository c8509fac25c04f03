"""The stream of a metric's points: the path of every training step, kept short."""

from __future__ import annotations

from os import SEEK_END, lseek, write
from pathlib import Path

from ml_dash._base.clock import second_text
from ml_dash._base.fsio import LOCK_EX, LOCK_UN, flock
from ml_dash._store.stream import LOOK_AT_FOLDER_EVERY_S, Stream

# The two halves of a second's 1,000,000 fractions. Formatting `%06d` costs as much as a lock.
_MILLIS = [b"%03d" % number for number in range(1000)]
_MICROS = [b'%03dZ"}\n' % number for number in range(1000)]

_Moment = tuple[float, float, bytes]
# The second that it lies in and where it ends, since the epoch, and the form of its lines. One for
# all streams, and swapped whole, so that threads need no lock.
_moment: _Moment = (0.0, 0.0, b"")


def _note(now_s: float) -> _Moment:
    """Begin a moment: a stream that has not looked at its folder in this one does so."""
    global _moment
    second = int(now_s)
    form = b'{"index":%%d,"data":%%b,"createdAt":"%b.%%b%%b' % second_text(second)
    until_s = min(now_s + LOOK_AT_FOLDER_EVERY_S, second + 1.0)
    # From the second's start on: another thread may have read the clock a little earlier.
    _moment = noted = (float(second), until_s, form)
    return noted


class PointStream(Stream):
    """Points ``{"index", "data", "createdAt"}`` of one metric."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        super().__init__(path, "index", durable=durable)
        self._looked_in: _Moment | None = None

    def append_point(self, data: bytes, now_s: float) -> int:
        """Write one point and return its index.

        The same as ``append(self.tail(data, now_s))``, which formats twice and costs a fifth more
        of a training step.

        Args:
            data: The point's fields as a JSON object.
            now_s: When it was logged, in seconds since the epoch.

        Raises:
            OSError: nothing of the point is in the file.
        """
        moment = _moment
        if not moment[0] <= now_s < moment[1]:
            moment = _note(now_s)
        micros = int((now_s - moment[0]) * 1e6)
        with self.lock:
            fd = self._fd
            if fd < 0 or self._looked_in is not moment:
                fd = self._ready()
                self._looked_in = moment
            try:
                flock(fd, LOCK_EX)
                end = lseek(fd, 0, SEEK_END)
                if end != self._end:
                    self._catch_up(fd, end)
                    end = self._end
                index = self._next
                line = moment[2] % (index, data, _MILLIS[micros // 1000], _MICROS[micros % 1000])
                written = write(fd, line)
                if written != len(line):
                    self._undo(fd)
                self._end = end + written
                self._next = index + 1
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
