"""A run's metrics: one stream of points each, and ``metadata.json`` as its snapshot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._base.fork import reset_in_child
from ml_dash._store.definitions import DESCRIBING, Definition, news, said
from ml_dash._store.documents import Document
from ml_dash._store.growth import Growth
from ml_dash._store.journal import Add, Event, Journal
from ml_dash._store.layout import METRICS, POINTS, SUMMARY
from ml_dash._store.logs import decode_line, decode_lines
from ml_dash._store.names import UNNAMED, Names, decode, spells
from ml_dash._store.points import PointStream
from ml_dash._store.window import Window
from ml_dash.exceptions import CorruptDataError, MetricNotFoundError

_log = logging.getLogger("ml_dash.store")
_KIND = "metric"
CHUNK_SIZE = 10_000
"""Points in a server's chunk; only reported, for 0.6 readers."""


class MetricStore:
    """One metric of a run."""

    def __init__(
        self, folder: Path, name: str | None, definition: Definition, durable: bool
    ) -> None:
        self.name = name
        self.folder = folder
        self.stream = PointStream(folder / POINTS, durable=durable)
        self.definition = definition
        self._document = Document(folder / SUMMARY, durable=durable)
        self._window: Window | None = None
        self._created_at: str | None = None
        self._written = -1

    def open(self) -> None:
        """Take up the numbering; make or mend the snapshot.

        Raises:
            OSError: the folder cannot be made, read or written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        found, _ = self._document.read_or_set_aside()
        if found is not None:
            self._take_up(found)
        if self._created_at is None:
            first = self.window().first_line()
            self._created_at = _created_at(first, self.stream.path) or stamp()
        if found is None:
            self.flush(force=True)

    def _take_up(self, found: dict[str, Any]) -> None:
        self._created_at = found.get("createdAt")
        for key in DESCRIBING:
            if found.get(key) is not None:
                self.definition.setdefault(key, found[key])
        # The points say how many there are; ours noted up to where they were counted.
        following, size = found.get("nextIndex"), found.get("sizeBytes")
        if isinstance(following, int) and isinstance(size, int):
            self.stream.expect(size, following)

    def flush(self, force: bool = False) -> None:
        """Write the snapshot that 0.6 tools read, if points were added since the last one.

        Raises:
            OSError: it cannot be written; the points hold all that is in it.
        """
        if self._created_at is None:
            self.open()
        following = self.stream.next_number
        if force or (self.stream.appended and following != self._written):
            self._document.write(self._snapshot(following))
            self._written = following

    def _snapshot(self, following: int) -> dict[str, Any]:
        return {
            "metricId": self.metric_id,
            "name": self.name,
            "description": self.definition.get("description"),
            "tags": self.definition.get("tags") or [],
            "metadata": self.definition.get("metadata"),
            "totalDataPoints": following,
            "nextIndex": following,
            "createdAt": self._created_at,
            "updatedAt": stamp(),
            "sizeBytes": self.stream.size_bytes,
        }

    @property
    def metric_id(self) -> str:
        """The id that 0.6 gave to a local metric."""
        return f"local-metric-{self.name}"

    def window(self) -> Window:
        """Return the reader of the points, as of now.

        Raises:
            OSError: the points cannot be read.
        """
        if self._window is None:
            self._window = Window(self.stream.path, self.stream.number_of)
        self._window.look()
        return self._window

    def read(
        self, start: int, limit: int, *, skip_damaged: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield the points with ``start <= index < start + limit``.

        Args:
            start: First index.
            limit: How many indexes.
            skip_damaged: Leave damaged lines out, loudly, instead of raising.

        Raises:
            CorruptDataError: a line is no JSON object.
            OSError: the points cannot be read.
        """
        lines = self.window().read(start, limit)
        yield from decode_lines(lines, self.stream.path, key="index", skip_damaged=skip_damaged)

    def page(self, start: int, limit: int, *, skip_damaged: bool = False) -> dict[str, Any]:
        """Return a window of points in 0.6's shape; see :meth:`read`."""
        points = list(self.read(start, limit, skip_damaged=skip_damaged))
        return page(points, start, self.window().lines)

    def listed(self) -> dict[str, Any]:
        """Return the metric's entry in a list of metrics (0.6's shape); see :meth:`stats`."""
        stats = self.stats()
        return {key: stats[key] for key in _LISTED}

    def stats(self) -> dict[str, Any]:
        """Return counts, times and description (0.6's shape: counts are texts).

        Raises:
            OSError: the metric cannot be read.
        """
        window = self.window()
        first = _created_at(window.first_line(), self.stream.path)
        last = _created_at(window.last_line(), self.stream.path)
        summary = self._summary()
        created = summary.get("createdAt") or first
        total = str(window.lines)
        return {
            "metricId": self.metric_id,
            "name": self.name,
            "description": summary.get("description"),
            "tags": summary.get("tags") or [],
            "metadata": summary.get("metadata"),
            "totalDataPoints": total,
            "bufferedDataPoints": total,
            "chunkedDataPoints": "0",
            "totalChunks": 0,
            "chunkSize": CHUNK_SIZE,
            "firstDataAt": first or created,
            "lastDataAt": last or created,
            "createdAt": created,
            "updatedAt": last or summary.get("updatedAt") or created,
        }

    def _summary(self) -> dict[str, Any]:
        given = {key: value for key, value in self.definition.items() if value is not None}
        return {**self._document.read_or_empty(), **given}


_LISTED = ("metricId", "name", "description", "tags", "totalDataPoints", "createdAt")


