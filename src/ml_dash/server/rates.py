"""How many requests a token may send: a bucket for each token, in each process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from ml_dash.server.errors import TooManyError

BURST_S = 5.0
"""A token that was quiet may send as much at once as otherwise in so many seconds."""

_MOST_TOKENS = 10_000


@dataclass
class _Bucket:
    left: float
    at_s: float


class Rates:
    """Counts requests by token.

    Args:
        per_s: Requests in a second, in the long run; 0 is any number.
    """

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = max(per_s * BURST_S, 1.0)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, token: str) -> None:
        """Count a request.

        Raises:
            TooManyError: it is one too many; the answer says when to try again.
        """
        if self._per_s <= 0:
            return
        with self._lock:
            wait_s = self._take(token, time.monotonic())
        if wait_s > 0:
            raise TooManyError(
                f"This token sends more than {self._per_s:g} requests in a second",
                hint="Send more records in one request, and wait before the next",
                headers={"retry-after": str(int(wait_s) + 1)},
            )

    def _take(self, token: str, now_s: float) -> float:
        """Take one request out of a bucket, or return how long to wait, in seconds."""
        bucket = self._buckets.setdefault(token, _Bucket(self._most, now_s))
        self._buckets.move_to_end(token)
        while len(self._buckets) > _MOST_TOKENS:
            self._buckets.popitem(last=False)
        bucket.left = min(self._most, bucket.left + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        if bucket.left < 1.0:
            return (1.0 - bucket.left) / self._per_s
        bucket.left -= 1.0
        return 0.0
