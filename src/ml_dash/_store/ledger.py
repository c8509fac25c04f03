"""What became of everything that was accepted, counted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StreamLedger:
    """The account of one kind of record: ``accepted == stored + waiting``, always.

    Attributes:
        stored: Records of this process that are on disk.
        waiting: Accepted records held in memory because the disk refuses writes.
        refused: Records that were *not* accepted; the caller was told.
    """

    stored: int = 0
    waiting: int = 0
    refused: int = 0

    @property
    def accepted(self) -> int:
        """Records that calls of this process have taken."""
        return self.stored + self.waiting


@dataclass
class Ledger:
    """The account of a run, as seen by this process.

    Attributes:
        streams: One account for each of ``logs``, ``metrics``, ``tracks``, ``params``, ``files``.
        lost: Accepted records that are gone; known only after a close on a dead disk.
    """

    streams: dict[str, StreamLedger] = field(default_factory=dict)
    lost: int = 0

    def __str__(self) -> str:
        parts = [
            f"{name}: accepted {row.accepted}, stored {row.stored}"
            + (f", waiting {row.waiting}" if row.waiting else "")
            + (f", refused {row.refused}" if row.refused else "")
            for name, row in self.streams.items()
        ]
        return "; ".join([*parts, f"lost {self.lost}"])