def page(points: list[dict[str, Any]], start: int, stored: int) -> dict[str, Any]:
    """Return 0.6's shape of a window of points out of ``stored`` ones."""
    return {
        "data": points,
        "startIndex": start,
        "endIndex": start + len(points) - 1,
        "total": len(points),
        "hasMore": start + len(points) < stored,
    }


class MetricStores:
    """All metrics of a run, by name."""

    def __init__(self, folder: Path, journal: Journal, *, durable: bool = False) -> None:
        self.folder = folder / METRICS
        self.growth = Growth()
        self._journal = journal
        self._durable = durable
        self._open: dict[str | None, MetricStore] = {}
        self._read_only: dict[str | None, MetricStore] = {}
        self.lock = threading.Lock()
        self._definitions: dict[str, Definition] = {}
        self._names = Names(self.folder, self._owner_of)
        journal.on(_KIND, self._fold)
        reset_in_child(self)

    def _fold(self, event: Event) -> None:
        self._definitions.setdefault(event["directory"], {}).update(event)

    def _owner_of(self, directory: str) -> str | None:
        noted = self._definitions.get(directory)
        if noted is not None:
            return str(noted["name"])
        return noted_name(self.folder / directory / SUMMARY, "name")

    def writer(self, name: str | None, definition: Definition | None = None) -> MetricStore:
        """Return a metric ready for writing, made at its first use.

        Args:
            name: The metric; None for the unnamed one.
            definition: What is said about it; of each key what was said first stays.

        Raises:
            OSError: its folder cannot be made, or what is said cannot be noted.
            PrefixError: its folder is a symbolic link.
        """
        name = None if name == UNNAMED else name
        store = self._open.get(name)
        if store is None:
            with self.lock:
                store = self._open.get(name) or self._make(name, definition)
        elif news(definition, store.definition):
            with self.lock:
                key = UNNAMED if name is None else name
                store.definition |= self._definition(self._noted_directory(key, definition))
        return store

    def _noted_directory(self, key: str, definition: Definition | None) -> str:
        """Return the directory of a metric, with what it does not say itself in the journal."""
        directory = self._names.choose(key)
        if not news(definition, self._definition(directory)) and self._says(directory, key):
            return directory
        with self._journal.transaction() as add:
            directory = self._names.choose(key)
            new = news(definition, self._definition(directory))
            if new or not self._says(directory, key):
                add(_KIND, {"name": key, "directory": directory, **new})
        return directory

    def _says(self, directory: str, key: str) -> bool:
        noted = self._definitions.get(directory)
        return spells(directory, key) if noted is None else noted["name"] == key

    def _definition(self, directory: str) -> Definition:
        return said(self._definitions.get(directory, {}))

    def _make(self, name: str | None, definition: Definition | None) -> MetricStore:
        key = UNNAMED if name is None else name
        directory = self._noted_directory(key, definition)
        self._names.note(key, directory)
        store = self._store(name, directory)
        store.stream.growth = self.growth
        self.growth.streams += 1
        try:
            store.open()
        except OSError as error:
            # The points themselves may still be held in memory; flush makes up for it.
            _log.warning(
                "Could not prepare %s yet: %s", store.folder, error,
                extra=about("preparing a metric", error, path=store.folder),
            )  # fmt: skip
        self._open[name] = store
        return store

    def _store(self, name: str | None, directory: str) -> MetricStore:
        definition = self._definition(directory)
        return MetricStore(self.folder / directory, name, definition, self._durable)

    def reader(self, name: str | None) -> MetricStore:
        """Return a metric for reading.

        Raises:
            MetricNotFoundError: the run has no such metric.
            OSError: the run cannot be read.
        """
        name = None if name == UNNAMED else name
        store = self._open.get(name) or self._read_only.get(name)
        if store is None:
            self._journal.refresh()
            directory = self._names.find(UNNAMED if name is None else name)
            if directory is None:
                raise MetricNotFoundError(
                    f"The run in {self.folder.parent} has no metric {name!r}",
                    hint="List the metrics with list_all()",
                    context={"path": str(self.folder), "metric": name},
                )
            store = self._read_only[name] = self._store(name, directory)
        return store

    def readers(self) -> list[MetricStore]:
        """Return all metrics of the run for reading, sorted by directory.

        Raises:
            OSError: the run cannot be read.
        """
        self._journal.refresh()
        stores = []
        for directory in self._names.directories():
            owner = self._owner_of(directory)
            name = decode(directory) if owner is None else owner
            key = None if name == UNNAMED else name
            stores.append(self._open.get(key) or self._store(key, directory))
        return stores

    def import_foreign(self, add: Add) -> None:
        """Note in the journal what 0.6 wrote about metrics; inside a transaction.

        Raises:
            OSError: the run cannot be read, or the journal not written.
        """
        for directory in self._names.directories():
            document = Document(self.folder / directory / SUMMARY).read_or_empty()
            new = news(document, self._definition(directory))
            if new:
                name = self._owner_of(directory) or decode(directory)
                add(_KIND, {"name": name, "directory": directory, **new})

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self.lock = threading.Lock()

    def written(self) -> list[MetricStore]:
        """Return the metrics that this process has written to."""
        return list(self._open.values())


def _created_at(line: bytes, path: Path) -> str | None:
    return decode_line(line, path).get("createdAt") if line else None


def noted_name(path: Path, key: str) -> str | None:
    """Return the name that a snapshot notes; None when it is missing, damaged or unnamed."""
    try:
        found = Document(path).read()
    except CorruptDataError:
        _log.warning(
            "%s is damaged; its folder's name counts", path, exc_info=True,
            extra=about("listing metrics", path=path),
        )  # fmt: skip
        return None
    name = None if found is None else found.get(key)
    return name if isinstance(name, str) else None
