"""What became of every record on its way to the server, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StreamReport:
    """The account of one stream: ``accepted`` is the sum of the next four, always.

    Attributes:
        accepted: Records that the run's folder holds.
        delivered: Records that the server has confirmed.
        pending: Records that are still to be sent.
        rejected: How many were refused for good and are kept in ``rejected.jsonl``, by reason.
        discarded: How many of the refused ones the user has let go.
        size_bytes: Bytes of the delivered records, as stored.
        retries: How often a batch was sent again.
        maybe_duplicated: Records that a server without idempotency keys may have twice.
        state: ``ready``, ``backing off`` or ``halted``.
        last_error: What went wrong last; empty since the last success.
        lag_s: How long ago, in seconds, the oldest pending record was logged; 0 when none is.
    """

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    discarded: int = 0
    size_bytes: int = 0
    retries: int = 0
    maybe_duplicated: int = 0
    state: str = "ready"
    last_error: str = ""
    lag_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {**self.__dict__, "rejected": dict(self.rejected)}


@dataclass(frozen=True)
class DeliveryReport:
    """The account of a run's delivery to one server.

    ``accepted`` is the sum of ``delivered``, ``pending``, ``rejected`` and ``discarded``, always.

    Attributes:
        url: The server.
        streams: One account for each stream, such as ``logs`` or ``metrics/train``.
        halted: Why nothing is sent until somebody acts; empty when that is not so.
        crashes: How often the delivery thread had to be started again.
        folder: Where the data is.
    """

    url: str
    streams: Mapping[str, StreamReport] = field(default_factory=dict)
    halted: str = ""
    crashes: int = 0
    folder: str = ""

    def _sum(self, name: str) -> int:
        return sum(getattr(stream, name) for stream in self.streams.values())

    @property
    def accepted(self) -> int:
        """Records that the run's folder holds."""
        return self._sum("accepted")

    @property
    def delivered(self) -> int:
        """Records that the server has confirmed."""
        return self._sum("delivered")

    @property
    def pending(self) -> int:
        """Records that are still to be sent."""
        return self._sum("pending")

    @property
    def rejected(self) -> int:
        """Records that the server refused for good; they are kept aside."""
        return sum(sum(stream.rejected.values()) for stream in self.streams.values())

    @property
    def discarded(self) -> int:
        """Records that the server refused, and that the user has let go."""
        return self._sum("discarded")

    @property
    def maybe_duplicated(self) -> int:
        """Records that a server without idempotency keys may have twice."""
        return self._sum("maybe_duplicated")

    @property
    def retries(self) -> int:
        """How often a batch was sent again."""
        return self._sum("retries")

    @property
    def last_error(self) -> str:
        """What went wrong last; empty since the last success."""
        return next((each.last_error for each in self.streams.values() if each.last_error), "")

    @property
    def size_bytes(self) -> int:
        """Bytes of the delivered records, as stored."""
        return self._sum("size_bytes")

    @property
    def lag_s(self) -> float:
        """How long ago, in seconds, the oldest pending record was logged; 0 when none is."""
        return max((each.lag_s for each in self.streams.values()), default=0.0)

    @property
    def is_complete(self) -> bool:
        """Whether the server has everything that was accepted."""
        return not self.pending and not self.rejected

    def as_dict(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return {
            "url": self.url, "folder": self.folder, "accepted": self.accepted,
            "delivered": self.delivered, "pending": self.pending, "rejected": self.rejected,
            "discarded": self.discarded, "size_bytes": self.size_bytes, "retries": self.retries,
            "maybe_duplicated": self.maybe_duplicated, "halted": self.halted,
            "last_error": self.last_error, "lag_s": self.lag_s, "crashes": self.crashes,
            "streams": {name: each.as_dict() for name, each in self.streams.items()},
        }  # fmt: skip

    def __str__(self) -> str:
        if not self.url:
            return "no server to deliver to"
        parts = [f"delivered {self.delivered} of {self.accepted} records to {self.url}"]
        parts += [f"{self.pending} pending"] if self.pending else []
        parts += [f"{self.rejected} rejected"] if self.rejected else []
        parts += [f"{self.discarded} discarded"] if self.discarded else []
        parts += [f"{self.maybe_duplicated} maybe duplicated"] if self.maybe_duplicated else []
        parts += [f"halted: {self.halted.rstrip('.')}"] if self.halted else []
        return "; ".join(parts)
