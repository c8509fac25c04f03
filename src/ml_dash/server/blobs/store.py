"""Bytes of files under their SHA-256: equal bytes are stored once, and a name never lies.

    with blobs.intake() as intake:                 # nothing is stored before commit
        for block in request: intake.write(block)
        blob = intake.commit(sha256=announced)     # or ChecksumMismatchError, and nothing stored
    with database.write() as connection: ...       # now the reference to blob.sha256

An upload always writes its bytes, also when equal bytes are there: so it never relies on an object
that :meth:`BlobStore.collect` is about to take away. What is collected first goes to a trash, where
readers still find it; what has been referenced meanwhile comes back.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from ml_dash.exceptions import (
    ChecksumMismatchError,
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidValueError,
    MLDashError,
)
from ml_dash.server.blobs.places import Place, Stored

TRASH = "trash"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Blob:
    """Stored bytes: their SHA-256 in hexadecimal, and how many they are."""

    sha256: str
    size_bytes: int


class BlobStore:
    """Bytes of files in a folder or a bucket.

    Args:
        place: Where they are.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def intake(self) -> Intake:
        """Begin to take in bytes.

        Raises:
            FileUploadError: there is no room for them; nothing was stored.
        """
        with uploading():
            return Intake(self.place)

    def store_all(self, contents: Mapping[str, bytes]) -> None:
        """Store small bytes; when it returns, all of them survive a power cut.

        Args:
            contents: The bytes by their SHA-256, which the caller has compared.

        Raises:
            FileUploadError: some could not be stored.
        """
        with uploading():
            self.place.put_all({name_of(sha256): held for sha256, held in contents.items()})

    def size(self, sha256: str) -> int:
        """Return how many bytes a blob has.

        Raises:
            ExperimentFileNotFoundError: there is no such blob.
            FileReadError: the place cannot be read.
        """
        return self._found(sha256).size_bytes

    def exists(self, sha256: str) -> bool:
        """Return whether there is a blob.

        Raises:
            FileReadError: the place cannot be read.
        """
        try:
            self._found(sha256)
        except ExperimentFileNotFoundError:
            return False
        return True

    def read(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Open a blob at once, and yield its bytes in blocks of about 1 MiB.

        Args:
            sha256: Which blob.
            start: The first byte.
            stop: The byte after the last; to the end, when omitted or beyond it.

        Raises:
            ExperimentFileNotFoundError: there is no such blob.
            FileReadError: the place cannot be read; also while blocks are taken.
        """
        for _ in range(3):
            found = self._found(sha256)
            end = found.size_bytes if stop is None else min(stop, found.size_bytes)
            if start >= end:
                return iter(())
            try:
                with _reading(sha256):
                    return _guarded(sha256, self.place.read(found.name, start, end))
            except FileNotFoundError:
                continue  # on its way into the trash, or back
        raise _missing(sha256)

    def _found(self, sha256: str) -> Stored:
        name = name_of(sha256)
        with _reading(sha256):
            # The trash is looked at between two looks at the place: what is moved is seen once.
            for look in (self.place.look, self._in_trash, self.place.look):
                found = look(name)
                if found is not None:
                    return found
        raise _missing(sha256)

    def _in_trash(self, name: str) -> Stored | None:
        digest = name.rpartition("/")[2]
        return next(
            (each for each in self.place.stored(TRASH) if digest_of(each.name) == digest), None
        )


class Intake:
    """Bytes on their way in; a context manager that leaves nothing behind without a commit."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._hash = hashlib.sha256()
        fd, path = tempfile.mkstemp(dir=place.incoming)
        self._path = Path(path)
        self._file = os.fdopen(fd, "wb")
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def write(self, block: bytes) -> None:
        """Take in some bytes.

        Raises:
            FileUploadError: there is no room for them; nothing was stored.
        """
        with uploading():
            self._file.write(block)
        self._hash.update(block)
        self.size_bytes += len(block)

    def commit(self, sha256: str | None = None, size_bytes: int | None = None) -> Blob:
        """Store what was taken in; when it returns, it survives a power cut.

        Args:
            sha256: What the sender says that it is, in hexadecimal.
            size_bytes: How many bytes the sender says there are.

        Raises:
            ChecksumMismatchError: it is something else; nothing was stored.
            FileUploadError: it could not be stored; nothing was stored.
        """
        blob = Blob(self._hash.hexdigest(), self.size_bytes)
        self._compare(blob, sha256, size_bytes)
        with uploading():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._place.adopt(self._path, name_of(blob.sha256))
        return blob

    def _compare(self, blob: Blob, sha256: str | None, size_bytes: int | None) -> None:
        if sha256 is not None and sha256.lower() != blob.sha256:
            what = f"The SHA-256 of what arrived is {blob.sha256}, not {sha256}"
        elif size_bytes is not None and size_bytes != blob.size_bytes:
            what = f"{blob.size_bytes} bytes arrived, not {size_bytes}"
        else:
            return
        raise ChecksumMismatchError(
            what,
            kept="the sender's file; nothing was stored here",
            hint="send the file again",
            context={"sha256": blob.sha256, "size_bytes": blob.size_bytes},
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        # Ours, and of no use to anybody: the bytes are stored, or were refused.
        self._path.unlink(missing_ok=True)


def name_of(sha256: str) -> str:
    """Return the name of a blob's object.

    Raises:
        InvalidValueError: this is no SHA-256 in hexadecimal.
    """
    if not _DIGEST.fullmatch(sha256):
        raise InvalidValueError(f"{sha256[:80]!r} is no SHA-256 of 64 hexadecimal digits")
    return f"{sha256[:2]}/{sha256}"


def digest_of(name: str) -> str:
    """Return the SHA-256 that an object's name holds, in the place or in the trash."""
    return name.rpartition("/")[2].partition(".")[0]


def _missing(sha256: str) -> ExperimentFileNotFoundError:
    return ExperimentFileNotFoundError(
        f"No bytes with the SHA-256 {sha256} are stored", context={"sha256": sha256}
    )


class _Translated:
    """Turns what a place raises into this package's errors."""

    def __init__(self, sha256: str | None) -> None:
        self._sha256 = sha256

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: object, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, MLDashError):
            return  # says what it is already
        if self._sha256 is None and isinstance(error, (OSError, ValueError)):
            raise FileUploadError(
                f"The file could not be stored: {error}",
                kept="the sender's file; nothing was stored here",
                hint="send it again when the store has room and answers",
                cause=error,
            ) from error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise FileReadError(
                f"The bytes {self._sha256} could not be read: {error}",
                kept="the bytes, in the store",
                cause=error,
                context={"sha256": self._sha256},
            ) from error


def uploading() -> _Translated:
    """Return what turns a place's errors while bytes come in into FileUploadError."""
    return _Translated(None)


def _reading(sha256: str) -> _Translated:
    return _Translated(sha256)


def _guarded(sha256: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    with _reading(sha256):
        yield from blocks
