"""The reading half of 0.6's ``LocalStorage``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from ml_dash import _track_formats as formats
from ml_dash._base import deprecate
from ml_dash._base.deprecate import Rules, changes
from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._base.settings import Settings
from ml_dash._record import prefix as prefixes
from ml_dash._store.layout import run_folder
from ml_dash._store.metrics import page
from ml_dash._store.outage import write_error
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import CorruptDataError, FileReadError, MLDashError, NotFoundError

T = TypeVar("T")


class StoredRuns:
    """A data root, for reading.

    Args:
        root_path: The folder; made at once.
        future: Flags or a release whose behaviour is wanted; see :mod:`ml_dash.future`.

            .. versionadded:: 0.7
        rules: What an experiment was built with; instead of ``future``.

    Raises:
        LocalWriteError: it cannot be made.
    """

    def __init__(
        self,
        root_path: str | Path,
        *,
        future: str | Iterable[str] | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.root_path = Path(root_path)
        self._rules = rules or deprecate.rules(future)
        self._runs: dict[str, RunStore] = {}
        try:
            self.root_path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, self.root_path, "the data root", "everything") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"root_path": self.root_path, "_rules": self._rules}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._runs = {}

    def _answer(self, name: str, empty: T, read: Callable[[], T], old: Callable[[], T]) -> T:
        """Return what ``read`` finds; ``empty`` for nothing, and 0.6's answer for damage."""
        try:
            return deprecate.answer(self._rules, f"LocalStorage.{name}", old, read, _is_damage)
        except NotFoundError:
            return empty

    def run_path(self, prefix: str) -> Path:
        """Return a run's folder.

        Raises:
            PrefixError: the prefix leaves the root.
        """
        return run_folder(self.root_path, prefixes.check(prefix))

    def run_store(
        self,
        prefix: str,
        project: str | None = None,
        *,
        settings: Settings | None = None,
        mode: ErrorHandlingMode | None = None,
    ) -> RunStore:
        """Return the run of a prefix, the same object each time.

        Raises:
            PrefixError: the prefix leaves the root.
        """
        segments = prefixes.check(prefix)
        key = "/".join(segments)
        run = self._runs.get(key)
        if run is None or (settings is not None and not run.opened_here):
            run = RunStore(self.root_path, segments, project, settings,
                           mode or ErrorHandlingMode.STRICT)  # fmt: skip
            self._runs[key] = run
        return run

    @changes("LocalStorage.read_parameters")
    def read_parameters(self, owner: str, project: str, prefix: str) -> dict[str, Any] | None:
        """Return a run's parameters (flat), or None."""
        return self._answer(
            "read_parameters",
            None,
            lambda: self.read_parameters_or_raise(owner, project, prefix),
            lambda: None,
        )

    def read_parameters_or_raise(
        self, owner: str, project: str, prefix: str
    ) -> dict[str, Any] | None:
        """Return a run's parameters (flat); None only when none were set.

        Raises:
            CorruptDataError: they are unreadable.
        """
        return self.run_store(prefix, project).params.read()

    @changes("LocalStorage.read_metric_data")
    def read_metric_data(
        self,
        owner: str,
        project: str,
        prefix: str,
        metric_name: str | None,
        start_index: int = 0,
        limit: int = 1000,
    ) -> dict[str, Any]:
        """Return a window of a metric's points, without damaged lines; empty when none."""
        metrics = self.run_store(prefix, project).metrics
        return self._answer(
            "read_metric_data",
            page([], start_index, 0),
            lambda: metrics.reader(metric_name).page(start_index, limit),
            lambda: metrics.reader(metric_name).page(start_index, limit, skip_damaged=True),
        )

    def read_metric_data_or_raise(
        self,
        owner: str,
        project: str,
        prefix: str,
        metric_name: str | None,
        start_index: int = 0,
        limit: int = 1000,
    ) -> dict[str, Any]:
        """Return a window of a metric's points.

        Raises:
            MetricNotFoundError: the run has no such metric.
            CorruptDataError: a line is unreadable.
        """
        metric = self.run_store(prefix, project).metrics.reader(metric_name)
        return metric.page(start_index, limit)

    def get_metric_stats(
        self, owner: str, project: str, prefix: str, metric_name: str | None
    ) -> dict[str, Any]:
        """Return counts, times and description of a metric.

        Raises:
            MetricNotFoundError: the run has no such metric (is a ``FileNotFoundError``).
        """
        return self.run_store(prefix, project).metrics.reader(metric_name).stats()

    @changes("LocalStorage.list_metrics")
    def list_metrics(self, owner: str, project: str, prefix: str) -> list[dict[str, Any]]:
        """List a run's metrics; an unreadable one is left out."""
        metrics = self.run_store(prefix, project).metrics.readers()
        rows = (self._answer("list_metrics", None, m.listed, lambda: None) for m in metrics)
        return [row for row in rows if row is not None]

    def list_metrics_or_raise(self, owner: str, project: str, prefix: str) -> list[dict[str, Any]]:
        """List a run's metrics.

        Raises:
            CorruptDataError: one is unreadable.
        """
        return [metric.listed() for metric in self.run_store(prefix, project).metrics.readers()]

    @changes("LocalStorage.read_track_data")
    def read_track_data(
        self,
        owner: str,
        project: str,
        prefix: str,
        topic: str,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        """Return a track's entries in a format; its empty value when there is no such track.

        Args:
            owner: Accepted as in 0.6.
            project: Accepted as in 0.6.
            prefix: The run.
            topic: The track.
            start_timestamp: First time wanted, in seconds, inclusive.
            end_timestamp: Last time wanted, in seconds, inclusive.
            columns: Fields wanted; all when empty or None.
            format: ``json``, ``jsonl``, ``parquet`` or ``mocap``.

        Raises:
            InvalidValueError: the format is unknown.
        """
        formats.check(format)
        tracks = self.run_store(prefix, project).tracks
        span = (start_timestamp, end_timestamp)
        entries = self._answer(
            "read_track_data",
            None,
            lambda: tracks.reader(topic).between(*span),
            lambda: tracks.reader(topic).between(*span, skip_damaged=True),
        )
        return formats.render(format, topic, entries, columns)

    def read_track_data_or_raise(
        self,
        owner: str,
        project: str,
        prefix: str,
        topic: str,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        """Return a track's entries in a format.

        Raises:
            TrackNotFoundError: the run has no such track.
            CorruptDataError: a line is unreadable.
            InvalidValueError: the format is unknown.
        """
        formats.check(format)
        track = self.run_store(prefix, project).tracks.reader(topic)
        entries = track.between(start_timestamp, end_timestamp)
        return formats.render(format, topic, entries, columns)

    @changes("LocalStorage.list_tracks")
    def list_tracks(
        self, owner: str, project: str, prefix: str, topic_filter: str | None = None
    ) -> list[dict[str, Any]]:
        """List a run's tracks; an unreadable one is left out.

        Args:
            owner: Accepted as in 0.6.
            project: Accepted as in 0.6.
            prefix: The run.
            topic_filter: ``robot/*`` for all topics below ``robot``, else one topic.
        """
        tracks = self.run_store(prefix, project).tracks.readers()
        rows = (
            self._answer("list_tracks", None, track.summary, lambda: None)
            for track in tracks
            if _matches(track.topic, topic_filter)
        )
        return [row for row in rows if row is not None]

    def list_tracks_or_raise(
        self, owner: str, project: str, prefix: str, topic_filter: str | None = None
    ) -> list[dict[str, Any]]:
        """List a run's tracks.

        Raises:
            CorruptDataError: one is unreadable.
        """
        tracks = self.run_store(prefix, project).tracks.readers()
        return [track.summary() for track in tracks if _matches(track.topic, topic_filter)]

    @changes("LocalStorage.list_files")
    def list_files(
        self,
        owner: str,
        project: str,
        prefix: str,
        path_prefix: str | None = None,
        tags: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """List a run's files that are not deleted; empty when the list is unreadable."""
        return self._answer(
            "list_files",
            [],
            lambda: self.list_files_or_raise(owner, project, prefix, path_prefix, tags),
            list,
        )

    def list_files_or_raise(
        self,
        owner: str,
        project: str,
        prefix: str,
        path_prefix: str | None = None,
        tags: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """List a run's files that are not deleted.

        Raises:
            CorruptDataError: the list is unreadable.
        """
        return self.run_store(prefix, project).files.list(path_prefix, tags)


def _is_damage(error: MLDashError) -> bool:
    return isinstance(error, (CorruptDataError, FileReadError))


def _matches(topic: str, wanted: str | None) -> bool:
    if wanted is None:
        return True
    return topic.startswith(wanted[:-1]) if wanted.endswith("/*") else topic == wanted
