"""How long a stream waits after a failure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Exponential back-off with full jitter, without an end: the data is safe on disk.

    Attributes:
        base_s: The first wait is between 0 and this many seconds; each later one up to twice as
            long.
        cap_s: No wait of our own is longer, in seconds.
        retry_after_cap_s: A longer wait that the server asks for is cut to this, in seconds.
        jitter: A random number from 0 to 1.
    """

    base_s: float = 0.5
    cap_s: float = 30.0
    retry_after_cap_s: float = 300.0
    jitter: Callable[[], float] = random.random

    def wait_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Return how long to wait after so many failures in a row, in seconds."""
        if retry_after_s is not None:
            # Never earlier than asked for, and not all clients in the same instant.
            return min(retry_after_s, self.retry_after_cap_s) + self.jitter() * self.base_s
        ceiling_s = min(self.cap_s, self.base_s * 2 ** min(failures - 1, 30))
        return float(self.jitter() * ceiling_s)


USUAL = Backoff()
"""What a lane does that was given nothing else."""
