"""Counting a stream: how many records it has, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ml_dash._delivery.cursors import Cursor
from ml_dash._delivery.lane import Lane
from ml_dash._delivery.report import StreamReport
from ml_dash._delivery.sources import LineSource


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
        )

    def _accepted(self, cursor: Cursor) -> int:
        offset, records = max(self._counted, (cursor.offset, cursor.number))
        size = self._source.size()
        if size > offset:
            records += self._source.count(offset, size)
            self._counted = (size, records)
        return records
