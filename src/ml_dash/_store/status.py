"""A run's ``experiment.json`` and its life: who writes it, when it ended and how."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._store.documents import Document
from ml_dash._store.journal import Add, Event, Journal
from ml_dash._store.layout import DOCUMENT, WRITERS
from ml_dash.exceptions import CorruptDataError

_log = logging.getLogger("ml_dash.store")
_KIND = "run"
_ENDED = "ended"
_NO_LOCK = -1
RUNNING, COMPLETED, FAILED, CANCELLED = "RUNNING", "COMPLETED", "FAILED", "CANCELLED"

Description = dict[str, Any]
"""``name``, ``project``, ``prefix``, ``description``, ``tags``, ``bindrs``, ``metadata``,
``write_protected``; None for what the caller did not say."""


class RunDocument:
    """The run's document, shared by every process that writes the run.

    Each writer holds a shared lock for as long as it has the run open. The last one to leave
    finds itself alone and writes the run's final status; a killed writer leaves with its process.
    """

    def __init__(self, folder: Path, journal: Journal, *, durable: bool = False) -> None:
        self._document = Document(folder / DOCUMENT, durable=durable)
        self._writers = folder / WRITERS
        self._journal = journal
        self._content: dict[str, Any] | None = None
        self._outcomes: list[Event] = []
        self._lock_fd = _NO_LOCK
        self._started_at = ""
        journal.on(_KIND, self._fold)
        journal.on(_ENDED, self._outcomes.append)

    def _fold(self, event: Event) -> None:
        self._content = event
        if event.get("status") == RUNNING and not event.get("joined"):
            self._outcomes.clear()

    def open(self, description: Description) -> None:
        """Make or take up the document; the run counts as running from here on.

        Raises:
            OSError: the folder cannot be written.
            SerializationError: the metadata have no JSON form; nothing was changed.
        """
        with self._journal.transaction() as add:
            found, _ = self._document.read_or_set_aside()
            joined = self._join()
            self._started_at = stamp()
            content = self._updated(found or self._content, description)
            if "updated_at" in content:
                _log.info(
                    "Continuing the run in %s, made at %s", self._document.path.parent,
                    content.get("created_at"),
                    extra=about("opening a run", run=self._document.path.parent),
                )  # fmt: skip
            if not (joined and content.get("status") == RUNNING):
                content |= {"status": RUNNING, "started_at": self._started_at,
                            "ended_at": None, "error": None}  # fmt: skip
                content.pop("joined", None)
            else:
                content["joined"] = True
            add(_KIND, content)
            self._write(content)

    def create(self, description: Description) -> None:
        """Make or update the document without counting as a writer of the run.

        Raises:
            OSError: the folder cannot be written.
            SerializationError: the metadata have no JSON form; nothing was changed.
        """
        with self._journal.transaction() as add:
            found, _ = self._document.read_or_set_aside()
            content = self._updated(found or self._content, description)
            add(_KIND, content)
            self._write(content)

    def _updated(self, found: dict[str, Any] | None, given: Description) -> dict[str, Any]:
        if not found:
            return {
                "name": given["name"],
                "project": given["project"],
                "description": given["description"],
                "tags": given["tags"] or [],
                "bindrs": given["bindrs"] or [],
                "prefix": given["prefix"],
                "metadata": given["metadata"],
                "created_at": stamp(),
                "write_protected": given["write_protected"],
            }
        changes = {key: given[key] for key in ("description", "tags", "bindrs", "metadata")
                   if given[key] is not None}  # fmt: skip
        return {**found, **changes, "prefix": given["prefix"], "updated_at": stamp()}

    def import_foreign(self, add: Add) -> None:
        """Note in the journal what 0.6 wrote into the document; inside a transaction.

        0.6 notes no end of a run: what lies there without one counts as completed.

        Raises:
            CorruptDataError: the document is damaged, and the journal has none.
            OSError: it cannot be read, or the journal not written.
        """
        try:
            found = self._document.read()
        except CorruptDataError as error:
            if self._content is None:
                raise
            _log.warning(
                "%s; the journal has the run's document", error, exc_info=True,
                extra=about("reading a document", error),
            )  # fmt: skip
            return
        if found is not None and self._is_ahead(found):
            add(_KIND, {**found, "status": found.get("status") or COMPLETED})

    def _is_ahead(self, found: dict[str, Any]) -> bool:
        """Tell whether 0.6 has written the document since the last event of the journal."""
        if self._content is None:
            return True
        return str(found.get("updated_at") or "") > str(self._content.get("updated_at") or "")

    def close(self, status: str, error: dict[str, str] | None) -> None:
        """Record how this writer ended and, when it is the last one, how the run ended.

        Raises:
            OSError: the document cannot be written.
        """
        outcome = {"status": status, "ended_at": stamp(), "error": error, "pid": os.getpid(),
                   "host": socket.gethostname(), "started_at": self._started_at}  # fmt: skip
        try:
            with self._journal.transaction() as add:
                add(_ENDED, outcome)
                if self._leave() and self._content is not None:
                    content = {**self._content, **self._final()}
                    content.pop("joined", None)
                    add(_KIND, content)
                    self._write(content)
        finally:
            self._leave()  # who could not note its end is gone all the same

    def _final(self) -> dict[str, Any]:
        """Return the run's outcome: the first failure of any writer, else the last to leave."""
        chosen = next((o for o in self._outcomes if o["status"] == FAILED), self._outcomes[-1])
        return {"status": chosen["status"], "ended_at": stamp(), "error": chosen["error"]}

    def close_in_signal_handler(self, status: str, error: dict[str, str]) -> None:
        """Record the end without waiting for any lock: the interrupted code may hold it.

        Raises:
            OSError: the document cannot be written.
        """
        alone = self._leave()
        if alone and self._content is not None:
            self._write({**self._content, "status": status, "ended_at": stamp(), "error": error})

    def _write(self, content: dict[str, Any]) -> None:
        shown = {key: value for key, value in content.items() if key != "joined"}
        self._document.write(shown)

    def _join(self) -> bool:
        """Take the shared lock; tell whether other writers are there."""
        self._writers.parent.mkdir(parents=True, exist_ok=True)
        if self._lock_fd == _NO_LOCK:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
            self._lock_fd = os.open(self._writers, flags, 0o666)
        alone = self._try_lock()
        fsio.flock(self._lock_fd, fsio.LOCK_SH)
        return not alone

    def _leave(self) -> bool:
        """Give the lock back; tell whether nobody else holds it."""
        if self._lock_fd == _NO_LOCK:
            return False
        alone = self._try_lock()
        os.close(self._lock_fd)
        self._lock_fd = _NO_LOCK
        return alone

    def _try_lock(self) -> bool:
        try:
            fsio.flock(self._lock_fd, fsio.LOCK_EX | fsio.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self) -> dict[str, Any] | None:
        """Return the document, or None for a folder that holds no run.

        Raises:
            CorruptDataError: it is damaged and the journal cannot replace it.
            OSError: it cannot be read.
        """
        try:
            return self._document.read()
        except ValueError:
            self._journal.refresh()
            if self._content is None:
                raise
            return self._content

    def detach_after_fork(self) -> None:
        """Let go of the parent's lock in a forked child: a child never ends its parent's run."""
        if self._lock_fd != _NO_LOCK:
            os.close(self._lock_fd)
            self._lock_fd = _NO_LOCK
