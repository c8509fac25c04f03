"""The bytes of stored files: copied and hashed in one go, fetched and verified in one go."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ml_dash.exceptions import ChecksumMismatchError, InvalidFileError

CHUNK_BYTES = 1 << 20
MAX_BYTES = 100 * 2**30
_ATTEMPTS = 3


@dataclass(frozen=True)
class Blob:
    """What was stored.

    Attributes:
        size_bytes: How many bytes.
        checksum: Their SHA-256, in hexadecimal.
    """

    size_bytes: int
    checksum: str


def check_source(source: str | os.PathLike[str]) -> Path:
    """Return a file that can be stored.

    Raises:
        InvalidFileError: it is missing, no plain file, or too large (is a ``ValueError``).
    """
    path = Path(source)
    facts = {"path": str(path)}
    if not str(source):
        raise InvalidFileError("The path of the file is empty", context=facts)
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidFileError(f"File not found: {path}", context=facts, cause=error) from error
    except ValueError as error:
        raise InvalidFileError(f"No file has the name {path!r}", context=facts) from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidFileError(
            f"Path is not a file: {path}", hint="Give one plain file", context=facts
        )
    if status.st_size > MAX_BYTES:
        raise InvalidFileError(f"{path} is over the 100GB limit", context=facts)
    return path


def copy_in(source: Path, target: Path, *, durable: bool = False) -> Blob:
    """Copy a file to a new name, hashing what is written.

    The checksum is that of the bytes in the store, whatever happens to the source. A source that
    changes meanwhile is copied again. A hard link would be free, but whoever rewrites the source
    in place would rewrite the store's copy with it.

    Raises:
        OSError: nothing is left of the copy.
    """
    try:
        for _ in range(_ATTEMPTS):
            before = _state(source)
            blob = _copy(source, target, durable=durable)
            if _state(source) == before:
                break
        return blob
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _state(source: Path) -> tuple[int, int] | None:
    try:
        status = source.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _copy(source: Path, target: Path, *, durable: bool) -> Blob:
    digest = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with open(source, "rb", buffering=0) as reading, open(target, "wb", buffering=0) as writing:
        while count := reading.readinto(buffer):
            chunk = buffer[:count]
            digest.update(chunk)
            size += count
            while chunk:
                chunk = chunk[writing.write(chunk) :]
        if durable:
            os.fsync(writing.fileno())
    return Blob(size, digest.hexdigest())


def checksum_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def copy_out(stored: Path, destination: Path, checksum: str) -> None:
    """Copy a stored file out; the destination appears whole and verified, or stays as it was.

    Raises:
        ChecksumMismatchError: the stored bytes are not those that were accepted.
        OSError: it cannot be read or written.
    """
    fd, name = tempfile.mkstemp(dir=destination.parent, prefix=".ml-dash-", suffix="~")
    os.close(fd)
    temporary = Path(name)
    try:
        blob = _copy(stored, temporary, durable=False)
        if checksum and blob.checksum != checksum:
            raise ChecksumMismatchError(
                f"Checksum verification failed for {stored}: the stored bytes have changed",
                kept=f"{destination} is as it was, and so is the store",
                hint="Look at the stored file; it is not what was accepted",
                context={"path": str(stored), "expected": checksum, "found": blob.checksum},
            )
        shutil.copystat(stored, temporary)
        os.replace(temporary, destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
