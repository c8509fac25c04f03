"""Counting a stream: how many records it has, and what became of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from ml_dash._base.clock import seconds_of
from ml_dash._delivery.cursors import Cursor
from ml_dash._delivery.lane import Lane
from ml_dash._delivery.report import StreamReport
from ml_dash._delivery.sources import LineSource
from ml_dash._record import codec

_TIMES: Final = ("createdAt", "timestamp", "time")  # of points, of log lines, of the journal


class Account:
    """The account of one lane; each part of its stream is counted once.

    Args:
        lane: The lane.
        source: Its stream.
        before: Counts records that are not in the stream yet, such as unmerged entries.
    """

    def __init__(
        self, lane: Lane, source: LineSource, before: Callable[[], int] = lambda: 0
    ) -> None:
        self._before = before
        self._lane = lane
        self._source = source
        self._counted = (0, 0)
        self._oldest = (-1, 0.0)

    def pending(self) -> int:
        """Return how many records are still to be sent.

        Raises:
            CorruptDataError: the cursor is damaged.
            OSError: the stream or its cursor cannot be read.
        """
        cursor = self._lane.cursor
        return self._accepted(cursor) + self._before() - cursor.number

    def report(self, rejected: Counter[str]) -> StreamReport:
        """Return the account as of now.

        Args:
            rejected: The stream's refused records, by reason.

        Raises:
            CorruptDataError: the cursor is damaged.
            OSError: the stream or its cursor cannot be read.
        """
        cursor = self._lane.cursor
        accepted = self._accepted(cursor) + self._before()
        error = self._lane.last_error
        return StreamReport(
            accepted=accepted,
            delivered=cursor.delivered,
            pending=accepted - cursor.number,
            rejected=dict(rejected),
            discarded=cursor.discarded,
            size_bytes=cursor.size_bytes,
            retries=cursor.retries,
            maybe_duplicated=cursor.maybe_duplicated,
            state=self._lane.state.value,
            last_error="" if error is None else error.message,
            lag_s=self._lag_s(cursor) if accepted > cursor.number else 0.0,
        )

    def _lag_s(self, cursor: Cursor) -> float:
        if self._oldest[0] != cursor.offset:
            self._oldest = cursor.offset, self._logged_at_s(cursor.offset)
        return max(0.0, time.time() - self._oldest[1])

    def _logged_at_s(self, offset: int) -> float:
        """Return when a record was logged; where it does not say so, now, as it is seen first."""
        size = self._source.size()
        lines = self._source.read(offset, size, 1, 1).lines if size > offset else ()
        known = [_logged_at_s(line) for line in lines]
        return next((each for each in known if each is not None), time.time())

    def _accepted(self, cursor: Cursor) -> int:
        offset, records = max(self._counted, (cursor.offset, cursor.number))
        size = self._source.size()
        if size > offset:
            records += self._source.count(offset, size)
            self._counted = (size, records)
        return records


def _logged_at_s(line: bytes) -> float | None:
    try:
        record = codec.decode(line)
    except ValueError:
        return None
    found = record if isinstance(record, dict) else {}
    known = (seconds_of(found.get(name)) for name in _TIMES)
    return next((each for each in known if each is not None), None)
