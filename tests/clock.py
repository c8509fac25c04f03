"""A clock that a test moves."""

from __future__ import annotations


class Clock:
    """Seconds, which stand still until a test sets them."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.now_s
