"""When points were logged, as servers take it: cheap, since the training thread waits meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import Final

from ml_dash._base.clock import seconds_of

# Counted from the end of a line that ends with `"createdAt":"2026-01-01T00:00:00.123456Z"}`.
_SECOND: Final = slice(-29, -9)
_MILLIS: Final = slice(-9, -6)
_NUMBERS: Final = {b"%03d" % number: number for number in range(1000)}  # half the cost of int()


class _Epoch(dict[bytes, int]):
    """Texts of seconds, with their dots, in ms since 1970; a KeyError for what is none."""

    def __missing__(self, second: bytes) -> int:
        text = second.decode("ascii", "replace")
        found = seconds_of(f"{text[:-1]}Z")
        if found is None or found < 0 or text[-1:] != ".":
            raise KeyError(second)
        self[second] = made = int(found) * 1000
        return made


def times_of(lines: Sequence[bytes]) -> list[int] | None:
    """Return when points were logged: the first in ms since 1970, then the step to each further.

    None if a line does not end as the store writes it, such as one of 0.6 without a fraction.
    """
    epoch = _Epoch()
    try:
        times = [epoch[line[_SECOND]] + _NUMBERS[line[_MILLIS]] for line in lines]
    except KeyError:
        return None
    return [*times[:1], *map(sub, times[1:], times)]
