"""Small files of a run on their way to the server: many in one request, where it takes that."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ml_dash._base.facts import about
from ml_dash._delivery.sinks import RunId, Server
from ml_dash._delivery.verdicts import Reject, judge
from ml_dash._remote.small_files import SmallFile
from ml_dash._remote.transfers import opened_source
from ml_dash._store.files import FileStore
from ml_dash.exceptions import MLDashError, RemoteNotFoundError

Record = dict[str, Any]
Told = list[tuple[Record, str | MLDashError]]
"""Files, each with its node on the server, or with why it was refused."""

SMALL_MAX_BYTES: Final = 64 << 10
BUNDLE_MAX_FILES: Final = 100
BUNDLE_MAX_BYTES: Final = 1 << 20
_HEAD_MAX_BYTES: Final = 16 << 10
_TOO_LARGE: Final = 413
_log = logging.getLogger("ml_dash.delivery")


def is_small(record: Record) -> bool:
    """Tell whether a file is one of those of which many go in one request."""
    size_bytes = record.get("sizeBytes")
    if not record.get("checksum") or not isinstance(size_bytes, int):
        return False
    return size_bytes <= SMALL_MAX_BYTES


def key_of(record: Record) -> str:
    """Return the key under which a file is sent, in each process the same."""
    return f"file-{record['id']}-{(record.get('checksum') or '')[:16]}"


class SmallFiles:
    """Sends small files, many in one request.

    Args:
        server: Where they go.
        run_id: Returns the run's id there.
        files: Where they are.
    """

    def __init__(self, server: Server, run_id: RunId, files: FileStore) -> None:
        self._server = server
        self._run_id = run_id
        self._files = files
        self._max_bytes = BUNDLE_MAX_BYTES

    @property
    def are_taken(self) -> bool:
        """Whether the server has said that it takes many in one request, and has done so."""
        return self._server.files_max > 1 and self._max_bytes >= SMALL_MAX_BYTES

    def send(self, records: Iterable[Record]) -> Iterator[Told]:
        """Send those of some files that are small, and yield what became of them, by request.

        Who is not told of is to be sent by itself.

        Raises:
            RemoteClientError: a request failed; the files of those before it are there.
        """
        waiting: list[tuple[Record, SmallFile]] = []
        size_bytes = 0
        for record in records:
            file = self._small(record) if self.are_taken else None
            if file is None:
                continue
            more_bytes = len(file.content) + len(file.head)
            is_full = len(waiting) >= min(BUNDLE_MAX_FILES, self._server.files_max)
            if is_full or size_bytes + more_bytes > self._max_bytes:
                yield from self._send(waiting)
                waiting, size_bytes = [], 0
            waiting.append((record, file))
            size_bytes += more_bytes
        yield from self._send(waiting)

    def _small(self, record: Record) -> SmallFile | None:
        """Return a file with its bytes, if it is as its record says and can go with others."""
        if not is_small(record):
            return None
        try:
            path = self._files.index.path_of(record)
            with opened_source(path) as source:
                content = source.read(SMALL_MAX_BYTES + 1)
            file = SmallFile(
                path, content, record["path"].strip("/"), record["filename"], record["checksum"],
                key_of(record),
                record.get("contentType") or "application/octet-stream",
                record.get("description"), record.get("tags") or (), record.get("metadata"),
            )  # fmt: skip
            fits = len(content) == record["sizeBytes"] and len(file.head) <= _HEAD_MAX_BYTES
        except (MLDashError, OSError):
            return None  # met again, and judged, where it is sent by itself
        return file if fits else None

    def _send(self, waiting: list[tuple[Record, SmallFile]]) -> Iterator[Told]:
        if len(waiting) < 2 or not self.are_taken:
            return
        try:
            told = self._server.upload_small_files(self._run_id(), [file for _, file in waiting])
        except MLDashError as error:
            if not isinstance(judge(error), Reject) and not isinstance(error, RemoteNotFoundError):
                raise
            # As a whole: less at a time, or each by itself, may be taken.
            is_large = error.context.get("status") == _TOO_LARGE
            self._max_bytes = self._max_bytes // 2 if is_large else 0
            how = "in smaller requests" if self.are_taken else "one by one"
            _log.info("Small files are sent %s from now on: %s", how, error,
                      extra=about("delivering files", error, count=len(waiting)))  # fmt: skip
            half = len(waiting) // 2
            yield from self._send(waiting[:half])
            yield from self._send(waiting[half:])
            return
        yield [
            (record, each["id"] if isinstance(each, dict) else each)
            for (record, _), each in zip(waiting, told, strict=True)
            if isinstance(each, dict) or isinstance(judge(each), Reject)
        ]
