"""Moving the bytes of files: streamed, verified, and never over something that works."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import httpx

from ml_dash._base.facts import about
from ml_dash._base.ids import unique_id
from ml_dash._base.policy import log_error
from ml_dash._remote.transport import Transport
from ml_dash.exceptions import (
    ChecksumMismatchError,
    CleanupError,
    InvalidFileError,
    LocalWriteError,
    NetworkError,
    RemoteClientError,
    RemoteRejectedError,
)

_log = logging.getLogger("ml_dash.client")
CHUNK_BYTES = 1 << 20
BYTES_PER_S = 4 * 2**20
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


# --- up ---------------------------------------------------------------------------------------


def sha256_of(path: Path) -> tuple[str, int]:
    """Return checksum and size in bytes of a file.

    Raises:
        InvalidFileError: it is missing, is no regular file, or cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    with opened_source(path) as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


@contextmanager
def opened_source(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that is to be sent.

    Raises:
        InvalidFileError: it is missing, is no regular file, or cannot be read.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise InvalidFileError(f"{path} {what}", context={"path": str(path)},
                               hint="Give the path of an existing file")  # fmt: skip
    try:
        source = path.open("rb")
    except OSError as error:
        raise InvalidFileError(f"{path} cannot be read: {error.strerror}",
                               context={"path": str(path)}, cause=error) from error  # fmt: skip
    with source:
        yield source


def size_of(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        InvalidFileError: it is missing, is no regular file, or cannot be read.
    """
    with opened_source(path) as opened:
        return os.fstat(opened.fileno()).st_size


def upload(
    transport: Transport,
    path: str,
    source: Path,
    fields: dict[str, str],
    content_type: str,
    key: str,
) -> httpx.Response:
    """Send a file with form fields; the file is read as it is sent, and comes last.

    Raises:
        InvalidFileError: the file cannot be read.
        RemoteClientError: the request failed; the file is untouched.
    """
    with opened_source(source) as opened:
        size = os.fstat(opened.fileno()).st_size

        def body() -> dict[str, Any]:
            opened.seek(0)
            return {"data": fields, "files": {"file": (fields["name"], opened, content_type)}}

        # The server knows a repeated upload by the key; a conflict means that another process
        # was making the same node. Whether appends are known by theirs says nothing of this one.
        return transport.request(
            "POST", path, body, headers={"idempotency-key": key}, idempotent=True,
            also_retry=(409,), patience_s=size / BYTES_PER_S,
        )  # fmt: skip


# --- down -------------------------------------------------------------------------------------


@dataclass
class _Partial:
    """What has arrived of a file, across attempts."""

    file: IO[bytes]
    etag: str | None = None
    size: int = 0

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()

    def take_up(self) -> None:
        """Go on from what an earlier process has written."""
        self.file.seek(0)
        while chunk := self.file.read(CHUNK_BYTES):
            self.digest.update(chunk)
            self.size += len(chunk)

    def restart(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.digest, self.size = hashlib.sha256(), 0

    def is_whole(self, checksum: str | None) -> bool:
        return bool(checksum) and self.digest.hexdigest() == str(checksum).lower()

    def headers(self) -> dict[str, str]:
        # Compressed, the offset of a range would not be one of the file.
        headers = {"accept-encoding": "identity"}
        if self.size:
            headers["range"] = f"bytes={self.size}-"
            if self.etag:
                headers["if-range"] = self.etag
        return headers

    def take(self, response: httpx.Response) -> None:
        start = re.match(r"bytes (\d+)-", response.headers.get("content-range", ""))
        continues = response.status_code == _PARTIAL_CONTENT and start is not None
        if not continues or int(start[1]) != self.size:  # type: ignore[index]
            self.restart()
        if response.status_code == _PARTIAL_CONTENT and not self.size and start and int(start[1]):
            raise NetworkError("The server answered with another part of the file than asked for")
        etag = response.headers.get("etag")
        self.etag = etag if etag and not etag.startswith("W/") else None
        # Not in chunks of a size: what fills no chunk would be lost when the transfer breaks off.
        for chunk in response.iter_bytes():
            self.file.write(chunk)
            self.digest.update(chunk)
            self.size += len(chunk)


def download(
    transport: Transport, path: str, destination: Path, checksum: str | None, what: str
) -> Path:
    """Fetch a file next to where it belongs, verify it, then put it in place in one step.

    An interrupted transfer goes on where it stopped if the server offers ranges.

    Args:
        transport: To the server.
        path: Of the content on the server.
        destination: Where the file belongs; what is there stays until the new one is complete.
        checksum: SHA-256 (hex) that it must have; None is logged as unverified.
        what: The file, for errors.

    Raises:
        ChecksumMismatchError: what arrived is something else.
        LocalWriteError: it cannot be written.
        RemoteClientError: the transfer failed.
    """
    temporary = destination.with_name(f".{destination.name[:100]}.{unique_id()}.part")
    with _writing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.is_dir():
            raise IsADirectoryError(21, "is a directory", str(destination))
        try:
            with temporary.open("xb") as file:
                partial = _Partial(file)
                _fetch(transport, path, partial)
            _verify(partial, checksum, what, destination)
            os.replace(temporary, destination)
        finally:
            _discard(temporary)
    return destination


def download_resumably(
    transport: Transport, path: str, destination: Path, part: Path, checksum: str | None, what: str
) -> None:
    """Fetch a file as :func:`download` does, going on from what an earlier process has fetched.

    Args:
        transport: To the server.
        path: Of the content on the server.
        destination: Where the file belongs; what is there stays until the new one is complete.
        part: Where it is kept until then, on the same disk; nobody else may write it meanwhile.
        checksum: SHA-256 (hex) that it must have; None is logged as unverified.
        what: The file, for errors.

    Raises:
        ChecksumMismatchError: what arrived is something else; the part is emptied.
        LocalWriteError: it cannot be written.
        RemoteClientError: the transfer failed; the part stays.
    """
    with _writing(destination):
        for place in (destination, part):
            place.parent.mkdir(parents=True, exist_ok=True)
        with part.open("a+b") as file:
            partial = _Partial(file)
            partial.take_up()
            # Whole, where whoever fetched it was stopped before it was in place.
            if not (partial.size and partial.is_whole(checksum)):
                _fetch_verified(transport, path, partial, checksum, what, destination)
        os.replace(part, destination)


def _fetch_verified(
    transport: Transport,
    path: str,
    partial: _Partial,
    checksum: str | None,
    what: str,
    destination: Path,
) -> None:
    resumed = partial.size > 0
    _fetch(transport, path, partial)
    if resumed and checksum and not partial.is_whole(checksum):
        # The earlier part may be of another file: once more from the beginning.
        partial.restart()
        _fetch(transport, path, partial)
    try:
        _verify(partial, checksum, what, destination)
    except ChecksumMismatchError:
        partial.restart()
        raise


def _fetch(transport: Transport, path: str, partial: _Partial) -> None:
    """Fetch a file; a connection that breaks every now and then only costs time."""
    while True:
        before = partial.size
        try:
            return transport.retried(_attempt(transport, path, partial), safe=True)
        except NetworkError as error:
            if partial.size <= before or not error.retryable:
                raise
            _log.info(
                "Going on at byte %d after: %s", partial.size, error,
                extra=about("downloading", error, offset_bytes=partial.size),
            )  # fmt: skip


def _attempt(transport: Transport, path: str, partial: _Partial) -> Callable[[], None]:
    def attempt() -> None:
        try:
            with transport.stream("GET", path, partial.headers()) as response:
                partial.take(response)
        except RemoteRejectedError as error:
            if error.context.get("status") != _RANGE_NOT_SATISFIABLE or not partial.size:
                raise
            partial.restart()
            error.retryable = True
            raise

    return attempt


def _verify(partial: _Partial, checksum: str | None, what: str, destination: Path) -> None:
    actual = partial.digest.hexdigest()
    if not checksum:
        _log.warning("The server has no checksum of %s: %s is not verified", what, destination,
                     extra=about("downloading", path=destination))  # fmt: skip
    elif checksum.lower() != actual:
        raise ChecksumMismatchError(
            f"What arrived of {what} is not what was stored: its SHA-256 is {actual}, not "
            f"{checksum}",
            context={"path": str(destination), "expected": checksum, "actual": actual},
            kept=f"{destination} is as it was",
            hint="Download it again; if that does not help, the stored file is damaged",
        )


@contextmanager
def _writing(destination: Path) -> Iterator[None]:
    try:
        yield
    except (RemoteClientError, ChecksumMismatchError):  # some are OSErrors as well
        raise
    except OSError as error:
        raise LocalWriteError(
            f"{destination} cannot be written: {error.strerror or error}",
            context={"path": str(destination)},
            kept=f"{destination} is as it was",
            hint="Check the folder's rights and the free space, or give another destination",
            cause=error,
        ) from error


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError as error:
        log_error(CleanupError(f"{temporary} is left behind", cause=error), "cleaning up",
                  logging.WARNING)  # fmt: skip


def safe_name(name: object, fallback: str) -> str:
    """Return the last part of a name that a server sent, so that it cannot lead elsewhere."""
    last = PurePosixPath(str(name or "").replace("\\", "/").replace("\0", "")).name
    return last if last not in ("", ".", "..") else fallback
