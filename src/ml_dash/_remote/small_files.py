"""Small files on their way up: many in one request, each with a key and an answer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_dash._record import codec
from ml_dash._remote import replies
from ml_dash._remote.calls import comma_list, encoded, given
from ml_dash._remote.files import FileCalls
from ml_dash._remote.stored import agrees, mismatch, stored_record
from ml_dash._remote.transport import route
from ml_dash.exceptions import MLDashError

_KIND: Final = "application/vnd.ml-dash.files"


@dataclass(frozen=True)
class SmallFile:
    """A file that is sent with others.

    Attributes:
        source: Where it is, for errors.
        content: Its bytes.
        path: Its folder within the run.
        name: Its name there.
        checksum: Its SHA-256 (hex).
        key: By it the server knows the file when it comes again.
        content_type: Its MIME type.
        description: What it is.
        tags: Words to find it by.
        metadata: Facts about it.
    """

    source: Path
    content: bytes
    path: str
    name: str
    checksum: str
    key: str
    content_type: str = "application/octet-stream"
    description: str | None = None
    tags: Sequence[str] = ()
    metadata: dict[str, Any] | None = None

    @property
    def head(self) -> bytes:
        """What the server is told of it.

        Raises:
            UsageError: a tag has a comma, which the wire of single files cannot carry.
            SerializationError: the metadata have no JSON form.
        """
        comma_list(list(self.tags))
        metadata = None if self.metadata is None else codec.encode(self.metadata).decode()
        return encoded(
            given(
                path=self.path, name=self.name, size=len(self.content), checksum=self.checksum,
                key=self.key, contentType=self.content_type, description=self.description,
                tags=list(self.tags) or None, metadata=metadata,
            )
        )  # fmt: skip


class SmallFileCalls(FileCalls):
    """Send many files at once."""

    @property
    def files_max(self) -> int:
        """How many small files the server takes in one request; 0 when it takes none."""
        return self._transport.files_max

    def upload_once(self, key: str, *file: Any) -> dict[str, Any]:
        """Send a file as :meth:`upload_file`, known by a key when it comes again.

        Args:
            key: The key.
            *file: The arguments of :meth:`upload_file`.

        Raises:
            MLDashError: as there.
        """
        return self._upload_once(key, *file)

    def upload_small_files(
        self, experiment_id: str, files: Sequence[SmallFile]
    ) -> list[dict[str, Any] | MLDashError]:
        """Send small files in one request; folders that are not there are made.

        Args:
            experiment_id: The run's id on the server.
            files: The files; see :attr:`files_max` for how many there may be.

        Returns:
            For each file its record, or why it was not taken.

        Raises:
            RemoteClientError: the request failed; which files were taken is not known.
        """
        path = route("experiments", experiment_id, "files")
        body = b"".join(b"%b\n%b\n" % (each.head, each.content) for each in files)
        # Not packed, as no file is: what is large is mostly packed already.
        response = self._transport.request(
            "POST", f"/api{path}", lambda: {"content": body}, headers={"content-type": _KIND},
            idempotent=True,
        )  # fmt: skip
        what = self._what("POST", path)
        told = replies.parts(replies.parsed(response, what), len(files), what)
        return [self._taken(path, experiment_id, *pair) for pair in zip(files, told, strict=True)]

    def _taken(
        self, path: str, experiment_id: str, file: SmallFile, told: Any
    ) -> dict[str, Any] | MLDashError:
        sent = {"name": file.name, "checksum": file.checksum}
        size_bytes = len(file.content)
        try:
            body = self._part_body(path, told)
            record = stored_record(
                body, experiment_id, file.path, sent, file.content_type, size_bytes
            )
        except MLDashError as error:
            return error
        if agrees(record, file.checksum, size_bytes):
            return record
        return mismatch(record, file.checksum, size_bytes, file.source)
