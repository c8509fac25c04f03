"""The list of a run's files: journal events, and ``.files_metadata.json`` as their snapshot."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash._store import file_scan, places
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

    def __init__(
        self, folder: Path, experiment_id: str, journal: Journal, *, durable: bool = False
    ) -> None:
        self.folder = folder / FILES
        self.records: dict[str, Record] = {}
        self.journal = journal
        self._at: dict[tuple[str, str], str] = {}
        # A snapshot may be older than the journal: what it still lists must not come back.
        self._removed: set[str] = set()
        self._experiment_id = experiment_id
        self._durable = durable
        self._document = self._unseen()
        self._dirty = False
        self._next_at = 0.0
        # Readers import nothing; they remember what the snapshot has beyond the journal.
        self._looked_at = self._unseen()
        self._beyond: tuple[list[Record], list[str]] = ([], [])
        journal.on(_KIND, self._fold)

    def _unseen(self) -> Document:
        return Document(self.folder / places.SNAPSHOT, durable=self._durable)

    def _fold(self, event: Event) -> None:
        if "removed" in event:
            self._removed.add(event["removed"])
            gone = self.records.pop(event["removed"], None)
            if gone is not None and self._at.get(_place(gone)) == gone["id"]:
                del self._at[_place(gone)]
        record = event.get("record")
        if record is not None:
            self.records[record["id"]] = record
            self._at[_place(record)] = record["id"]

    # -- writing, inside a transaction ---------------------------------------------------------

    def at(self, record: Record) -> Record | None:
        """Return the record, not deleted, that has the place of this one."""
        found = self.records.get(self._at.get(_place(record), ""))
        return None if found is None or found.get("deletedAt") else found

    def change(self, add: Add, record: Record, removed: str | None = None) -> None:
        """Note a new or changed record, and one that it replaces; inside a transaction.

        Raises:
            OSError: nothing was noted.
        """
        event: Event = {"record": record}
        add(_KIND, event if removed is None else {**event, "removed": removed})
        self._dirty = True

    def import_foreign(self, add: Add) -> None:
        """Note what 0.6 wrote into the snapshot; a damaged one is moved aside and made again.

        Raises:
            OSError: the snapshot can be neither read nor moved, or the journal not written.
        """
        if not self._document.changed():
            return
        # Before it is read: what comes in between is looked at once more.
        self._document.remember()
        try:
            self._import(add)
        except BaseException:
            # Not dealt with: written over now, it would take 0.6's records along.
            self._document = self._unseen()
            raise

    def _import(self, add: Add) -> None:
        try:
            news, gone = self._compare()
        except CorruptDataError as error:
            _log.warning(
                "%s", error, exc_info=True, extra=about("reading the list of files", error)
            )
            fsio.move_aside(self._document.path)
            news, gone = self._found_in_folder(), []
            self._dirty = True
        for record in news:
            add(_KIND, {"record": record})
        for key in gone:
            add(_KIND, {"removed": key})

    def _compare(self) -> tuple[list[Record], list[str]]:
        """Return what the snapshot has beyond the journal, and what 0.6 has removed.

        Raises:
            CorruptDataError: it is damaged.
            OSError: it cannot be read.
        """
        document = self._document.read()
        if document is None:
            self._dirty |= bool(self.records)
            return ([] if self.records else self._found_in_folder()), []
        listed = _listed(document, self._document.path)
        self._dirty |= self._is_ahead_of(listed)
        return [r for r in listed if self._is_news(r)], self._replaced_by_0_6(listed)

    def _is_ahead_of(self, listed: Sequence[Record]) -> bool:
        """Tell whether a kill has left the snapshot behind the journal."""
        times = {record["id"]: str(record.get("updatedAt")) for record in listed}
        return not self._removed.isdisjoint(times) or any(
            times.get(key, "") < str(record.get("updatedAt"))
            for key, record in self.records.items()
        )

    def _is_news(self, record: Record) -> bool:
        if record["id"] in self._removed:
            return False
        known = self.records.get(record["id"])
        return known is None or str(record.get("updatedAt")) > str(known.get("updatedAt"))

    def _replaced_by_0_6(self, listed: Sequence[Record]) -> list[str]:
        """Return files that 0.6 has replaced: it drops the old record and its folder."""
        ids = {record["id"] for record in listed}
        taken = {_place(record) for record in listed if not record.get("deletedAt")}
        return [
            key
            for key, record in self.records.items()
            if key not in ids and _place(record) in taken and not self._bytes_of(record).exists()
        ]

    def _found_in_folder(self) -> list[Record]:
        """Return records for files of which only the folder itself is left to tell."""
        known = self.records.keys() | self._removed
        made = file_scan.scan(self.folder, known, self._experiment_id)
        if made:
            self._dirty = True
        return made

    def write_snapshot(self, *, due: bool = False) -> None:
        """Write the snapshot; a failure is logged and made up for later.

        Inside a transaction only.

        Args:
            due: Only if it is behind and the last one was long enough ago.
        """
        began = time.monotonic()
        if due and (not self._dirty or began < self._next_at):
            return
        try:
            records = self.records.values()
            self._document.write_encoded(codec.encode_list_document("files", records))
            self._dirty = False
        except OSError:
            _log.warning(
                "Could not write the list of files in %s; the journal holds it", self.folder,
                exc_info=True,
                extra=about("writing the list of files", path=self._document.path),
            )  # fmt: skip
        ended = time.monotonic()
        self._next_at = ended + _WORTH * (ended - began)

    def flush(self) -> None:
        """Write the snapshot if it is behind.

        Raises:
            OSError: the journal cannot be locked.
        """
        # One that this process has not looked at may be behind: a kill leaves it so.
        if self._dirty or (self.records and self._document.changed()):
            with self.journal.transaction() as add:
                # A snapshot that 0.6 has written since would be lost with its records.
                self.import_foreign(add)
                if self._dirty:
                    self.write_snapshot()

    # -- reading ---------------------------------------------------------------------------------

    def path_of(self, record: Record) -> Path:
        """Return where a record's bytes are.

        Raises:
            InvalidFileError: that is outside the run's files.
        """
        return places.inside(self.folder, self._bytes_of(record))

    def _bytes_of(self, record: Record) -> Path:
        return self.folder.joinpath(record["path"].strip("/"), record["id"], record["filename"])

    def look(self) -> list[Record]:
        """Return all records as they are on disk now, deleted ones included.

        Raises:
            OSError: they cannot be read.
        """
        self._refresh()
        news, gone = self._news()
        if not news and not gone:
            return list(self.records.values())
        records = {**self.records, **{record["id"]: record for record in news}}
        for key in gone:
            records.pop(key, None)
        return list(records.values())

    def get(self, file_id: str) -> Record | None:
        """Return the record of an id as it is on disk now, deleted or not.

        Raises:
            OSError: the list cannot be read.
        """
        self._refresh()
        news, gone = self._news()
        if file_id in gone:
            return None
        return next((r for r in news if r["id"] == file_id), self.records.get(file_id))

    def _news(self) -> tuple[list[Record], list[str]]:
        news, gone = self._beyond
        return [record for record in news if self._is_news(record)], gone

    def _refresh(self) -> None:
        self.journal.refresh()
        if not self._document.changed():
            self._beyond = ([], [])
        elif self._looked_at.changed():
            self._looked_at.remember()
            try:
                self._beyond = self._look_beyond()
            except BaseException:
                self._looked_at = self._unseen()
                raise

    def _look_beyond(self) -> tuple[list[Record], list[str]]:
        try:
            return self._compare()
        except CorruptDataError as error:
            _log.warning(
                "%s; the list is taken from the journal and the folder", error, exc_info=True,
                extra=about("reading the list of files", error),
            )  # fmt: skip
            return self._found_in_folder(), []


def _listed(document: dict[str, Any], path: Path) -> list[Record]:
    """Return the records of a snapshot.

    Raises:
        CorruptDataError: what it has is no list of records.
    """
    found = document.get("files", [])
    if not isinstance(found, list) or not all(map(_is_record, found)):
        raise CorruptDataError(
            f"{path} holds no list of file records",
            kept="the file is untouched",
            hint="The next write moves it aside and makes it again",
            context={"path": str(path)},
        )
    return found


def _is_record(found: Any) -> bool:
    # A name such as `..` or `/etc` would lead anywhere.
    return (
        isinstance(found, dict)
        and places.is_plain(found.get("id"))
        and places.is_plain(found.get("filename"))
        and isinstance(found.get("path"), str)
    )


def _place(record: Record) -> tuple[str, str]:
    return record["path"].strip("/"), record["filename"]


def own_copy(record: Record) -> Record:
    """Return a record that its receiver may change."""
    return {
        key: copy.deepcopy(value) if isinstance(value, (dict, list)) else value
        for key, value in record.items()
    }
