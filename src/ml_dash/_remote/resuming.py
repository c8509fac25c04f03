"""Large files on their way up: in pieces, going on where the server is, also after a crash."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import httpx

from ml_dash._base.facts import about
from ml_dash._remote import replies
from ml_dash._remote.calls import encoded
from ml_dash._remote.transfers import BYTES_PER_S, CHUNK_BYTES, opened_source
from ml_dash._remote.transport import Transport, route
from ml_dash.exceptions import (
    InvalidFileError,
    InvalidResponseError,
    NetworkError,
    RemoteNotFoundError,
    RemoteRejectedError,
)

FROM_BYTES: Final = 16 << 20
"""Files of this size and above go in pieces, if the server takes that."""
PIECE_BYTES: Final = 16 << 20

_LOST_MAX: Final = 3
_UNKNOWN: Final = (400, 404, 405, 415)
_log = logging.getLogger("ml_dash.client")


class NotInPiecesError(Exception):
    """The server, or something on the way to it, takes no pieces of this file after all."""


@dataclass(frozen=True)
class Resumable:
    """A file that is sent in pieces.

    Attributes:
        source: The file.
        size_bytes: Its size.
        experiment_id: The run's id on the server.
        facts: What is said of it once it is whole: ``parentId``, ``name``, ``checksum`` ...
        key: By it the server knows the end of the upload when that comes again.
    """

    source: Path
    size_bytes: int
    experiment_id: str
    facts: Mapping[str, Any]
    key: str

    @property
    def path(self) -> str:
        """Where it is sent to: the same for the same file in the same place, in each process."""
        words = (self.experiment_id, self.facts["parentId"], self.facts["name"],
                 self.facts["checksum"], self.size_bytes)  # fmt: skip
        name = hashlib.sha256(repr(words).encode("utf-8", "backslashreplace")).hexdigest()
        return "/api" + route("experiments", self.experiment_id, "uploads", name)


def upload_in_pieces(transport: Transport, file: Resumable) -> httpx.Response:
    """Send a file from where the server has it, and return the answer to its end.

    Args:
        transport: To the server, which has said that it takes pieces.
        file: The file.

    Raises:
        NotInPiecesError: it is to be sent in one request.
        InvalidFileError: it cannot be read, or is smaller than it was.
        RemoteRejectedError: the server does not take it.
        RemoteClientError: a request failed; what has arrived stays there for the next attempt.
    """
    with opened_source(file.source) as opened:
        return _Upload(transport, file, opened).run()


class _Upload:
    def __init__(self, transport: Transport, file: Resumable, opened: IO[bytes]) -> None:
        self._transport = transport
        self._file = file
        self._opened = opened
        self._offset = 0
        self._lost = 0  # how often the server had less than it had said
        self._is_pieced = True  # whether not all was sent from its beginning without a break

    def run(self) -> httpx.Response:
        """Ask for the end, which says where the server is; send what lacks, and ask again."""
        while True:
            try:
                return self._finish()
            except RemoteRejectedError as error:
                # What an earlier process has sent may be of another file, or be damaged.
                again = _code(error) == "checksum-mismatch" and self._is_pieced
                if not again and _code(error) != "wrong-offset":
                    raise
                self._go_to(0 if again else _offset_in(error))
            self._is_pieced = self._offset > 0
            self._send()

    def _finish(self) -> httpx.Response:
        file = self._file
        body = encoded({**file.facts, "size": file.size_bytes})
        try:
            return self._transport.request(
                "POST", file.path, lambda: {"content": body}, idempotency_key=file.key,
                headers={"content-type": "application/json"},
                patience_s=file.size_bytes / BYTES_PER_S,
            )  # fmt: skip
        except (RemoteNotFoundError, RemoteRejectedError) as error:
            if error.context.get("status") in _UNKNOWN:
                raise NotInPiecesError(str(error)) from error
            raise

    def _send(self) -> None:
        """Send the rest; a connection that breaks every now and then only costs time."""
        while True:
            before = self._offset
            try:
                return self._transport.retried(self._attempt, safe=True)
            except NetworkError as error:
                if self._offset <= before or not error.retryable:
                    raise
                _log.info(
                    "Going on with %s from byte %d on, after: %s", self._file.source, self._offset,
                    error, extra=about("uploading", error, offset_bytes=self._offset),
                )  # fmt: skip
            except (RemoteNotFoundError, RemoteRejectedError) as error:
                if _code(error) != "wrong-offset":
                    raise NotInPiecesError(str(error)) from error
                self._go_to(_offset_in(error))

    def _attempt(self) -> None:
        try:
            while self._offset < self._file.size_bytes:
                self._offset = self._piece()
        except NetworkError:
            self._is_pieced = True
            self._look()
            raise

    def _go_to(self, offset: int) -> None:
        """Go on at an offset, which may be one that was passed before, but not again and again."""
        self._lost += offset <= self._offset and self._offset > 0
        if self._lost > _LOST_MAX or offset > self._file.size_bytes:
            raise NotInPiecesError(f"the server has {offset} bytes, after {self._offset}")
        self._offset = offset

    def _look(self) -> None:
        """Ask how much has arrived; where nobody answers, that is told by the next request."""
        try:
            answer = self._transport.request("HEAD", self._file.path, idempotent=False)
        except NetworkError:
            return
        said = answer.headers.get("upload-offset", "")
        if said.isdecimal():
            self._offset = max(self._offset, min(int(said), self._file.size_bytes))

    def _piece(self) -> int:
        """Send a piece, and return up to where the file has arrived."""
        start, size = self._offset, self._file.size_bytes
        stop = min(start + PIECE_BYTES, size)
        headers = {
            "content-type": "application/octet-stream", "content-length": str(stop - start),
            "upload-offset": str(start), "upload-length": str(size),
        }  # fmt: skip
        response = self._transport.request(
            "PATCH", self._file.path, lambda: {"content": self._blocks(start, stop)},
            headers=headers, idempotent=False, patience_s=(stop - start) / BYTES_PER_S,
        )  # fmt: skip
        what = self._transport.what("PATCH", self._file.path)
        said: int = replies.field(replies.parsed(response, what), "offset", int, what)
        if not start < said <= size:
            raise InvalidResponseError(
                f"{what}: {stop - start} bytes were sent from {start} on, but the answer says that "
                f"{said} have arrived", context={"request": what, "offset": said},
            )  # fmt: skip
        return said

    def _blocks(self, start: int, stop: int) -> Iterator[bytes]:
        descriptor = self._opened.fileno()
        while start < stop:
            block = os.pread(descriptor, min(CHUNK_BYTES, stop - start), start)
            if not block:
                raise InvalidFileError(
                    f"{self._file.source} has become smaller while it was sent",
                    context={"path": str(self._file.source), "size_bytes": start},
                    kept="nothing refers to what has arrived of it",
                    hint="Upload it again when it is as it should be",
                )
            yield block
            start += len(block)


def _said(error: Exception) -> dict[str, Any]:
    """Return what the server has said in a refusal; nothing, when that is no such JSON."""
    response = getattr(error, "response", None)
    try:
        found = None if response is None else response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _code(error: Exception) -> Any:
    return _said(error).get("error")


def _offset_in(error: Exception) -> int:
    offset = replies.part(_said(error), "details").get("offset")
    if not isinstance(offset, int) or offset < 0:
        raise NotInPiecesError(str(error)) from error
    return offset
