"""The run's journal: an append-only stream of everything that is not bulk data.

Parameters, file records, the run's document and odd directory names are written here first; the
0.6 documents (``parameters.json``, ``.files_metadata.json``, ``experiment.json``) are snapshots
that can be made again from it. A change is a transaction: take the lock, fold what others have
added, decide, append, fold.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash._store.reading import reading
from ml_dash._store.stream import Stream

_log = logging.getLogger("ml_dash.store")

Event = dict[str, Any]
Fold = Callable[[Event], None]
Add = Callable[[str, Event], None]


class Journal(Stream):
    """Events ``{"seq", "kind", "time", "data"}``; each kind has one fold that keeps its state."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        super().__init__(path, "seq", durable=durable)
        self._folds: dict[str, Fold] = {}
        self._folded = 0

    def on(self, kind: str, fold: Fold) -> None:
        """Name the function that keeps the state of one kind of event."""
        self._folds[kind] = fold

    @contextmanager
    def transaction(self) -> Iterator[Add]:
        """Keep other writers out, with all their events folded; gives ``add(kind, data)``.

        An event that was added is on disk and folded; an error takes nothing back.

        Raises:
            OSError: the journal cannot be opened or written.
            SerializationError: an event has no JSON form; nothing was written.
        """
        with self.exclusive() as fd:
            self._fold_new(fd)

            def add(kind: str, data: Event) -> None:
                tail = codec.encode({"kind": kind, "time": stamp(), "data": data})
                self.append_locked(fd, [b"," + tail[1:]])
                self._fold(kind, data)
                self._folded = self.size_bytes

            yield add

    def refresh(self) -> None:
        """Fold what was added since, without writing or locking.

        Raises:
            FileReadError: the journal exists and cannot be read.
        """
        with self.lock, reading(self.path):
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return
            try:
                self._fold_new(fd)
            finally:
                os.close(fd)

    def _fold_new(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size <= self._folded:
            return
        data = os.pread(fd, size - self._folded, self._folded)
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].split(b"\n"):
            if line:
                self._fold_line(line)
        self._folded += whole

    def _fold_line(self, line: bytes) -> None:
        try:
            event = codec.decode(line)
            kind, data = event["kind"], event["data"]
        except (ValueError, KeyError, TypeError):
            _log.error(
                "A line of %s is unreadable and is left out: %.200r", self.path, line,
                exc_info=True,
                extra=about("reading the journal", path=self.path),
            )  # fmt: skip
            return
        self._fold(kind, data)

    def _fold(self, kind: str, data: Event) -> None:
        fold = self._folds.get(kind)
        # A kind that this release does not know belongs to a later one: leave it be.
        if fold is not None:
            fold(data)
