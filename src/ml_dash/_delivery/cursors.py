"""How far the streams of a run are delivered."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ml_dash._base import fsio
from ml_dash._base.fork import reset_in_child
from ml_dash._store.stream import Stream
from ml_dash.exceptions import CorruptDataError

_REWRITE_BYTES: Final = 1 << 20
_REWRITE_STREAMS: Final = 1000  # about a quarter of that, once each


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


_FIELDS: Final = frozenset(each.name for each in fields(Cursor))


class Cursors:
    """The cursors of a run at one server: a file of lines, of which a stream's last one counts.

    One file, since a run may have thousands of streams: what is to be noted of many of them is one
    write, and costs a cluster's file system one name.

    Args:
        path: The file. Who writes it has the lease.
    """

    def __init__(self, path: Path) -> None:
        self._stream = Stream(path)
        self._known: dict[str, Cursor] = {}
        self._seen: tuple[int, ...] | None = None
        self._lock = threading.Lock()
        reset_in_child(self)

    @property
    def path(self) -> Path:
        """The file."""
        return self._stream.path

    def load(self, name: str) -> Cursor:
        """Return the cursor of a stream as it is on disk; one at the beginning if there is none.

        Raises:
            CorruptDataError: the file is damaged.
            OSError: it cannot be read.
        """
        with self._lock:
            self._look()
            return self._known.get(name) or Cursor(name)

    def save(self, cursors: Sequence[Cursor]) -> None:
        """Note how far streams are delivered, all in one write.

        Raises:
            CorruptDataError: the file is damaged.
            OSError: what was noted before is still there; of these, nothing may be.
        """
        if not cursors:
            return
        lines = [_line(each) for each in cursors]
        with self._lock:
            self._make_room()
            self._stream.append(b"\n".join(lines))
            self._known.update((each.name, each) for each in cursors)

    def close(self) -> None:
        """Give the descriptor back."""
        self._stream.close()

    def _look(self) -> None:
        """Read the file, if it is another than at the last look."""
        try:
            with open(self.path, "rb") as file:
                seen = _state(os.fstat(file.fileno()))
                data = b"" if seen == self._seen else file.read()
        except FileNotFoundError:
            self._known, self._seen = {}, None
            return
        if seen == self._seen:
            return
        lines = data[: data.rfind(b"\n") + 1].splitlines()  # a torn one is of a killed writer
        cursors = [_parsed(self.path, line) for line in lines]
        self._known = {each.name: each for each in cursors}
        self._seen = seen

    def _make_room(self) -> None:
        """Drop the lines that count no more, when they are many; write a removed file anew."""
        if self._known and not self.path.exists():
            self._rewrite()
        elif self._stream.size_bytes >= _REWRITE_BYTES * (1 + len(self._known) // _REWRITE_STREAMS):
            self._look()
            self._rewrite()

    def _rewrite(self) -> None:
        self._stream.close()
        lines = [_line(each) + b"\n" for each in self._known.values()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fsio.write_atomic(self.path, b"".join(lines))
        self._stream = Stream(self.path)

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _line(cursor: Cursor) -> bytes:
    """Return a cursor as a line; what it does not have is left out."""
    shown = {name: value for name, value in vars(cursor).items() if value}
    named = cursor.in_flight
    if named is not None:
        shown["in_flight"] = {name: value for name, value in vars(named).items() if value}
    return json.dumps(shown, default=str, separators=(",", ":")).encode()


def _parsed(path: Path, line: bytes) -> Cursor:
    """Return the cursor of a line.

    Raises:
        CorruptDataError: it is none.
    """
    try:
        found = json.loads(line)
        batch = found.pop("in_flight", None)
        known = {name: value for name, value in found.items() if name in _FIELDS}
        cursor = Cursor(**known, in_flight=None if batch is None else InFlight(**batch))
        sound = cursor.number == cursor.delivered + cursor.rejected + cursor.discarded
    except (ValueError, TypeError, AttributeError) as error:
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
        f"{path}, which says how far the run is delivered, is damaged",
        context={"path": str(path)},
        kept="all records are in the run's folder; nothing more of them is sent",
        hint="Restore the file. Without it the run is sent from its beginning, so that what the "
        "server has of it may arrive twice: delete the run there before you remove the file",
        cause=cause,
    )
