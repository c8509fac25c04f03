"""Where the run's folder and the server meet: what a stream of records gives, and who takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ml_dash._delivery.verdicts import Verdict
from ml_dash._remote.appends import Append

Facts = Mapping[str, Any]
"""What rides along with each batch of a stream, such as a metric's description."""


@dataclass(frozen=True)
class Piece:
    """What was read of a stream.

    Attributes:
        lines: The records.
        last_end: Where the last of them ends, in bytes.
        end: Where reading goes on: behind the last record and what is none.
    """

    lines: Sequence[bytes]
    last_end: int
    end: int


class Source(Protocol):
    """An append-only stream of records, read by position."""

    name: str
    """Unique in the run, such as ``metrics/train``."""
    kind: str
    """``logs``, ``metrics``, ``tracks``, ``params``, ``files`` or ``run``."""

    def size(self) -> int:
        """Return up to where the stream has whole records now, in bytes.

        Raises:
            OSError: it cannot be looked at.
        """
        ...

    def read(self, start: int, end: int, max_records: int, max_bytes: int) -> Piece:
        """Return records from ``start``, none that begins at or after ``end``.

        At least one record is returned if there is one, however long.

        Raises:
            OSError: it cannot be read.
        """
        ...

    def facts(self) -> Facts:
        """Return what rides along with a batch that is made now."""
        ...


@dataclass(frozen=True)
class Bounds:
    """How large a batch may be.

    Attributes:
        max_records: At most so many records.
        max_bytes: At most so many bytes, unless one record alone is larger.
    """

    max_records: int
    max_bytes: int = 1 << 19


@dataclass(frozen=True)
class Batch:
    """Records that are sent, and judged, together.

    Attributes:
        lines: The records, in order.
        first: Number of the first one in its stream, from 0.
        key: By it the server knows the batch when it comes again.
        facts: What rides along.
    """

    lines: Sequence[bytes]
    first: int
    key: str
    facts: Facts


class Sink(Protocol):
    """Takes batches of one stream."""

    doubles: bool
    """Whether a batch that arrives twice is there twice, unless the server knows its key."""

    @property
    def bounds(self) -> Bounds:
        """How large a batch may be now."""
        ...

    def send(self, batch: Batch) -> Verdict:
        """Send a batch once, and tell what became of it."""
        ...

    def part(self, batch: Batch) -> Append | None:
        """Return a batch as a part of a larger request; None when it goes by itself."""
        ...
