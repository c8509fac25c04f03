"""A run's parameters: journal events, and ``parameters.json`` as their snapshot."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash._store.documents import Document
from ml_dash._store.journal import Add, Event, Journal
from ml_dash._store.layout import PARAMETERS
from ml_dash.exceptions import CorruptDataError

_log = logging.getLogger("ml_dash.store")
_KIND = "params"


class ParamStore:
    """The merged parameters of a run (flat, dotted keys).

    Attributes:
        data: The parameters as of the last look.
        version: How many times they were set; 0 for never.
        stored: How many ``set`` calls of this process are on disk.
    """

    def __init__(self, folder: Path, journal: Journal, *, durable: bool = False) -> None:
        self._document = Document(folder / PARAMETERS, durable=durable)
        self._journal = journal
        self.data: dict[str, Any] = {}
        self.version = 0
        self.stored = 0
        self._created_at: str | None = None
        self._updated_at: str | None = None
        self._stale = False
        self.admit: Callable[[int], object] = lambda _size_bytes: None
        """Raises OSError when there is no room for so many bytes."""
        journal.on(_KIND, self._fold)

    def _fold(self, event: Event) -> None:
        self.data = {**self.data, **event["data"]}
        self.version = max(self.version + 1, event["version"])
        # The latest, not the last: a clock may go back, and what is older was not written by 0.6.
        self._updated_at = max(self._updated_at or "", event["updatedAt"])
        self._created_at = self._created_at or event.get("createdAt") or self._updated_at

    def set(self, data: dict[str, Any]) -> None:
        """Merge parameters into the run.

        Raises:
            OSError: nothing was changed.
            SerializationError: a value has no JSON form; nothing was changed.
        """
        self.admit(0)
        with self._journal.transaction() as add:
            self.import_foreign(add)
            add(_KIND, {"version": self.version + 1, "data": data, "updatedAt": stamp()})
            self.stored += 1
            self._write_snapshot()

    def read(self) -> dict[str, Any] | None:
        """Return the parameters as they are on disk now, or None when none were ever set.

        Raises:
            CorruptDataError: ``parameters.json`` is damaged and the journal cannot replace it.
            OSError: the folder cannot be read.
        """
        self._journal.refresh()
        ahead = self._written_by_0_6() if self._document.changed() else None
        if ahead is not None:
            return {**self.data, **ahead}
        return dict(self.data) if self.version else None

    def flush(self) -> None:
        """Write the snapshot if an earlier attempt failed.

        Raises:
            OSError: it still cannot be written; the journal holds the parameters.
        """
        if self._stale:
            with self._journal.transaction():
                self._document.write(self._snapshot())
                self._stale = False

    def _written_by_0_6(self) -> dict[str, Any] | None:
        """Return the snapshot's parameters if it is ahead of the journal; the next set notes it."""
        try:
            found = self._document.read()
        except CorruptDataError as error:
            if not self.version:
                raise
            _log.warning(
                "%s; the journal has the parameters", error, exc_info=True,
                extra=about("reading parameters", error),
            )  # fmt: skip
            return None
        if found is None:
            return None
        return self._unmarked(_content(found)[0]) if self._is_ahead(found) else None

    def _is_ahead(self, found: dict[str, Any]) -> bool:
        """Tell whether 0.6 has written the snapshot since the last event of the journal."""
        if self._updated_at is None:
            return True
        # The version does not tell: 0.6 starts again at 1 after truncating the document.
        return str(found.get("updatedAt") or "") > self._updated_at

    def _unmarked(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return parameters that 0.6 copied from our snapshot, our NaN being NaN again."""
        return {key: self.data[key] if self._is_copy(key, value) else value
                for key, value in data.items()}  # fmt: skip

    def _is_copy(self, key: str, value: Any) -> bool:
        ours = self.data.get(key)
        if not isinstance(ours, float) or math.isfinite(ours):
            return False
        return codec.encode(value) in (b'"~%b"' % codec.encode(ours)[1:-1], codec.encode(ours))

    def import_foreign(self, add: Add) -> None:
        """Note in the journal what 0.6 wrote into the snapshot; set a damaged one aside.

        Inside a transaction only.

        Raises:
            OSError: it can be neither read nor moved, or the journal not written.
        """
        if not self._document.changed():
            return
        found, kept = self._document.read_or_set_aside()
        self._document.remember()
        if found is not None and self._is_ahead(found):
            data, version = _content(found)
            times = {key: found[key] for key in ("createdAt",) if found.get(key)}
            add(_KIND, {"version": max(version, self.version + 1), "data": self._unmarked(data),
                        "updatedAt": found.get("updatedAt") or stamp(), **times})  # fmt: skip
        elif kept is not None and not self._journaled():
            _log.error(
                "The parameters set before now were only in the damaged file %s; look there for "
                "them. New parameters start a new document.",
                kept,
                extra=about("reading parameters", path=kept),
            )

    def _journaled(self) -> bool:
        return self._updated_at is not None

    def _write_snapshot(self) -> None:
        try:
            self._document.write(self._snapshot())
            self._stale = False
        except OSError:
            # The parameters themselves are in the journal; flush and close try again.
            self._stale = True
            _log.warning(
                "Could not write %s; the journal holds the parameters", self._document.path,
                exc_info=True,
                extra=about("writing parameters", path=self._document.path),
            )  # fmt: skip

    def _snapshot(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "data": self.data,
            "createdAt": self._created_at,
            "updatedAt": self._updated_at,
        }


def _content(document: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return data and version of a document; a bare dictionary counts as version 1."""
    data, version = document.get("data"), document.get("version")
    if isinstance(data, dict) and isinstance(version, int):
        return data, version
    return document, 1
