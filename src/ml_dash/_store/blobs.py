"""The bytes of stored files: copied and hashed in one go, fetched and verified in one go."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ml_dash.exceptions import ChecksumMismatchError, InvalidFileError, InvalidValueError

CHUNK_BYTES = 1 << 20
MAX_BYTES = 100 * 2**30
_ATTEMPTS = 3
_FICLONE = 0x40049409
"""Linux's request to share a file's blocks; where it has another number it is refused."""


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
        InvalidValueError: it is no path (is a ``TypeError`` and a ``ValueError``).
        InvalidFileError: it is missing, no plain file, or too large (is a ``ValueError``).
    """
    if not isinstance(source, (str, os.PathLike)):
        raise InvalidValueError(f"A file is given by its path, not by {type(source).__name__}")
    path = Path(source)
    facts = {"path": str(path)}
    if not str(source):
        raise InvalidFileError("The path of the file is empty", context=facts)
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise InvalidFileError(f"No file has the name {str(path)!r}", context=facts) from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidFileError(
            f"Path is not a file: {path}", hint="Give one plain file", context=facts
        )
    if status.st_size > MAX_BYTES:
        raise InvalidFileError(f"{path} is over the 100GB limit", context=facts)
    return path


def _unreadable(path: Path, error: OSError) -> InvalidFileError:
    missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
    what = f"File not found: {path}" if missing else f"Cannot read {path}: {error.strerror}"
    return InvalidFileError(what, context={"path": str(path), "errno": error.errno}, cause=error)


def copy_in(source: Path, target: Path, *, durable: bool = False) -> Blob:
    """Copy a file to a new name, hashing what is written; its time and permissions go with it.

    The checksum is that of the bytes in the store, whatever happens to the source. A source that
    changes meanwhile is copied again; after some attempts the copy is taken as it is.

    Blocks are shared with the source where the file system can. A hard link would be free
    everywhere, but whoever rewrites the source in place would rewrite the store's copy with it.

    Raises:
        InvalidFileError: the source cannot be opened.
        OSError: nothing is left of the copy.
    """
    try:
        reading = open(source, "rb", buffering=0)  # noqa: SIM115 - closed below; own error here
    except OSError as error:
        raise _unreadable(source, error) from error
    with reading, open(target, "xb", buffering=0) as writing:
        try:
            blob = _copy_stable(reading, writing, target)
            _take_over_facts(reading, writing)
            if durable:
                os.fsync(writing.fileno())
        except BaseException:
            target.unlink()
            raise
    return blob


def _copy_stable(reading: FileIO, writing: FileIO, target: Path) -> Blob:
    for attempts_left in reversed(range(_ATTEMPTS)):
        before = _state(reading)
        blob = measure(target) if _clone(reading, writing) else _copy(reading, writing)
        if not attempts_left or _state(reading) == before:
            break
        reading.seek(0)
        writing.seek(0)
        writing.truncate()
    return blob


def _state(file: FileIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _take_over_facts(reading: FileIO, writing: FileIO) -> None:
    status = os.fstat(reading.fileno())
    # The store must be able to read what it holds, even if the owner could not.
    os.fchmod(writing.fileno(), stat.S_IMODE(status.st_mode) & 0o777 | stat.S_IRUSR)
    os.utime(writing.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _clone(reading: FileIO, writing: FileIO) -> bool:
    """Share the source's blocks, at once and without space, where the file system can."""
    if sys.platform != "linux":
        return False
    from fcntl import ioctl

    try:
        ioctl(writing.fileno(), _FICLONE, reading.fileno())
    except OSError:
        # Not an error: most file systems cannot, none can across devices. Then it is copied.
        return False
    return True


def _copy(reading: FileIO, writing: FileIO | None) -> Blob:
    digest = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while count := reading.readinto(buffer):
        chunk = buffer[:count]
        digest.update(chunk)
        size += count
        while chunk and writing is not None:
            chunk = chunk[writing.write(chunk) :]
    return Blob(size, digest.hexdigest())


def measure(path: str | os.PathLike[str], *, durable: bool = False) -> Blob:
    """Return size and SHA-256 of a file.

    Args:
        path: The file.
        durable: Also make its bytes survive a power cut.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        if durable:
            os.fsync(file.fileno())
        return _copy(file, None)


def checksum_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    return measure(path).checksum


def require_checksum(path: str | os.PathLike[str], expected: str) -> None:
    """Raise unless a file has this SHA-256.

    Raises:
        ChecksumMismatchError: it has another.
        OSError: it cannot be read.
    """
    if (found := checksum_of(path)) != expected:
        raise ChecksumMismatchError(
            f"{path} is not the file that was expected: its SHA-256 is {found}, not {expected}",
            context={"path": str(path), "found": found, "expected": expected},
            hint="Store or download the file again",
        )


def copy_out(reading: FileIO, destination: Path, checksum: str) -> None:
    """Copy a stored file out; the destination appears whole and verified, or stays as it was.

    Args:
        reading: The stored file, open and unbuffered.
        destination: The file to make or replace.
        checksum: What its SHA-256 must be; empty when that is not known.

    Raises:
        ChecksumMismatchError: the stored bytes are not those that were accepted.
        OSError: it cannot be read or written.
    """
    fd, name = tempfile.mkstemp(dir=destination.parent, prefix=".ml-dash-", suffix="~")
    try:
        with open(fd, "wb", buffering=0) as writing:
            blob = _copy(reading, writing)
            verify(blob.checksum, checksum, reading.name, f"{destination} is as it was")
            _take_over_facts(reading, writing)
        os.replace(name, destination)
    except BaseException:
        os.unlink(name)
        raise


def verify(found: str, expected: str, where: object, kept: str) -> None:
    """Check the SHA-256 of stored bytes.

    Raises:
        ChecksumMismatchError: they are not those that were accepted.
    """
    if expected and found != expected:
        raise ChecksumMismatchError(
            f"Checksum verification failed for {where}: the stored bytes have changed",
            kept=f"{kept}, and so is the store",
            hint="Look at the stored file; it is not what was accepted",
            context={"path": str(where), "expected": expected, "found": found},
        )


def checksum_of_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
