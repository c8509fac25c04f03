"""Values gathered in memory until they are summarised into metric points."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from ml_dash._base.deprecate import Rules, changes, refuse
from ml_dash._base.facts import about
from ml_dash._base.fork import reset_in_child
from ml_dash._base.policy import failure_of, raise_first
from ml_dash._record import aggregate
from ml_dash.exceptions import InvalidValueError

if TYPE_CHECKING:
    from ml_dash.metric import MetricBuilder, MetricsManager

_log = logging.getLogger("ml_dash")
Values = dict[str, list[float]]


def gather(into: Values, name: str | None, given: dict[str, Any], rules: Rules, asked: str) -> None:
    """Add numbers to lists by key.

    Args:
        into: The lists.
        name: The metric.
        given: A value for each key; one that is no number is skipped as in 0.6, and told.
        rules: Of the run.
        asked: The public name that was called.

    Raises:
        InvalidValueError: a value is no number, from 0.9 on; nothing was added.
    """
    numbers = {}
    for key, value in given.items():
        try:
            numbers[key] = aggregate.to_number(value)
        except InvalidValueError:
            refuse(rules, asked, _no_number(name, key, value))
    for key, number in numbers.items():
        into.setdefault(key, []).append(number)


def _no_number(name: str | None, key: str, value: object) -> InvalidValueError:
    return InvalidValueError(
        f"The value of {key!r} buffered for metric {name!r} is no number: {value!r}",
        kept="what was gathered before",
        hint="Buffer numbers only; log anything else with log()",
        context={"metric": name, "key": key, "type": type(value).__name__},
    )


class BufferManager:
    """The values gathered by ``metrics(name).buffer(...)`` for all metrics of a run."""

    SUPPORTED_AGGS = aggregate.AGGREGATIONS

    def __init__(self, metrics: MetricsManager) -> None:
        self._metrics = metrics
        self._values: dict[str | None, Values] = {}
        self._lock = threading.Lock()
        reset_in_child(self)

    def _store(self, name: str | None, given: dict[str, Any]) -> None:
        self._metrics._experiment._require_open()
        with self._lock:
            into = self._values.setdefault(name, {})
            gather(into, name, given, self._metrics._experiment._rules, "MetricBuilder.buffer")

    def log_summary(self, *aggs: str, **extra: Any) -> None:
        """Log one point per metric with the statistics of what was gathered, and start anew.

        Args:
            *aggs: Names of statistics; ``mean`` when omitted. See ``SUPPORTED_AGGS``.
            **extra: Fields added to each point; a statistic of the same name wins. ``_ts`` is the
                points' time.

        Raises:
            ConfigurationError: a statistic is unknown; nothing was logged (is a ``ValueError``).
        """
        chosen = aggs or ("mean",)
        aggregate.check_aggregations(chosen)
        # Swapped under the lock: what another thread gathers meanwhile counts next time.
        with self._lock:
            gathered, self._values = self._values, {}
        failures = []
        for name, values in gathered.items():
            point = _statistics(name, values, chosen)
            if values and (point or extra):
                log = partial(self._metrics(name).log, **{**extra, **point})
                failures.append(failure_of(log))
                if is_refusal(failures[-1]):
                    self._put_back(name, values)
        raise_first([failure for failure in failures if failure is not None])

    def _put_back(self, name: str | None, values: Values) -> None:
        """Keep values whose summary was refused, before what was gathered since."""
        with self._lock:
            since = self._values.setdefault(name, {})
            for key, numbers in values.items():
                since[key] = numbers + since.get(key, [])

    def log_summary_or_raise(self, *aggs: str, **extra: Any) -> None:
        """Do the same as :meth:`log_summary`, and raise unless the points are where they belong.

        Raises:
            ConfigurationError: a statistic is unknown; nothing was logged (is a ``ValueError``).
            MLDashError: as :meth:`ml_dash.Experiment.flush_or_raise`.

        .. versionadded:: 0.7
        """
        self.log_summary(*aggs, **extra)
        self._metrics.flush_or_raise()

    def peek(
        self, prefix: str | None = None, *keys: str, limit: int | None = 5
    ) -> dict[str, list[float]]:
        """Return the last values gathered.

        Args:
            prefix: A metric's name; None for all, with keys ``name/key``.
            *keys: Only these keys.
            limit: How many values of each; all when 0 or None.
        """
        with self._lock:
            gathered = {name: dict(values) for name, values in self._values.items()}
        if prefix is not None:
            return _last(gathered.get(prefix, {}), keys, limit)
        return {
            f"{'(default)' if name is None else name}/{key}": values
            for name, of_name in gathered.items()
            for key, values in _last(of_name, keys, limit).items()
        }

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()

    def _left(self) -> dict[str | None, int]:
        """Return how many values of each metric nobody has summarised."""
        with self._lock:
            return {name: sum(map(len, v.values())) for name, v in self._values.items() if v}


class SummaryCache:
    """Values of one metric, gathered for one summarising point.

    Args:
        metric: The metric that gets the point.
    """

    def __init__(self, metric: MetricBuilder) -> None:
        self._metric = metric
        self._values: Values = {}
        self._facts: dict[str, Any] = {}
        self._lock = threading.Lock()
        reset_in_child(self)

    @changes("SummaryCache.store")
    def store(self, **kwargs: Any) -> None:
        """Gather one value for each key; None counts as NaN.

        Raises:
            InvalidValueError: a value is no number, from 0.9 on (is a ``ValueError``); before
                that it is skipped, with a warning for each key.
        """
        with self._lock:
            rules = self._metric._experiment._rules
            gather(self._values, self._metric._name, kwargs, rules, "SummaryCache.store")

    def set(self, **kwargs: Any) -> None:
        """Set fields of the summarising point; the last value counts."""
        with self._lock:
            self._facts.update(kwargs)

    def summarize(self, clear: bool = True) -> None:
        """Log one point: the fields set, then mean, min, max, count and std of each key.

        Args:
            clear: Start anew; False keeps the values for a cumulative summary.

        Raises:
            NotOpenError: the run is not open; the values are kept.
        """
        with self._lock:
            point = {**self._facts, **self._statistics()}
            failure = failure_of(partial(self._metric.log, **point)) if point else None
            if point and clear and not is_refusal(failure):
                self._values, self._facts = {}, {}
        if failure is not None:
            raise failure

    def summarize_or_raise(self, clear: bool = True) -> None:
        """Do the same as :meth:`summarize`, and raise unless the point is where it belongs.

        Raises:
            NotOpenError: the run is not open; the values are kept.
            MLDashError: as :meth:`ml_dash.Experiment.flush_or_raise`.

        .. versionadded:: 0.7
        """
        self.summarize(clear)
        self._metric.flush_or_raise()

    def peek(self, *keys: str, limit: int | None = 5) -> dict[str, list[float]]:
        """Return the last values gathered for each key (all keys when none is named)."""
        with self._lock:
            return _last(self._values, keys, limit)

    def _compute_stats(self) -> dict[str, Any]:
        with self._lock:
            return self._statistics()

    def _statistics(self) -> dict[str, Any]:
        return _statistics(self._metric._name, self._values, aggregate.SUMMARY)

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self._lock = threading.Lock()

    def _left(self) -> int:
        """Return how many values nobody has summarised."""
        with self._lock:
            return sum(map(len, self._values.values()))


def is_refusal(failure: Exception | None) -> bool:
    """Tell whether a point was not accepted; where warnings are errors, one of them was."""
    return failure is not None and not isinstance(failure, Warning)


def _statistics(name: str | None, values: Values, aggs: tuple[str, ...]) -> dict[str, Any]:
    point: dict[str, Any] = {}
    for key, numbers in values.items():
        summary = aggregate.summarize(numbers, aggs)
        if numbers and not summary:
            _log.warning(
                "Of %r of metric %r nothing is summarised: all %d values are NaN", key, name,
                len(numbers),
                extra=about("summarising", metric=name, key=key, count=len(numbers)),
            )  # fmt: skip
        point |= {f"{key}.{agg}": value for agg, value in summary.items()}
    return point


def _last(values: Values, keys: tuple[str, ...], limit: int | None) -> dict[str, list[float]]:
    return {
        key: list(numbers[-limit:] if limit else numbers)
        for key, numbers in values.items()
        if not keys or key in keys
    }
