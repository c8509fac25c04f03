"""All tracks of a run: which directory holds which, and what is said about each."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from ml_dash._base.facts import about
from ml_dash._base.fork import reset_in_child
from ml_dash._store.definitions import Definition, news, said
from ml_dash._store.journal import Event, Journal
from ml_dash._store.layout import SUMMARY, TRACKS
from ml_dash._store.metrics import noted_name
from ml_dash._store.names import Names, decode, encode, spells
from ml_dash._store.tracks import TrackStore
from ml_dash.exceptions import TrackNotFoundError

_log = logging.getLogger("ml_dash.store")
_KIND = "track"
MERGE_AT_BYTES = 1 << 20
"""Size of the pending entries at which an append merges them: bounds memory and waiting time."""


class TrackStores:
    """All tracks of a run, by topic."""

    def __init__(self, folder: Path, journal: Journal, *, durable: bool = False) -> None:
        self.folder = folder / TRACKS
        self._journal = journal
        self._durable = durable
        self._open: dict[str, TrackStore] = {}
        self.lock = threading.Lock()
        self._noted: dict[str, Event] = {}
        self._names = Names(self.folder, self._owner_of, legacy=_legacy_directory)
        journal.on(_KIND, self._fold)
        reset_in_child(self)

    def _fold(self, event: Event) -> None:
        self._noted.setdefault(event["directory"], {}).update(event)

    def _owner_of(self, directory: str) -> str | None:
        noted = self._noted.get(directory)
        if noted is not None:
            return str(noted["topic"])
        return noted_name(self.folder / directory / SUMMARY, "topic")

    def writer(self, topic: str, definition: Definition | None = None) -> TrackStore:
        """Return a track ready for writing, made at its first use.

        Args:
            topic: The track.
            definition: What is said about it; of each key what was said first stays.

        Raises:
            OSError: its folder cannot be made, or what is said cannot be noted.
            PrefixError: its folder is a symbolic link.
        """
        store = self._open.get(topic)
        if store is None:
            with self.lock:
                store = self._open.get(topic) or self._make(topic, definition)
        elif definition and news(definition, store.definition):
            with self.lock:
                store.definition |= self._definition(self._noted_directory(topic, definition))
        return store

    def _noted_directory(self, topic: str, definition: Definition | None) -> str:
        """Return the directory of a track, with what it does not say itself in the journal."""
        directory = self._names.choose(topic)
        if not news(definition, self._definition(directory)) and self._says(directory, topic):
            return directory
        with self._journal.transaction() as add:
            directory = self._names.choose(topic)
            new = news(definition, self._definition(directory))
            if new or not self._says(directory, topic):
                add(_KIND, {"topic": topic, "directory": directory, **new})
        return directory

    def _says(self, directory: str, topic: str) -> bool:
        noted = self._noted.get(directory)
        return spells(directory, topic) if noted is None else noted["topic"] == topic

    def _definition(self, directory: str) -> Definition:
        return said(self._noted.get(directory, {}))

    def _store(self, topic: str, directory: str) -> TrackStore:
        definition = self._definition(directory)
        return TrackStore(self.folder / directory, topic, self._durable, definition)

    def _make(self, topic: str, definition: Definition | None) -> TrackStore:
        directory = self._noted_directory(topic, definition)
        self._names.note(topic, directory)
        store = self._store(topic, directory)
        try:
            store.open()
        except OSError as error:
            # The entries themselves may still be held in memory; a merge makes up for it.
            _log.warning(
                "Could not prepare %s yet: %s", store.folder, error,
                extra=about("preparing a track", error, path=store.folder),
            )  # fmt: skip
        self._open[topic] = store
        return store

    def reader(self, topic: str) -> TrackStore:
        """Return a track for reading.

        Raises:
            TrackNotFoundError: the run has no such track.
            OSError: the run cannot be read.
        """
        store = self._open.get(topic)
        if store is None:
            self._journal.refresh()
            directory = self._names.find(topic)
            if directory is None:
                raise TrackNotFoundError(
                    f"The run in {self.folder.parent} has no track {topic!r}",
                    context={"path": str(self.folder), "topic": topic},
                )
            store = self._store(topic, directory)
        return store

    def readers(self) -> list[TrackStore]:
        """Return all tracks of the run for reading, sorted by directory.

        Raises:
            OSError: the run cannot be read.
        """
        self._journal.refresh()
        stores = []
        for directory in self._names.directories():
            topic = self._owner_of(directory) or decode(directory)
            stores.append(self._open.get(topic) or self._store(topic, directory))
        return stores

    def reset_after_fork(self) -> None:
        """Give a forked child a lock of its own."""
        self.lock = threading.Lock()

    def written(self) -> list[TrackStore]:
        """Return the tracks that this process has written to."""
        return list(self._open.values())


def _legacy_directory(topic: str) -> str:
    return encode(topic.replace("/", "_"))
