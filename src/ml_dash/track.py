"""Tracks: time-stamped entries, ``exp.tracks("robot/position").append(_ts=0.1, x=1.0)``."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ml_dash import _track_formats as formats
from ml_dash._base import deprecate
from ml_dash._base.facts import about
from ml_dash._described import Described
from ml_dash._flushed import Flushed
from ml_dash._record import codec, flatten, jsonable
from ml_dash._store.merging import Entry
from ml_dash.exceptions import (
    CorruptDataError,
    InvalidValueError,
    TrackNotFoundError,
)

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

_log = logging.getLogger("ml_dash")
_MISSING: Any = object()


class TracksManager:
    """All tracks of one run.

    Args:
        experiment: The run's experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._builders: dict[str, TrackBuilder] = {}

    def __call__(
        self,
        topic: str,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> TrackBuilder:
        """Return the track of a topic, the same object each time.

        Args:
            topic: Any text; slashes group tracks.
            description: What it records. Noted with the next entry; what was said first stays.
            tags: Words to find it by; as for ``description``.
            metadata: Facts about it; as for ``description``.

        Raises:
            InvalidValueError: the topic is empty or no text, or the tags are no list of texts.
        """
        builder = self._builders.get(topic)
        if builder is None:
            builder = self._builders.setdefault(topic, TrackBuilder(self._experiment, topic))
        builder._said.take(description, tags, metadata)
        return builder

    def flush(self) -> None:
        """Merge and sort what was appended since the last flush, in all tracks."""
        self._experiment.flush()

    def flush_or_raise(self, timeout_s: float | None = None) -> None:
        """Do the same as :meth:`flush`, and raise unless everything is where it belongs.

        Raises:
            MLDashError: as :meth:`ml_dash.Experiment.flush_or_raise`.

        .. versionadded:: 0.7
        """
        self._experiment.flush_or_raise(timeout_s)


class TrackBuilder(Flushed):
    """One track of one run.

    Args:
        experiment: The run's experiment.
        topic: The track's name.
        description: What it records.
        tags: Words to find it by.
        metadata: Facts about it.
    """

    def __init__(
        self,
        experiment: Experiment,
        topic: str,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(topic, str) or not topic:
            raise InvalidValueError(
                f"A track's topic is a text of at least one character, not {topic!r}"
            )
        self._experiment = experiment
        self._topic = topic
        self._said = Described("track", topic)
        self._said.take(description, tags, metadata)

    @deprecate.changes("TrackBuilder.append")
    def append(self, **kwargs: Any) -> TrackBuilder:
        """Append one entry; it is on disk when this returns.

        Args:
            **kwargs: The entry's fields; nested dictionaries become dotted keys. ``_ts`` is its
                time in seconds; -1 takes the time of this thread's call before; when it is
                missing, the present, later than any automatic time of the run before. Entries of
                equal time become one.

        Returns:
            This object, for chaining.

        Raises:
            InvalidValueError: ``_ts`` is no number, or a field is called ``timestamp``.
            SerializationError: a value has no JSON form; nothing was written.
            NotOpenError: the run is not open.
            WriteProtectedError: the run is write-protected.
        """
        experiment = self._experiment
        store = experiment._run_store_for_writing()
        given = kwargs.pop("_ts", _MISSING)
        if "timestamp" in kwargs:
            raise InvalidValueError(
                "A track entry has no field 'timestamp' of its own: that is where its time is kept",
                hint="Give the time as _ts=..., and call the field something else",
                context={"topic": self._topic},
            )
        fields = jsonable.to_plain(kwargs)
        if any(isinstance(value, dict) for value in fields.values()):
            self._tell_left_out(fields)
        if not experiment._merges_tracks:
            fields = flatten.flatten(fields)
        line = codec.encode(fields)
        times = experiment._times
        if given is _MISSING:
            time = times.automatic()
        else:
            refuse = partial(deprecate.refuse, experiment._rules, "TrackBuilder.append")
            time = times.of_entry(given, refuse)
        head = b'{"timestamp":' + codec.encode(time)
        line = head + (b"," + line[1:] if fields else b"}")
        store.write_track(self._topic, line, experiment._merges_tracks, **self._said.definition)
        return self

    def _tell_left_out(self, fields: dict[str, Any]) -> None:
        """Log what one level of dotted names has no place for."""
        whole, flat = flatten.flatten(fields, keep_empty=True), flatten.flatten(fields)
        for key in whole.keys() - flat.keys():
            _log.warning(
                "%r of an entry of track %r is an empty dictionary, of which nothing is stored",
                key, self._topic,
                extra=about("appending an entry", track=self._topic, key=key),
            )  # fmt: skip
        for key in flatten.find_collisions(fields):
            _log.warning(
                "An entry of track %r has two values named %r; the later one stays", self._topic,
                key,
                extra=about("appending an entry", track=self._topic, key=key),
            )  # fmt: skip

    def flush(self) -> TrackBuilder:
        """Merge and sort what was appended since the last flush.

        Returns:
            This object, for chaining.
        """
        self._experiment._run_store.flush_track(self._topic)
        self._experiment._hand_over()
        return self

    @deprecate.changes("TrackBuilder.read")
    def read(
        self,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        """Return the track's entries.

        Args:
            start_timestamp: First time wanted, in seconds, inclusive.
            end_timestamp: Last time wanted, in seconds, inclusive.
            columns: Fields wanted; all when empty or None.
            format: ``json`` (``{"entries", "count"}``), ``jsonl`` (bytes), ``parquet`` (bytes;
                extra ``parquet``) or ``mocap`` (a dictionary of frames).

        Returns:
            The entries in that format. A missing track reads as an empty one; an unreadable line
            is left out, as in 0.6. See :meth:`read_or_raise`.

        Raises:
            InvalidValueError: the format is unknown.
            MissingDependencyError: ``parquet`` without pyarrow.
        """
        return self._read("TrackBuilder.read", start_timestamp, end_timestamp, columns, format)

    def _read(
        self,
        asked: str,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        formats.check(format)
        try:
            track = self._experiment._run_store.tracks.reader(self._topic)
        except TrackNotFoundError:
            return formats.render(format, self._topic, None, columns)
        entries = deprecate.answer(
            self._experiment._rules,
            asked,
            lambda: track.between(start_timestamp, end_timestamp, skip_damaged=True),
            lambda: track.between(start_timestamp, end_timestamp),
            lambda error: isinstance(error, CorruptDataError),
        )
        return formats.render(format, self._topic, entries, columns)

    def read_or_raise(
        self,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        """Return the track's entries; see :meth:`read`.

        Raises:
            TrackNotFoundError: the run has no such track.
            CorruptDataError: a line of it is unreadable.
            InvalidValueError: the format is unknown.
        """
        formats.check(format)
        track = self._experiment._run_store.tracks.reader(self._topic)
        entries = track.between(start_timestamp, end_timestamp)
        return formats.render(format, self._topic, entries, columns)

    @deprecate.changes("TrackBuilder.list_entries")
    def list_entries(self) -> list[Entry]:
        """Return all entries; empty for a missing track."""
        entries: list[Entry] = self._read("TrackBuilder.list_entries")["entries"]
        return entries

    def list_entries_or_raise(self) -> list[Entry]:
        """Return all entries.

        Raises:
            TrackNotFoundError: the run has no such track.
            CorruptDataError: a line of it is unreadable.
        """
        return self._experiment._run_store.tracks.reader(self._topic).entries()

    def slice(
        self, start_timestamp: float | None = None, end_timestamp: float | None = None
    ) -> TrackSlice:
        """Return the entries of a span of time, loaded at first use, in order of time.

        Args:
            start_timestamp: First time wanted, in seconds, inclusive.
            end_timestamp: Last time wanted, in seconds, inclusive.
        """
        return TrackSlice(self, start_timestamp, end_timestamp)


class TrackSlice:
    """A span of a track: iterate it, count it, ask it for the entry at a time.

    Args:
        track: The track.
        start_timestamp: First time, in seconds, inclusive; None for no bound.
        end_timestamp: Last time, in seconds, inclusive; None for no bound.
    """

    def __init__(
        self,
        track: TrackBuilder,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
    ) -> None:
        self._track = track
        self._start = start_timestamp
        self._end = end_timestamp
        self._loaded: list[Entry] | None = None
        self._iterator: Iterator[Entry] | None = None

    def _entries(self) -> list[Entry]:
        if self._loaded is None:
            entries = self._track.read(self._start, self._end)["entries"]
            self._loaded = sorted(entries, key=lambda entry: float(entry["timestamp"]))
        return self._loaded

    def __iter__(self) -> TrackSlice:
        self._iterator = iter(self._entries())
        return self

    def __next__(self) -> Entry:
        if self._iterator is None:
            self._iterator = iter(self._entries())
        return next(self._iterator)

    def __len__(self) -> int:
        return len(self._entries())

    def __repr__(self) -> str:
        return f"TrackSlice(topic={self._track._topic!r}, start={self._start}, end={self._end})"

    def findByTime(self, timestamp: Any, neighborhood_size: int = 10) -> Any:  # noqa: N802
        """Return the last entry whose time is at or before the one asked for.

        Args:
            timestamp: Seconds, or a list of them.
            neighborhood_size: Accepted as in 0.6.27, without effect.

        Returns:
            The entry; for a list, the list of entries.

        Raises:
            TrackNotFoundError: there is no such entry (is a ``StorageError``).
        """
        if isinstance(timestamp, list):
            return [self.findByTime(each) for each in timestamp]
        entries = self._entries()
        if not entries:
            raise TrackNotFoundError(f"No entries in track slice {self!r}")
        position = bisect_right(entries, timestamp, key=lambda entry: float(entry["timestamp"]))
        if not position:
            raise TrackNotFoundError(
                f"No entry found with timestamp at or before {timestamp} in {self!r}"
            )
        return entries[position - 1]
