"""Values of runs by name: ``params.lr``, ``metrics.train.loss.min``, ``status``."""

from __future__ import annotations

from typing import Any, Final

from ml_dash.exceptions import UsageError
from ml_dash.runs.run import KeyStats, Run

PLAIN: Final = (
    "path", "owner", "project", "name", "status", "description", "tags", "created_at",
    "started_at", "ended_at", "duration_s", "logs", "metrics", "tracks", "files",
)  # fmt: skip
"""Names of single facts."""

_KINDS: Final = ("params", "metrics", "metadata")
_STATS: Final = ("count", "min", "max", "mean", "last")


class _Missing:
    """What a run does not have: equal to None only, and below and above nothing."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""The value of a name that a run has nothing for."""


def value_of(run: Run, name: str) -> Any:
    """Return a run's value of a name; :data:`MISSING` when it has none.

    Args:
        run: The run.
        name: One of the facts, such as ``status``; ``params.NAME``; ``metadata.NAME``; or
            ``metrics.METRIC[.KEY][.STATISTIC]`` with ``count``, ``min``, ``max``, ``mean`` or
            ``last``. Without a statistic the last number counts, and without a key the only one.

    Raises:
        UsageError: no run can have a value of this name.
        MLDashError: the run cannot be read.
    """
    kind, _, rest = checked_name(name).partition(".")
    if not rest:
        found = getattr(run.facts, kind)
        return MISSING if found is None else found
    if kind == "params":
        return run.params.get(rest, MISSING)
    return _inside(run.facts.metadata, rest) if kind == "metadata" else _of_metric(run, rest)


def checked_name(name: str) -> str:
    """Return a name that a run can have a value for.

    Raises:
        UsageError: no run can.
    """
    kind, dot, rest = name.partition(".")
    if (kind in _KINDS and rest) if dot else kind in PLAIN:
        return name
    raise UsageError(
        f"Runs have no {name!r}",
        hint=f"Use params.NAME, metrics.METRIC.KEY, metadata.NAME, or {', '.join(PLAIN)}",
    )


def _inside(found: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return MISSING
        found = found[part]
    return found


def _of_metric(run: Run, path: str) -> Any:
    """Return a number of a metric; the longest name of a metric that fits is meant."""
    parts = path.split(".")
    names = set(run.metric_names())
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if name in names:
            return _of_keys(run, name, parts[end:])
    return _of_keys(run, "None", parts) if "None" in names else MISSING


def _of_keys(run: Run, metric: str, parts: list[str]) -> Any:
    stats = run.stats(metric)
    found = stats.get(".".join(parts))
    if found is not None:
        return _number(found, "last")
    if parts and parts[-1] in _STATS:
        return _number(_chosen(stats, parts[:-1]), parts[-1])
    return _number(_chosen(stats, parts), "last")


def _chosen(stats: dict[str, KeyStats], key: list[str]) -> KeyStats | None:
    if key:
        return stats.get(".".join(key))
    kept = {name: found for name, found in stats.items() if name not in ("step", "epoch", "_ts")}
    return next(iter(kept.values())) if len(kept) == 1 else None


def _number(found: KeyStats | None, statistic: str) -> Any:
    value = None if found is None else getattr(found, statistic)
    return MISSING if value is None else value
