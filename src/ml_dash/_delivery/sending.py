"""A round of sending: each stream in turn, and what several have in one request if the server can.

A run of a thousand metrics would else ask a thousand times a round, and the network's distance
would be paid as often.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from ml_dash._delivery.lane import Lane, State, save
from ml_dash._delivery.ports import Batch
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.verdicts import Done, Halt, Reject, Retry, Verdict, judge
from ml_dash._remote.appends import Append
from ml_dash.exceptions import MLDashError, NetworkError

BUNDLE_MAX_PARTS = 250
BUNDLE_MAX_BYTES = 1 << 21
_FAILED_LANES_MAX = 3
_TURN_S = 1.0

Told = tuple[Lane, Verdict]


class _Named(NamedTuple):
    """A batch that waits for others to go with it."""

    lane: Lane
    batch: Batch
    part: Append


class Sending:
    """Sends from each stream in turn what there is now; what comes meanwhile once it fills a batch.

    A run that is logging always has a little more: to send that at once would be a request for
    every few points, of each of a thousand metrics.

    Args:
        lanes: The streams.
        left_out: Those that are not sent from here.
        server: Where they go.
        run_id: The run's id there.
        stop: Tells that no further batch is to be begun.
        clock: Seconds, rising.

    Attributes:
        moved: Whether anything was dealt with.
        is_cut_short: Whether there is more that could be sent at once: what one stream has
            gathered must not keep for minutes what is new in the others.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        left_out: Collection[Lane],
        server: Server,
        run_id: str,
        stop: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._lanes = list(lanes)
        self._left_out = left_out
        self._server = server
        self._run_id = run_id
        self._stop = stop
        self.moved = self.is_cut_short = False
        self._ends_s = clock() + _TURN_S
        self._clock = clock
        self._failed = 0
        self._goals: dict[Lane, int] = {}

    def verdicts(self) -> Iterator[Told]:
        """Send, and yield what became of it; ends early where all streams meet the same failure."""
        busy = [lane for lane in self._lanes if lane not in self._left_out]
        while busy and not self._stop():
            still = []
            for lane, verdict in self._round(busy):
                yield lane, verdict
                if isinstance(verdict, (Done, Reject)):
                    self.moved, self._failed = True, 0
                    if isinstance(verdict, Reject) or lane.has_more(self._goals[lane]):
                        still.append(lane)
                    continue
                self._failed += 1
                if _is_everywhere(verdict) or self._failed >= _FAILED_LANES_MAX:
                    self._put_all_off(lane)
                    return
                if self._stop():
                    return
            busy = still
            if busy and self._clock() >= self._ends_s:
                self.is_cut_short = True
                return

    def _round(self, busy: list[Lane]) -> Iterator[Told]:
        """Send one batch of each stream."""
        waiting: list[_Named] = []
        size_bytes = 0
        for lane in busy:
            if not lane.is_due:
                continue
            begun = lane.begin()
            self._goals.setdefault(lane, lane.seen_bytes)
            if not isinstance(begun, Batch):
                yield from save([lane])
                if begun is not None:
                    yield lane, begun
                continue
            part = self._part(lane, begun)
            if part is None:
                yield from save([lane]) or [(lane, lane.send(begun))]
                continue
            if waiting and size_bytes + len(part.body) > BUNDLE_MAX_BYTES:
                yield from self._send(waiting)
                waiting, size_bytes = [], 0
            waiting.append(_Named(lane, begun, part))
            size_bytes += len(part.body)
            if len(waiting) >= min(BUNDLE_MAX_PARTS, self._server.bundle_max):
                yield from self._send(waiting)
                waiting, size_bytes = [], 0
        yield from self._send(waiting)

    def _part(self, lane: Lane, batch: Batch) -> Append | None:
        if not self._server.bundle_max:
            return None
        try:
            return lane.sink.part(batch)
        except MLDashError:
            return None  # met again, and judged, where the batch is sent by itself

    def _send(self, waiting: list[_Named]) -> list[Told]:
        """Send what waits, noted on disk before and after."""
        failed = save(each.lane for each in waiting)
        if failed:
            return failed
        told = self._told(waiting)
        failed = save(each.lane for each in waiting)
        kept = {lane for lane, _ in failed}
        return failed + [(lane, verdict) for lane, verdict in told if lane not in kept]

    def _told(self, waiting: list[_Named]) -> list[Told]:
        """Send what waits; a request that fails is told of once."""
        if len(waiting) < 2:
            return [(lane, lane.send(batch)) for lane, batch, _ in waiting]
        try:
            errors = self._server.append_bundle(self._run_id, [each.part for each in waiting])
        except MLDashError as error:
            verdict = judge(error)
            if isinstance(verdict, Reject):  # such as too large: each may be taken by itself
                return [(lane, lane.send(batch)) for lane, batch, _ in waiting]
            return [(lane, lane.end(batch, verdict)) for lane, batch, _ in waiting][:1]
        return [
            (lane, lane.end(batch, Done() if error is None else judge(error)))
            for (lane, batch, _), error in zip(waiting, errors, strict=True)
        ]

    def _put_all_off(self, failed: Lane) -> None:
        """Let all streams wait as long as the one that has just met what concerns them all."""
        for lane in self._lanes:
            if lane.state is not State.HALTED:
                lane.not_before_s = max(lane.not_before_s, failed.not_before_s)


def _is_everywhere(verdict: Verdict) -> bool:
    if isinstance(verdict, Halt):
        return verdict.whole_run
    asked = isinstance(verdict, Retry) and verdict.retry_after_s is not None
    return asked or (isinstance(verdict, Retry) and isinstance(verdict.error, NetworkError))
