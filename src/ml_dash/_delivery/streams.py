"""The streams of a run, each with its lane and its account; found as they begin."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ml_dash._base.fork import reset_in_child
from ml_dash._delivery.account import Account
from ml_dash._delivery.lane import Lane
from ml_dash._delivery.ports import Sink
from ml_dash._delivery.sinks import MetricSink, Server, TrackSink
from ml_dash._delivery.sources import LineSource
from ml_dash._store.run_store import RunStore

if TYPE_CHECKING:
    from ml_dash._store.metrics import MetricStore
    from ml_dash._store.tracks import TrackStore

_MERGE_EVERY_S = 5.0
_FOLDER_IS_NEW_NS = 2_000_000_000


class Streams:
    """The lanes of a run.

    Args:
        store: The run.
        server: Where it goes.
        run_id: Returns the run's id there.
        lane: Makes the lane of a stream.
        clock: Seconds, rising.
        skipped: Returns the kinds of streams that are left out.
    """

    def __init__(
        self,
        store: RunStore,
        server: Server,
        run_id: Callable[[], str],
        lane: Callable[[LineSource, Sink], Lane],
        clock: Callable[[], float],
        skipped: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._store = store
        self._skipped = skipped
        self._server = server
        self._run_id = run_id
        self._lane = lane
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._accounts: dict[str, Account] = {}
        self._merged_at: dict[str, float] = defaultdict(float)
        self._listed = (0, 0)
        self._lock = threading.Lock()
        reset_in_child(self)

    def add(self, source: LineSource, sink: Sink, before: Callable[[], int] = lambda: 0) -> Lane:
        """Take up a stream and return its lane."""
        lane = self._lanes[source.name] = self._lane(source, sink)
        self._accounts[source.name] = Account(lane, source, before)
        return lane

    def __iter__(self) -> Iterator[Lane]:
        skipped = self._skipped()
        yield from [lane for lane in self._lanes.values() if lane.source.kind not in skipped]

    def __getitem__(self, name: str) -> Lane:
        return self._lanes[name]

    def accounts(self) -> list[tuple[str, Account]]:
        """Return the accounts with the names of their streams."""
        return [(lane.source.name, self.account(lane)) for lane in self]

    def account(self, lane: Lane) -> Account:
        """Return the account of a lane."""
        return self._accounts[lane.source.name]

    # -- finding -----------------------------------------------------------------------------------

    def find(self) -> None:
        """Take up streams that were begun since the last look.

        Raises:
            OSError: the run's folder cannot be read.
        """
        with self._lock:
            self._add_all(self._store.metrics.written(), self._store.tracks.written())
            now = _changed_at(self._store.metrics.folder), _changed_at(self._store.tracks.folder)
            # Other processes begin streams too. A folder is seen before its files are made.
            if now != self._listed or max(now) > time.time_ns() - _FOLDER_IS_NEW_NS:
                self._listed = now
                self._add_all(self._store.metrics.readers(), self._store.tracks.readers())

    def _add_all(self, metrics: list[MetricStore], tracks: list[TrackStore]) -> None:
        for metric in metrics:
            self._add_metric(metric)
        for track in tracks:
            self._add_track(track)

    def _add_metric(self, metric: MetricStore) -> None:
        name = f"metrics/{'None' if metric.name is None else metric.name}"
        if name not in self._lanes:
            source = LineSource(metric.stream.path, "metrics", name, partial(_facts, metric))
            self.add(source, MetricSink(self._server, self._run_id, metric.name))

    def _add_track(self, track: TrackStore) -> None:
        name = f"tracks/{track.topic}"
        if name not in self._lanes:
            source = LineSource(track.data.path, "tracks", name, partial(_facts, track))
            unmerged = LineSource(track.pending.path, "tracks", name)
            self.add(
                source,
                TrackSink(self._server, self._run_id, track.topic),
                lambda: unmerged.count(0, unmerged.size()) if unmerged.size() else 0,
            )

    def merge_tracks(self, *, now: bool) -> None:
        """Put waiting entries of tracks together: what is delivered is the merged stream.

        Args:
            now: All tracks of the run at once; else those of this process, every few seconds.

        Raises:
            OSError: they cannot be read or written; the entries are on disk.
        """
        for track in self._store.tracks.readers() if now else self._store.tracks.written():
            due = self._clock() - self._merged_at[track.topic] >= _MERGE_EVERY_S
            if (now or due) and _size(track.pending.path):
                self._merged_at[track.topic] = self._clock()
                track.merge()

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()


def _facts(described: MetricStore | TrackStore) -> dict[str, Any]:
    return {name: value for name, value in described.definition.items() if value}


def _changed_at(folder: os.PathLike[str]) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except FileNotFoundError:
        return 0


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
