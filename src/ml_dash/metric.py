"""Metrics: ``exp.metrics("train").log(loss=0.5)``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any

from ml_dash._base import deprecate
from ml_dash._base.policy import add_note, failure_of, handle_error, log_error, raise_first
from ml_dash._described import Described
from ml_dash._flushed import Flushed
from ml_dash._metric_buffer import BufferManager, SummaryCache, is_refusal
from ml_dash._record.codec import encode
from ml_dash._store.metrics import page
from ml_dash.exceptions import (
    CorruptDataError,
    InvalidValueError,
    MetricNotFoundError,
    UnsummarizedBufferError,
)

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

__all__ = ["BufferManager", "MetricBuilder", "MetricsManager", "SummaryCache"]

_log = logging.getLogger("ml_dash")
_UNBOUND = object()


class MetricsManager(Flushed):
    """All metrics of one run.

    Args:
        experiment: The run's experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._builders: dict[str | None, MetricBuilder] = {}
        self._buffer = BufferManager(self)

    def __call__(
        self,
        name: str | None,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> MetricBuilder:
        """Return the metric of a name, the same object each time.

        Args:
            name: Any text; slashes group metrics. None is the unnamed metric.
            description: What it measures. Noted at the first use that gives one.
            tags: Words to find it by; as for ``description``.
            metadata: Facts about it; as for ``description``.

        Raises:
            InvalidValueError: the name is no text, or the tags are no list of texts.
        """
        builder = self._builders.get(name)
        if builder is None:
            builder = self._builders.setdefault(name, MetricBuilder(self._experiment, name))
        if description is not None or tags is not None or metadata is not None:
            builder._describe(description, tags, metadata)
        return builder

    @property
    def buffer(self) -> BufferManager:
        """The values gathered by ``metrics(name).buffer(...)``."""
        return self._buffer

    def log(self, _flush: bool = False, **kwargs: Any) -> MetricsManager:
        """Log a point of several metrics at once.

        Args:
            _flush: Also bring the snapshots that other tools read up to date.
            **kwargs: Each dictionary is a point of the metric of that name; the other values are
                part of every such point, and a point of the unnamed metric. ``_ts`` (seconds, or
                -1 for the time of the call before) goes to every point.

        Returns:
            This object, for chaining.

        Raises:
            SerializationError: a value has no JSON form; nothing was written.
            NotOpenError: the run is not open.
        """
        timed = {"_ts": kwargs.pop("_ts")} if "_ts" in kwargs else {}
        groups = {name: value for name, value in kwargs.items() if isinstance(value, dict)}
        shared = {name: value for name, value in kwargs.items() if name not in groups}
        points: list[tuple[str | None, dict[str, Any]]] = [(None, shared)] if shared else []
        points += [(name, {**shared, **values}) for name, values in groups.items()]
        # All points are encoded before the first is written: a bad value in one stops them all.
        prepared = [(self(name), self(name)._encoded({**data, **timed})) for name, data in points]
        # One that cannot be written, or warns where warnings are errors, does not stop the others.
        failures = [failure_of(partial(metric._write, *point)) for metric, point in prepared]
        raise_first([failure for failure in failures if failure is not None])
        return self.flush() if _flush else self

    def flush(self) -> MetricsManager:
        """Hand over to the server, and to other tools in snapshots; points are on disk already.

        Returns:
            This object, for chaining.
        """
        self._experiment.flush()
        return self

    def _close(self, ended_by: BaseException | None) -> None:
        """Summarise what nobody has summarised, so that it is not lost with the process.

        Args:
            ended_by: What ended the run early. Whoever was interrupted had no chance to summarise:
                then it is said in the log and beside that exception, and is no error.
        """
        values = self._gathered()
        if not values:
            return
        caches = [b._cache for b in self._builders.values() if b._cache and b._cache._left()]
        steps: list[Callable[[], object]] = [self._buffer.log_summary]
        failures = [failure_of(step) for step in [*steps, *(c.summarize for c in caches)]]
        refused = [failure for failure in failures if is_refusal(failure)]
        kept = (
            f"{self._gathered()} of them stay in memory until the run is opened again"
            if refused
            else "their summaries were logged, one point for each metric"
        )
        error = _unsummarized(values, kept)
        if ended_by is None:
            failures.append(failure_of(partial(handle_error, error, "closing the run",
                                               self._experiment._mode)))  # fmt: skip
        else:
            log_error(error, "closing the run", logging.WARNING)
            add_note(ended_by, f"ml-dash, closing the run: {error}")
        raise_first([failure for failure in failures if failure is not None])

    def _gathered(self) -> int:
        """Return how many values nobody has summarised."""
        caches = [builder._cache for builder in self._builders.values() if builder._cache]
        return sum(self._buffer._left().values()) + sum(cache._left() for cache in caches)


def _unsummarized(values: int, kept: str) -> UnsummarizedBufferError:
    return UnsummarizedBufferError(
        f"The run closed with {values} buffered values that were never summarised",
        context={"values": values},
        kept=kept,
        hint="Call metrics.buffer.log_summary(...) or summarize() before closing",
    )


class MetricBuilder(Flushed):
    """One metric of one run.

    Args:
        experiment: The run's experiment.
        name: The metric's name; None for the unnamed one.
        description: What it measures.
        tags: Words to find it by.
        metadata: Facts about it.
    """

    def __init__(
        self,
        experiment: Experiment,
        name: str | None,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if not (name is None or isinstance(name, str)):
            raise InvalidValueError(f"A metric's name is text or None, not {name!r}")
        if name == "":
            raise InvalidValueError("A metric's name is empty", hint="Use None for the unnamed one")
        self._experiment = experiment
        self._name = name
        self._said = Described("metric", name)
        self._cache: SummaryCache | None = None
        self._session: object = _UNBOUND
        self._describe(description, tags, metadata)

    def _describe(
        self, description: str | None, tags: list[str] | None, metadata: dict[str, Any] | None
    ) -> None:
        if self._said.take(description, tags, metadata):
            self._session = _UNBOUND  # the next point takes it to the store

    def log(self, **kwargs: Any) -> MetricBuilder:
        """Log one point; it is on disk when this returns.

        Args:
            **kwargs: The point's fields: numbers, or any value that has a JSON form. ``_ts`` is
                the point's time in seconds; -1 takes the time of this thread's call before.

        Returns:
            This object, for chaining.

        Raises:
            SerializationError: a value has no JSON form; nothing was written.
            InvalidValueError: ``_ts`` is no number, or -1 with no call before.
            NotOpenError: the run is not open.
        """
        if self._session is not self._experiment._session or "_ts" in kwargs:
            self._write(*self._encoded(kwargs))
            return self
        # The path of every training step: what `_write(*_encoded())` does, in one go.
        now_s = time()
        data = encode(kwargs)
        if self._store.direct:
            try:
                self._stream.append_point(data, now_s)
            except OSError as error:
                self._store.hold(self._stream, self._stream.tail(data, now_s), "metrics", error)
        else:
            self._store.write(self._stream, self._stream.tail(data, now_s), "metrics")
        self._times.last = now_s
        return self

    def _encoded(self, fields: dict[str, Any]) -> tuple[bytes, float, float]:
        """Return a point as JSON, when it was logged and its time; changes nothing on disk."""
        self._experiment._require_open()
        now_s = seconds = time()
        given = fields.get("_ts")
        fields = {key: value for key, value in fields.items() if key != "_ts"}
        if given is not None:
            fields["_ts"] = seconds = self._experiment._times.of_point(given)
        return encode(fields), now_s, seconds

    def _write(self, data: bytes, now_s: float, seconds: float) -> None:
        if self._session is self._experiment._session or self._bind():
            self._store.write(self._stream, self._stream.tail(data, now_s), "metrics")
        self._times.last = seconds

    def _bind(self) -> bool:
        """Take up the run as it is open now; tell whether its store could be prepared."""
        experiment = self._experiment
        store = experiment._run_store_for_writing()
        self._times = experiment._times.thread
        stream = store.metric_stream(self._name, self._said.definition)
        if stream is None:
            return False
        self._store, self._stream = store, stream
        self._session = experiment._session
        return True

    @deprecate.changes("MetricBuilder.buffer")
    def buffer(self, **kwargs: Any) -> MetricBuilder:
        """Gather values for :meth:`BufferManager.log_summary`; nothing is written yet.

        Returns:
            This object, for chaining.

        Raises:
            InvalidValueError: a value is no number, from 0.9 on (is a ``ValueError``); before
                that it is skipped, with a word about each key.
        """
        self._experiment.metrics.buffer._store(self._name, kwargs)
        return self

    def flush(self) -> MetricBuilder:
        """Hand over to the server, and to other tools in snapshots; points are on disk already.

        Returns:
            This object, for chaining.
        """
        self._experiment.flush()
        return self

    @property
    def summary_cache(self) -> SummaryCache:
        """Values gathered for one summarising point of this metric."""
        if self._cache is None:
            self._cache = SummaryCache(self)
        return self._cache

    @deprecate.changes("MetricBuilder.read")
    def read(self, start_index: int = 0, limit: int = 1000) -> dict[str, Any]:
        """Return a window of the metric's points.

        Args:
            start_index: Index of the first point wanted.
            limit: How many indexes to cover.

        Returns:
            ``data`` (a list of ``{"index", "data", "createdAt"}``), ``startIndex``, ``endIndex``
            (inclusive), ``total`` (points in this window) and ``hasMore``. Empty when there is no
            such metric; an unreadable line is left out, as in 0.6. See :meth:`read_or_raise`.

        Raises:
            InvalidValueError: ``limit`` is negative, or one of the two is no whole number.
        """
        _check_window(start_index, limit)
        try:
            metric = self._experiment._run_store.metrics.reader(self._name)
        except MetricNotFoundError:
            return page([], start_index, 0)
        return deprecate.answer(
            self._experiment._rules,
            "MetricBuilder.read",
            lambda: metric.page(start_index, limit, skip_damaged=True),
            lambda: metric.page(start_index, limit),
            lambda error: isinstance(error, CorruptDataError),
        )

    def read_or_raise(self, start_index: int = 0, limit: int = 1000) -> dict[str, Any]:
        """Return a window of the metric's points; see :meth:`read`.

        Raises:
            MetricNotFoundError: the run has no such metric.
            CorruptDataError: a line of it is unreadable.
            InvalidValueError: ``limit`` is negative, or one of the two is no whole number.
        """
        _check_window(start_index, limit)
        return self._experiment._run_store.metrics.reader(self._name).page(start_index, limit)

    def stats(self) -> dict[str, Any]:
        """Return counts, times, description and tags of the metric; counts are texts, as in 0.6.

        Raises:
            MetricNotFoundError: the run has no such metric (is a ``FileNotFoundError``).
        """
        return self._experiment._run_store.metrics.reader(self._name).stats()

    @deprecate.changes("MetricBuilder.list_all")
    def list_all(self) -> list[dict[str, Any]]:
        """List all metrics of the run.

        Returns:
            For each ``metricId``, ``name``, ``description``, ``tags``, ``totalDataPoints`` (a
            text) and ``createdAt``. An unreadable metric is left out, as in 0.6; see
            :meth:`list_all_or_raise`.
        """
        rows = (
            deprecate.answer(
                self._experiment._rules,
                "MetricBuilder.list_all",
                lambda: None,
                metric.listed,
                lambda error: isinstance(error, CorruptDataError),
            )
            for metric in self._experiment._run_store.metrics.readers()
        )
        return [row for row in rows if row is not None]

    def list_all_or_raise(self) -> list[dict[str, Any]]:
        """List all metrics of the run; see :meth:`list_all`.

        Raises:
            CorruptDataError: a metric is unreadable.
        """
        return [metric.listed() for metric in self._experiment._run_store.metrics.readers()]


def _check_window(start: int, limit: int) -> None:
    for name, value in (("start_index", start), ("limit", limit)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise InvalidValueError(
                f"{name} is {value!r}", hint="Give a whole number", context={"argument": name}
            )
    if limit < 0:
        raise InvalidValueError(
            f"limit is {limit!r}", hint="Give 0 or more", context={"argument": "limit"}
        )
