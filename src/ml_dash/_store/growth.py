"""How much a run has been given: whoever delivers it is told when that is much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MUCH_BYTES: Final = 1 << 20
MUCH_OF_EACH_BYTES: Final = 1 << 14


class Growth:
    """Adds up what the streams of a run have got.

    They say so now and then, never with each record: it is no count, but a reason to look. What is
    much grows with the number of streams, since each of them costs something when it is looked at.

    Attributes:
        on_much: Called when it has become much, on the thread that writes.
        streams: How many streams there are.
    """

    def __init__(self) -> None:
        self.on_much: Callable[[], object] | None = None
        self.streams = 0
        self._bytes = 0

    def add(self, size_bytes: int) -> None:
        """Add what a stream has got since it said so last."""
        self._bytes += size_bytes
        much_bytes = MUCH_BYTES + MUCH_OF_EACH_BYTES * self.streams
        if self._bytes >= much_bytes and self.on_much is not None:
            self._bytes = 0
            self.on_much()
