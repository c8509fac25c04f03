"""How far a stream is delivered: one small document per stream, replaced in one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash.exceptions import CorruptDataError


@dataclass(frozen=True)
class InFlight:
    """A batch that was named before it was sent: sent again, it is the same batch.

    Attributes:
        end: Where its last record ends in the stream, in bytes.
        count: How many records it has.
        key: Its idempotency key.
        facts: What rides along.
        doubted: Whether the server may have taken it without saying so.
    """

    end: int
    count: int
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    doubted: bool = False


@dataclass(frozen=True)
class Cursor:
    """The account of one stream: ``number == delivered + rejected + discarded``.

    Attributes:
        name: The stream.
        offset: Up to where the stream is dealt with, in bytes.
        number: How many records that is.
        delivered: How many of them the server has.
        rejected: How many of them are kept aside.
        discarded: How many of them were kept aside, and then let go by the user.
        size_bytes: Bytes of the delivered records.
        retries: How often a batch was sent again.
        maybe_duplicated: Records that a server without idempotency keys may have twice.
        suspect_end: Up to where, in bytes, the records are known to hold one that is refused.
        in_flight: The batch that was named and not yet dealt with.
    """

    name: str
    offset: int = 0
    number: int = 0
    delivered: int = 0
    rejected: int = 0
    discarded: int = 0
    size_bytes: int = 0
    retries: int = 0
    maybe_duplicated: int = 0
    suspect_end: int = 0
    in_flight: InFlight | None = None


class CursorFile:
    """A cursor on disk.

    Args:
        folder: Where the run's cursors are.
        name: The stream.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{digest(name)}.json"
        self._name = name

    def load(self) -> Cursor:
        """Return the cursor; one at the beginning when there is none.

        Raises:
            CorruptDataError: it is damaged.
            OSError: it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Cursor(self._name)
        return parsed(self.path, data)

    def save(self, cursor: Cursor) -> None:
        """Replace the cursor.

        Raises:
            OSError: the one before is still there.
        """
        named = cursor.in_flight
        shown = {**vars(cursor), "in_flight": None if named is None else vars(named)}
        data = json.dumps(shown, default=str).encode()
        try:
            fsio.replace_quickly(self.path, data)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fsio.replace_quickly(self.path, data)


def parsed(path: Path, data: bytes) -> Cursor:
    """Return the cursor of a document.

    Raises:
        CorruptDataError: it is none.
    """
    try:
        found = json.loads(data)
        batch = found.pop("in_flight")
        known = {each.name for each in fields(Cursor)}
        cursor = Cursor(**{name: value for name, value in found.items() if name in known},
                        in_flight=None if batch is None else InFlight(**batch))  # fmt: skip
        sound = cursor.number == cursor.delivered + cursor.rejected + cursor.discarded
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, cause=error) from error
    if not sound:
        raise _damaged(path)
    return cursor


def digest(name: str) -> str:
    """Return a short file name for a stream's name: readable where it can be, and unique."""
    start = "".join(char if char.isascii() and char.isalnum() else "-" for char in name[:40])
    return f"{start}.{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _damaged(path: Path, cause: Exception | None = None) -> CorruptDataError:
    return CorruptDataError(
        f"{path}, which says how far a stream is delivered, is damaged",
        context={"path": str(path)},
        kept="all records are in the run's folder; nothing more of this stream is sent",
        hint="Compare with the server (`ml-dash verify`), then remove the document to send the "
        "stream from its beginning",
        cause=cause,
    )
