"""Runs in folders of this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_dash._base.facts import about
from ml_dash._delivery.sources import LineSource
from ml_dash._record import prefix as prefixes
from ml_dash._store.layout import LOGS
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import FileReadError, MetricNotFoundError
from ml_dash.runs.folders import LocalRun, Skipped, find_runs
from ml_dash.runs.numbers import Numbers, numbers_of
from ml_dash.runs.run import Facts, KeyStats, Run, Series

_log = logging.getLogger("ml_dash.store")


def local_runs(root: str | os.PathLike[str], pattern: str | None = None) -> Iterator[FolderRun]:
    """Yield the runs below a folder, sorted by path.

    What looks like a run and cannot be read is left out, and the log says so;
    :func:`ml_dash.runs.folders.find_runs` gives it with its error.

    Args:
        root: The folder.
        pattern: As for :func:`ml_dash.runs.folders.find_runs`.

    Raises:
        FileReadError: there is no such folder.
    """
    for found in find_runs(root, pattern):
        if isinstance(found, Skipped):
            _log.warning(
                "Left out %s: %s", found.folder, found.error, exc_info=found.error,
                extra=about("looking for runs", found.error, path=found.folder),
            )  # fmt: skip
            continue
        yield FolderRun(found)


class FolderRun(Run):
    """A run in a folder of this machine.

    Args:
        found: The run.

    Raises:
        FileReadError: a part of the folder cannot be read.
    """

    def __init__(self, found: LocalRun) -> None:
        self._found = found
        self._store = RunStore(found.folder.parent, [found.folder.name])
        self._logs = LineSource(found.folder / LOGS, "logs", "logs")
        self._summaries: dict[str, dict[str, Numbers]] = {}
        self.facts = self._read_facts()

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._found.folder

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._found.folder)

    def _read_facts(self) -> Facts:
        document = self._found.document
        parts = prefixes.split(self._found.prefix)
        return Facts(
            path=self._found.prefix, owner=str(parts.owner), project=str(parts.project),
            name=str(document.get("name") or parts.name), status=document.get("status"),
            description=document.get("description"), tags=document.get("tags") or [],
            metadata=document.get("metadata") or {}, created_at=document.get("created_at"),
            started_at=document.get("started_at") or document.get("created_at"),
            ended_at=document.get("ended_at"), logs=self.count_logs(),
            metrics=len(self._store.metrics.readers()), tracks=len(self._store.tracks.readers()),
            files=len(self._store.files.list()),
        )  # fmt: skip

    def refresh(self) -> FolderRun:
        """Return the run as it is now."""
        document = RunStore(self.folder.parent, [self.folder.name]).document.read()
        return FolderRun(LocalRun(self.folder, self._found.prefix, document or {}))

    def read_params(self) -> dict[str, Any]:
        """Return the parameters as they are now.

        Raises:
            CorruptDataError: they are damaged.
        """
        return self._store.params.read() or {}

    def metric_names(self) -> list[str]:
        """Return the names of its metrics, sorted."""
        names = ["None" if m.name is None else m.name for m in self._store.metrics.readers()]
        return sorted(names)

    def stats(self, metric: str) -> dict[str, KeyStats]:
        """Return the facts of a metric's numbers, by key; all points are read, once."""
        return {key: found.stats() for key, found in self._numbers(metric).items()}

    def series(self, metric: str, key: str, points: int) -> Series:
        """Return the numbers under a key of a metric, made few."""
        found = self._numbers(metric).get(key)
        if found is None:
            raise MetricNotFoundError(
                f"The metric {metric!r} has no numbers under {key!r}",
                hint=f"It has {', '.join(self._numbers(metric)) or 'none'}",
                context={"metric": metric, "key": key},
            )
        return found.series(points)

    def _numbers(self, metric: str) -> dict[str, Numbers]:
        if metric not in self._summaries:
            self._summaries[metric] = numbers_of(self.points(metric, 0))
        return self._summaries[metric]

    def points(self, metric: str, start: int) -> Iterator[dict[str, Any]]:
        """Yield points of a metric from an index on; damaged lines are left out, loudly."""
        store = self._store.metrics.reader(metric)
        yield from store.read(start, 1 << 62, skip_damaged=True)

    def count_points(self, metric: str) -> int:
        """Return how many points a metric has now."""
        return self._store.metrics.reader(metric).window().lines

    def log_lines(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield log lines from a number on."""
        yield from self._store.logs.read(start, 1 << 62)

    def count_logs(self) -> int:
        """Return how many log lines there are now."""
        try:
            size = self._logs.size()
            return self._logs.count(0, size) if size else 0
        except OSError as error:
            raise FileReadError(f"Cannot read {self._logs.path}: {error.strerror}",
                                cause=error) from error  # fmt: skip

    def tracks(self) -> list[dict[str, Any]]:
        """Return its tracks."""
        return [track.summary() for track in self._store.tracks.readers()]

    def files(self) -> list[dict[str, Any]]:
        """Return its files."""
        return self._store.files.list()
