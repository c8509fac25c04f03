"""The list of a run's files: journal events, and ``.files_metadata.json`` as their snapshot."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._store.blobs import checksum_of
from ml_dash._store.documents import Document
from ml_dash._store.journal import Add, Event, Journal
from ml_dash._store.layout import FILES
from ml_dash.exceptions import CorruptDataError

_log = logging.getLogger("ml_dash.store")
_KIND = "file"
_WORTH = 20
"""A snapshot of all files is written again after this many times its own cost."""

Record = dict[str, Any]


class FileIndex:
    """The records of a run's files, by id, in the order of their storing."""

    def __init__(self, folder: Path, experiment_id: str, journal: Journal) -> None:
        self.folder = folder / FILES
        self.records: dict[str, Record] = {}
        self.journal = journal
        self._at: dict[tuple[str, str], str] = {}
        self._experiment_id = experiment_id
        self._document = Document(self.folder / ".files_metadata.json")
        self._dirty = False
        self._next_at = 0.0
        journal.on(_KIND, self._fold)

    def _fold(self, event: Event) -> None:
        gone = self.records.pop(event["removed"], None) if "removed" in event else None
        if gone is not None and self._at.get(_place(gone)) == gone["id"]:
            del self._at[_place(gone)]
        record = event.get("record")
        if record is not None:
            self.records[record["id"]] = record
            self._at[_place(record)] = record["id"]

    def at(self, record: Record) -> Record | None:
        """Return the record, not deleted, that has the place of this one."""
        found = self.records.get(self._at.get(_place(record), ""))
        return None if found is None or found.get("deletedAt") else found

    def change(self, add: Add, record: Record | None, removed: str | None = None) -> None:
        """Note a new or changed record, and one that it replaces; inside a transaction.

        Raises:
            OSError: nothing was noted.
        """
        event: Event = {} if record is None else {"record": record}
        add(_KIND, event if removed is None else {**event, "removed": removed})
        self._dirty = True
        if time.monotonic() >= self._next_at:
            self.write_snapshot()

    def import_foreign(self, add: Add) -> None:
        """Note what 0.6 wrote into the snapshot; a damaged one is moved aside and made again."""
        if not self._document.changed():
            return
        found, kept = self._document.read_or_set_aside()
        for record in self._foreign(found, lost=kept is not None):
            add(_KIND, {"record": record})
        if found is not None:
            for gone in self._replaced_by_0_6(found):
                add(_KIND, {"removed": gone})
        self._document.remember()
        self._dirty |= found is None and bool(self.records)

    def _foreign(self, found: dict[str, Any] | None, *, lost: bool) -> list[Record]:
        if found is not None:
            return [r for r in _records(found) if self._is_news(r)]
        # Only the journal and the folder itself are left to say what there was.
        gone = lost or not self._document.path.exists()
        return self._records_of_folder() if gone and not self.records else []

    def _is_news(self, record: Record) -> bool:
        known = self.records.get(record["id"])
        return known is None or str(record.get("updatedAt")) > str(known.get("updatedAt"))

    def _replaced_by_0_6(self, found: dict[str, Any]) -> list[str]:
        """Return files that 0.6 has replaced: it drops the old record and its folder."""
        listed = {record["id"] for record in _records(found)}
        places = {_place(record) for record in _records(found) if not record.get("deletedAt")}
        return [
            key
            for key, record in self.records.items()
            if key not in listed and _place(record) in places and not self.path_of(record).exists()
        ]

    def _records_of_folder(self) -> list[Record]:
        made = []
        for path in sorted(self.folder.rglob("*")):
            parts = path.relative_to(self.folder).parts
            if path.is_file() and len(parts) >= 2 and parts[-2].isdigit():
                made.append(self._guessed(path, parts))
        if made:
            _log.warning("The list of files in %s was made again from the folder; descriptions, "
                         "tags and metadata are lost", self.folder)  # fmt: skip
        return made

    def _guessed(self, path: Path, parts: tuple[str, ...]) -> Record:
        when = stamp(path.stat().st_mtime)
        return {
            "id": parts[-2],
            "experimentId": self._experiment_id,
            "path": "/" + "/".join(parts[:-2]),
            "filename": parts[-1],
            "description": None,
            "tags": [],
            "bindrs": [],
            "contentType": "application/octet-stream",
            "sizeBytes": path.stat().st_size,
            "checksum": checksum_of(path),
            "metadata": None,
            "uploadedAt": when,
            "updatedAt": when,
            "deletedAt": None,
        }

    def path_of(self, record: Record) -> Path:
        """Return where a record's bytes are."""
        return self.folder.joinpath(
            str(record["path"]).strip("/"), str(record["id"]), str(record["filename"])
        )

    def look(self) -> list[Record]:
        """Return all records as they are on disk now, deleted ones included.

        Raises:
            OSError: it cannot be read.
        """
        self.journal.refresh()
        records = dict(self.records)
        if self._document.changed() or not records:
            try:
                found = self._document.read()
            except CorruptDataError as error:
                _log.warning("%s; the list is taken from the journal and the folder", error,
                             exc_info=True)  # fmt: skip
                found = None
            if found is None and not records:
                records = {r["id"]: r for r in self._records_of_folder()}
            if found is not None:
                records.update({r["id"]: r for r in _records(found) if self._is_news(r)})
                for gone in self._replaced_by_0_6(found):
                    records.pop(gone, None)
        return list(records.values())

    def write_snapshot(self) -> None:
        """Write the snapshot; a failure is logged and made up for later.

        Inside a transaction only.
        """
        began = time.monotonic()
        try:
            self._document.write({"files": list(self.records.values())})
            self._dirty = False
        except OSError:
            _log.warning("Could not write the list of files in %s; the journal holds it",
                         self.folder, exc_info=True)  # fmt: skip
        ended = time.monotonic()
        self._next_at = ended + _WORTH * (ended - began)

    def flush(self) -> None:
        """Write the snapshot if it is behind.

        Raises:
            OSError: the journal cannot be locked.
        """
        if self._dirty:
            with self.journal.transaction():
                self.write_snapshot()


def _records(document: dict[str, Any]) -> list[Record]:
    found = document.get("files")
    return [r for r in found if isinstance(r, dict) and "id" in r] if found else []


def _place(record: Record) -> tuple[str, str]:
    return str(record["path"]).strip("/"), str(record["filename"])
