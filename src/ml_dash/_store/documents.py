"""JSON documents of a run: read whole, replaced whole, moved aside when damaged."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash._store.descriptors import SHARED
from ml_dash._store.reading import reading
from ml_dash.exceptions import CorruptDataError

_log = logging.getLogger("ml_dash.store")

Signature = tuple[int, int, int]
_NEVER = (-1, -1, -1)
"""Stands for a document that was not looked at yet: also a missing one is news then."""


class Document:
    """One JSON document, with a memory of the version that this process has dealt with."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self.path = path
        self._durable = durable
        self._seen: Signature | None = _NEVER

    def changed(self) -> bool:
        """Tell whether the document is another than the one dealt with last."""
        return _signature(self.path) != self._seen

    def remember(self) -> None:
        """Count the document as it is now as dealt with."""
        self._seen = _signature(self.path)

    def read(self) -> dict[str, Any] | None:
        """Return the document, or None when there is none.

        Raises:
            CorruptDataError: it is not a JSON object.
            FileReadError: it cannot be read.
        """
        try:
            with reading(self.path), open(self.path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        return parse_document(self.path, data)

    def read_or_set_aside(self) -> tuple[dict[str, Any] | None, Path | None]:
        """Return the document; a damaged one is moved aside.

        Returns:
            The document or None, and where the damaged one is now or None.

        Raises:
            OSError: it can be neither read nor moved.
        """
        try:
            return self.read(), None
        except CorruptDataError as error:
            _log.warning(
                "%s (%s)", error.message, error.__cause__, extra=about("reading a document", error)
            )
            return None, fsio.move_aside(self.path)

    def read_or_empty(self) -> dict[str, Any]:
        """Return the document; nothing, loudly, when it is damaged: the next writer mends it.

        Raises:
            OSError: it cannot be read.
        """
        try:
            return self.read() or {}
        except CorruptDataError as error:
            _log.warning(
                "%s (%s)", error.message, error.__cause__, extra=about("reading a document", error)
            )
            return {}

    def write(self, document: dict[str, Any]) -> None:
        """Replace the document.

        Raises:
            OSError: the old one is still there.
            SerializationError: a value has no JSON form; the old document is still there.
        """
        self.write_encoded(codec.encode_document(document))

    def write_encoded(self, data: bytes) -> None:
        """Replace the document with one that is encoded.

        Raises:
            OSError: the old one is still there.
        """
        try:
            fsio.write_atomic(self.path, data, durable=self._durable)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not SHARED.make_room():
                raise
            fsio.write_atomic(self.path, data, durable=self._durable)
        self.remember()


def parse_document(path: Path, data: bytes) -> dict[str, Any]:
    """Read the bytes of a JSON document.

    Raises:
        CorruptDataError: they are no JSON object.
    """
    try:
        document = codec.decode(data)
    except ValueError as error:
        raise _damaged(path, "is not readable JSON") from error
    if not isinstance(document, dict):
        raise _damaged(path, "holds no JSON object")
    return document


def _damaged(path: Path, what: str) -> CorruptDataError:
    return CorruptDataError(
        f"{path} {what}",
        kept="the file is untouched",
        hint="The next write moves it aside and makes it again from the run's journal",
        context={"path": str(path)},
    )


def _signature(target: Path | int) -> Signature | None:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
