"""Large files that come in pieces: what has arrived of them is kept until they are whole.

    with partials.writing(owner, name, offset) as piece: piece.write(block) ...   # and again
    blob = partials.finish(owner, name, Blob(sha256, size_bytes))

Each is a file beside those that come in one go, and is swept with them when nothing has been
written to it for long. Its name holds who began it, so that nobody else can reach it. Writers may
overlap, since a sender whose connection broke comes again before the server knows that it did:
what they write is the same, and else is found out at the end, when nobody may write any more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_dash._base.fsio import LOCK_EX, LOCK_NB, LOCK_SH, flock
from ml_dash.exceptions import ChecksumMismatchError
from ml_dash.server.blobs.places import Place
from ml_dash.server.blobs.store import Blob, name_of, uploading
from ml_dash.server.errors import OffsetError, TooLargeError, UnavailableError

MOST_AT_ONCE = 16
"""How many unfinished files somebody may have."""

_PREFIX = "partial-"
_BLOCK_BYTES = 1 << 20


class Partials:
    """Files of which a part has arrived.

    Args:
        place: Where they go in the end.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def size(self, owner: int, name: str) -> int:
        """Return how much of a file has arrived, in bytes; 0 when nothing is known of it.

        Raises:
            FileUploadError: the place cannot be used.
        """
        with uploading():
            try:
                return self._path(owner, name).stat().st_size
            except FileNotFoundError:
                return 0

    @contextmanager
    def writing(self, owner: int, name: str, offset: int) -> Iterator[Piece]:
        """Write to a file from an offset on, at which, or before which, it ends.

        What was written is kept, however the block ends.

        Raises:
            OffsetError: the file ends before it.
            TooLargeError: it would be one too many for its owner.
            UnavailableError: it is being finished.
            FileUploadError: the place cannot be used.
        """
        with uploading():
            path = self._path(owner, name)
            if not path.exists():
                if offset:
                    raise OffsetError.at(0)
                self._count(owner)
            with self._locked(path, LOCK_SH, os.O_CREAT) as opened:
                if offset > (size := os.fstat(opened).st_size):
                    raise OffsetError.at(size)
                yield Piece(opened, offset)

    def finish(self, owner: int, name: str, wanted: Blob) -> Blob:
        """Store a file that is whole; when this returns, it survives a power cut.

        Args:
            owner: Who began it.
            name: The file.
            wanted: What its sender says that it is.

        Raises:
            OffsetError: there is more or less of it.
            ChecksumMismatchError: it is something else; what has arrived of it is gone.
            UnavailableError: it is being written, or finished.
            FileUploadError: it could not be stored.
        """
        path = self._path(owner, name)
        if not path.exists():
            raise OffsetError.at(0)
        with uploading(), self._locked(path, LOCK_EX) as opened:
            size = os.fstat(opened).st_size
            if size != wanted.size_bytes:
                raise OffsetError.at(size)
            found = _digest(opened)
            if found != wanted.sha256:
                path.unlink()
                raise ChecksumMismatchError(
                    f"The SHA-256 of what arrived is {found}, not {wanted.sha256}",
                    kept="the sender's file; nothing is stored here",
                    hint="send the file again, from its beginning",
                    context={"sha256": found, "size_bytes": size},
                )
            os.fsync(opened)
            self._place.adopt(path, name_of(found))
            path.unlink(missing_ok=True)  # a bucket has taken a copy
        return wanted

    def unfinished(self) -> list[int]:
        """Return how much of each unfinished file has arrived, in bytes.

        Raises:
            OSError: the place cannot be read.
        """
        found = (each for each in os.scandir(self._place.incoming))
        return [each.stat().st_size for each in found if each.name.startswith(_PREFIX)]

    def _path(self, owner: int, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        return self._place.incoming / f"{_PREFIX}{owner}-{digest[:40]}"

    def _count(self, owner: int) -> None:
        mine = f"{_PREFIX}{owner}-"
        count = sum(each.startswith(mine) for each in os.listdir(self._place.incoming))
        if count >= MOST_AT_ONCE:
            raise TooLargeError(
                f"{count} files are on their way already, of which more is awaited",
                hint="Finish them first, or send this one in one request",
                context={"most": MOST_AT_ONCE},
            )

    @contextmanager
    def _locked(self, path: Path, lock: int, flags: int = 0) -> Iterator[int]:
        """Open a file that has this path while it is locked."""
        while True:
            opened = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
            try:
                try:
                    flock(opened, lock | LOCK_NB)
                except BlockingIOError as error:
                    raise UnavailableError(
                        "Another request is at work on this file", hint="Ask again in a moment",
                        cause=error,
                    ) from error  # fmt: skip
                # Finished, or swept, before it was locked: it is no more what has this path.
                if _is_at(opened, path):
                    yield opened
                    return
            finally:
                os.close(opened)


class Piece:
    """A part of a file, on its way in.

    Attributes:
        end: Up to where the file has arrived.
    """

    def __init__(self, opened: int, offset: int) -> None:
        self._opened = opened
        self.end = offset

    def write(self, block: bytes | bytearray) -> None:
        """Take in what comes next.

        Raises:
            FileUploadError: there is no room for it.
        """
        with uploading():
            left = memoryview(block)
            while left:
                count = os.pwrite(self._opened, left, self.end)
                self.end += count
                left = left[count:]


def _is_at(opened: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), os.stat(path))
    except FileNotFoundError:
        return False


def _digest(opened: int) -> str:
    found, at = hashlib.sha256(), 0
    while block := os.pread(opened, _BLOCK_BYTES, at):
        found.update(block)
        at += len(block)
    return found.hexdigest()
