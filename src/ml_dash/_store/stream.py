"""The append-only file: one line per record, numbered without gaps, whoever writes.

Every append takes the file's lock (``flock``), looks whether somebody else has written since,
numbers the record and writes its line with one ``write``. The lock makes numbers unique across
processes and is released by the kernel when a process is killed; it also is what makes appends
whole on a network file system, where ``O_APPEND`` alone does not. Measured on Linux, lock and
look together cost about as much as the write itself.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import SEEK_END, lseek, write
from pathlib import Path
from time import monotonic

from ml_dash._base.facts import about
from ml_dash._base.fork import reset_in_child
from ml_dash._base.fsio import LOCK_EX, LOCK_UN, flock, sync_folder
from ml_dash._record import codec
from ml_dash._store.descriptors import SHARED, Descriptors
from ml_dash._store.growth import Growth
from ml_dash.exceptions import PrefixError

_log = logging.getLogger("ml_dash.store")
_NOT_OPEN = -1
LOOK_AT_FOLDER_EVERY_S = 0.05
_CHUNK_BYTES = 1 << 20
_OPEN_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class Stream:
    """One append-only file of JSON lines.

    Args:
        path: The file; it and its folder are made at the first append.
        counter: Name of the number that starts each line (``index``); None for lines without one.
        first: Number of the first record of an empty file.
        durable: Whether an append also survives a power cut (``fsync``, shared between threads).
        descriptors: The bound on open files that this stream counts against.

    """

    def __init__(
        self,
        path: Path,
        counter: str | None = None,
        *,
        first: int = 0,
        durable: bool = False,
        descriptors: Descriptors = SHARED,
    ) -> None:
        self.path = path
        self._name = os.fspath(path)
        self._head = b"" if counter is None else b'{"%s":' % counter.encode()
        self._counter = counter
        self._durable = durable
        self._descriptors = descriptors
        self.lock = threading.Lock()
        self._fd = _NOT_OPEN
        self._end = 0
        self._next = self._own_from = first
        self._look_again_at = 0.0
        self._synced_end = 0
        self.growth: Growth | None = None
        """Told what the stream gets, each time that the folder is looked at."""
        self._told_end = 0
        self._sync_lock = threading.Lock()
        reset_in_child(self)

    # -- writing -------------------------------------------------------------------------------

    def append(self, tail: bytes) -> int:
        """Write one record and return its number.

        Args:
            tail: The line after its number (``,"data":...}``), or the whole line where records
                carry no number; without the line end.

        Raises:
            OSError: nothing of the record is in the file.
        """
        with self.lock:
            fd = self._fd
            if fd < 0 or monotonic() >= self._look_again_at:
                fd = self._ready()
            try:
                flock(fd, LOCK_EX)
                end = lseek(fd, 0, SEEK_END)
                if end != self._end:
                    self._catch_up(fd, end)
                number = self._next
                line = b"%b%d%b\n" % (self._head, number, tail) if self._head else tail + b"\n"
                written = write(fd, line)
                if written != len(line):
                    self._undo(fd)
                self._end += written
                self._next = number + 1
            finally:
                flock(fd, LOCK_UN)
        if self._durable:
            self._sync(self._end)
        return number

    @contextmanager
    def exclusive(self) -> Iterator[int]:
        """Keep all other writers out, of this process and of others; gives the descriptor."""
        with self.lock:
            fd = self._ready()
            try:
                flock(fd, LOCK_EX)
                end = os.lseek(fd, 0, os.SEEK_END)
                if end != self._end:
                    self._catch_up(fd, end)
                yield fd
            finally:
                flock(fd, LOCK_UN)

    def append_locked(self, fd: int, tails: Sequence[bytes]) -> int:
        """Write records inside :meth:`exclusive`, all or none; return the first one's number.

        Raises:
            OSError: none of them is in the file.
        """
        first = self._next
        if self._head:
            lines = [b"%b%d%b\n" % (self._head, first + i, tail) for i, tail in enumerate(tails)]
        else:
            lines = [tail + b"\n" for tail in tails]
        block = memoryview(b"".join(lines))
        end = self._end
        try:
            while block:
                written = os.write(fd, block)
                end += written
                block = block[written:]
        except OSError:
            os.ftruncate(fd, self._end)
            raise
        self._end = end
        self._next = first + len(tails)
        if self._durable:
            os.fsync(fd)
            self._synced_end = end
        return first

    def truncate_locked(self, fd: int, size_bytes: int = 0) -> None:
        """Cut the file inside :meth:`exclusive`."""
        os.ftruncate(fd, size_bytes)
        self._end = size_bytes

    @property
    def appended(self) -> int:
        """How many records this object has written."""
        return self._next - self._own_from

    @appended.setter
    def appended(self, count: int) -> None:
        self._own_from = self._next - count

    @property
    def next_number(self) -> int:
        """Number that the next record of this process would get, as far as it knows."""
        return self._next

    @property
    def size_bytes(self) -> int:
        """Size of the file as this process last saw it."""
        return self._end

    def expect(self, size_bytes: int, next_number: int) -> None:
        """Start from a remembered position, so that opening reads only what came after it."""
        if self._fd < 0 and self._end == 0:
            self._end = size_bytes
            self._pass_over(next_number)

    def close(self) -> None:
        """Give the descriptor back; the next append opens it again."""
        with self.lock:
            self._close()

    def try_release(self) -> bool:
        """Give the descriptor back unless the stream is in use."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = _NOT_OPEN
        finally:
            self.lock.release()
        return True

    # -- opening and checking --------------------------------------------------------------------

    def _ready(self) -> int:
        """Return an open descriptor of the file that has our name now."""
        if self._fd >= 0:
            # A removed file takes writes without complaint; only its link count tells.
            if os.fstat(self._fd).st_nlink:
                self._look_again_at = monotonic() + LOOK_AT_FOLDER_EVERY_S
                if self.growth is not None:
                    self.growth.add(self._end - self._told_end)
                    self._told_end = self._end
                return self._fd
            self._close()
            self._end = 0
            raise FileNotFoundError(
                errno.ENOENT, "the file was removed while the run was open", str(self.path)
            )
        return self._open()

    def _open(self) -> int:
        try:
            fd = os.open(self._name, _OPEN_FLAGS)
        except OSError as error:
            fd = self._open_otherwise(error)
        self._fd = fd
        self._look_again_at = monotonic() + LOOK_AT_FOLDER_EVERY_S
        self._descriptors.register(self)
        return fd

    def _open_otherwise(self, error: OSError) -> int:
        """Open after a first failure: make the file, or give back descriptors until there is one.

        Raises:
            PrefixError: the file is a symbolic link.
            OSError: it cannot be opened.
        """
        while error.errno in (errno.EMFILE, errno.ENFILE) and self._descriptors.make_room():
            try:
                return os.open(self._name, _OPEN_FLAGS | os.O_CREAT, 0o666)
            except OSError as again:
                error = again
        if error.errno == errno.ELOOP:
            raise _planted_link(self.path) from error
        if error.errno != errno.ENOENT:
            raise error
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._name, _OPEN_FLAGS | os.O_CREAT, 0o666)
        if self._durable:
            sync_folder(self.path.parent)
        return fd

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = _NOT_OPEN
            self._descriptors.forget(self)

    def _catch_up(self, fd: int, end: int) -> None:
        """Take note of what others have written since; mend a torn last line."""
        if end < self._end:
            self._end = 0
        end = self._mend_tail(fd, end)
        if end > self._end and self._counter is not None:
            self._pass_over(self._number_after(fd, self._end, end))
        self._end = end

    def _pass_over(self, number: int) -> None:
        """Go on from a number that others have come to; theirs do not count as our own."""
        skipped = max(number - self._next, 0)
        self._next += skipped
        self._own_from += skipped

    def _mend_tail(self, fd: int, end: int) -> int:
        """Keep a last line that lacks its end aside: its writer died before the call returned."""
        if not end or os.pread(fd, 1, end - 1) == b"\n":
            return end
        start = end
        tail = b""
        while start > 0 and b"\n" not in tail:
            step = min(start, 1 << 16)
            start -= step
            tail = os.pread(fd, step, start) + tail
        torn = tail[tail.rfind(b"\n") + 1 :]
        if _is_record(torn):
            os.write(fd, b"\n")
            return end + 1
        kept = self.path.with_name(self.path.name + ".torn")
        with open(kept, "ab") as file:
            file.write(torn + b"\n")
        os.ftruncate(fd, end - len(torn))
        _log.warning(
            "%s ended in a torn line of %d bytes, whose writer was killed or lost power before "
            "the call returned; the piece is kept in %s",
            self.path,
            len(torn),
            kept.name,
            extra=about("opening a stream", path=self.path, size_bytes=len(torn), kept_as=kept),
        )
        return end - len(torn)

    def _number_after(self, fd: int, start: int, end: int) -> int:
        """Return one more than the highest number in a part of the file."""
        lines = 0
        highest = -1
        rest = b""
        last = b""
        position = start
        while position < end:
            chunk = os.pread(fd, min(_CHUNK_BYTES, end - position), position)
            position += len(chunk)
            lines += chunk.count(b"\n")
            last = (rest + chunk).rstrip(b"\n").rpartition(b"\n")[2]
            rest = last if not chunk.endswith(b"\n") else b""
        highest = self.number_of(last)
        before = self._next if start else 0
        if highest + 1 != before + lines:
            # Not what a whole history of single steps ends in: look at every line.
            with open(self.path, "rb") as file:
                file.seek(start)
                highest = max((self.number_of(line) for line in file), default=-1)
        return highest + 1

    def number_of(self, line: bytes) -> int:
        """Return the number of a line, or -1 for a line that has none."""
        if self._counter is None:
            return -1
        head = self._head
        if line.startswith(head):
            digits = line[len(head) : len(head) + 20].partition(b",")[0]
            if digits.isdigit():
                return int(digits)
        try:
            number = codec.decode(line)[self._counter]
        except (ValueError, KeyError, TypeError):
            return -1
        return number if isinstance(number, int) else -1

    def _undo(self, fd: int) -> None:
        """Take back a line of which only a part fitted."""
        os.ftruncate(fd, self._end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    # -- surviving a power cut -------------------------------------------------------------------

    def _sync(self, end: int) -> None:
        """Return when everything up to ``end`` is on the medium; threads share one sync."""
        with self._sync_lock:
            if self._synced_end >= end:
                return
            with self.lock:
                fd = os.dup(self._ready())
                reached = self._end
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            self._synced_end = reached

    # -- fork --------------------------------------------------------------------------------------

    def reset_after_fork(self) -> None:
        """Start afresh in a forked child: own locks, own descriptor, no count."""
        self.lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self.appended = 0
        if self._fd >= 0:
            # The copy shares its lock with the parent's descriptor; closing it does not unlock.
            os.close(self._fd)
            self._fd = _NOT_OPEN


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(codec.decode(line), dict)
    except ValueError:
        return False


def _planted_link(path: Path) -> PrefixError:
    return PrefixError(
        f"{path} is a symbolic link; a run writes only to files of its own folder",
        hint="Remove the link, or move the run to where it points",
        context={"path": str(path)},
    )
