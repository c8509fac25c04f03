"""A run to look at: what it is, and what it holds, wherever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Final

KINDS: Final = ("params", "logs", "metrics", "tracks", "files")
"""What a run is made of, besides its document."""


@dataclass(frozen=True)
class Facts:
    """What is known of a run before anything of it is read.

    Attributes:
        path: ``owner/project/.../name``.
        owner: Whose it is.
        project: Its project.
        name: Its name.
        status: ``RUNNING``, ``COMPLETED``, ``FAILED``, ``CANCELLED``; None if nobody said.
        description: What it is.
        tags: Words to find it by.
        metadata: Facts about it.
        created_at: When it was made (ISO 8601).
        started_at: When it began, the last time.
        ended_at: When it ended.
        logs: How many log lines it has.
        metrics: How many metrics.
        tracks: How many tracks.
        files: How many files.
    """

    path: str
    owner: str
    project: str
    name: str
    status: str | None = None
    description: str | None = None
    tags: Sequence[str] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    logs: int | None = None
    metrics: int | None = None
    tracks: int | None = None
    files: int | None = None

    @property
    def duration_s(self) -> float | None:
        """How long it took, in seconds, or has taken so far; None if that is not known."""
        began, ended = moment(self.started_at), moment(self.ended_at)
        if began is None or (ended is None and self.status != "RUNNING"):
            return None
        return ((ended or datetime.now(timezone.utc)) - began).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        return {**asdict(self), "tags": list(self.tags)}


@dataclass(frozen=True)
class KeyStats:
    """The numbers under one key of a metric; without those that are NaN or infinite.

    Attributes:
        count: How many there are.
        min: The smallest.
        max: The largest.
        mean: Their mean.
        last: The last one.
    """

    count: int
    min: float | None
    max: float | None
    mean: float | None
    last: float | None


@dataclass(frozen=True)
class Series:
    """Numbers of a metric for a chart: few, with the shape of all.

    Attributes:
        values: The numbers, in order.
        total: How many points the metric has.
    """

    values: Sequence[float]
    total: int


class Run(ABC):
    """A run to look at.

    Attributes:
        facts: What is known of it.
    """

    facts: Facts

    @property
    def path(self) -> str:
        """``owner/project/.../name``."""
        return self.facts.path

    @property
    @abstractmethod
    def where(self) -> str:
        """Where it is: a folder, or a server's URL."""

    @cached_property
    def params(self) -> dict[str, Any]:
        """Its parameters, flat; empty when none were set."""
        return self.read_params()

    @abstractmethod
    def read_params(self) -> dict[str, Any]:
        """Return the parameters as they are now."""

    @abstractmethod
    def metric_names(self) -> list[str]:
        """Return the names of its metrics, sorted; that of the unnamed one is ``"None"``."""

    @abstractmethod
    def stats(self, metric: str) -> dict[str, KeyStats]:
        """Return the facts of a metric's numbers, by key.

        Raises:
            NotFoundError: the run has no such metric.
        """

    @abstractmethod
    def series(self, metric: str, key: str, points: int) -> Series:
        """Return the numbers under a key of a metric, made few.

        Args:
            metric: The metric.
            key: The key.
            points: At most so many.
        """

    @abstractmethod
    def points(self, metric: str, start: int) -> Iterator[dict[str, Any]]:
        """Yield points (``index``, ``data``) of a metric from an index on, as of now."""

    @abstractmethod
    def log_lines(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield log lines from a number on, as of now."""

    @abstractmethod
    def count_logs(self) -> int:
        """Return how many log lines there are now."""

    @abstractmethod
    def count_points(self, metric: str) -> int:
        """Return how many points a metric has now."""

    @abstractmethod
    def tracks(self) -> list[dict[str, Any]]:
        """Return its tracks: ``topic``, ``totalEntries``, ``columns``, times."""

    @abstractmethod
    def files(self) -> list[dict[str, Any]]:
        """Return its files: ``path``, ``filename``, ``sizeBytes``, ``checksum``, ..."""

    @abstractmethod
    def refresh(self) -> Run:
        """Return the run as it is now."""


def moment(text: str | None) -> datetime | None:
    """Return a moment from its text; None for none, and for a text that is no moment."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
