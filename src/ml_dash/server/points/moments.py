"""When points were logged, as one text: the first moment, then what passed before each further one.

All in milliseconds; a clock that is set back makes a negative step. It is what clients send, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from ml_dash._record import codec

LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: what comes later has no date."""


def packed(times: Sequence[int]) -> str:
    """Return moments (ms since the epoch) as they are stored."""
    steps = [later - earlier for earlier, later in pairwise(times)]
    return codec.encode([*times[:1], *steps]).decode()


def unpacked(text: str) -> list[int]:
    """Return the moments of :func:`packed`."""
    return list(accumulate(codec.decode(text)))


def of_steps(steps: Sequence[int], count: int) -> list[int]:
    """Return the moments that a client has sent.

    Raises:
        ValueError: they are not one for each of ``count`` points, or one has no date.
    """
    if len(steps) != count:
        raise ValueError(f"{len(steps)} times for {count} points")
    times = list(accumulate(steps))
    if min(times) < 0 or max(times) > LATEST_MS:
        raise ValueError("a time before 1970 or after 9999")
    return times
