"""How a file comes into a run.

It arrives in a hidden folder of its own, is hashed there, and moves to its place whole, under the
journal's lock; then it is noted; only then what it replaces is removed.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._base.fsio import sync_folder
from ml_dash._base.ids import unique_id
from ml_dash._store.blobs import Blob
from ml_dash._store.file_index import FileIndex, Record, own_copy
from ml_dash._store.places import refuse_links
from ml_dash.exceptions import InvalidFileError

_log = logging.getLogger("ml_dash.store")
Fill = Callable[[Path], Blob]


class FileIntake:
    """The way into a run's files.

    Args:
        index: The list of the run's files.
        durable: Whether what was taken in also survives a power cut.
    """

    def __init__(self, index: FileIndex, *, durable: bool = False) -> None:
        self._index = index
        self._durable = durable

    def take(self, record: Record, fill: Fill) -> None:
        """Have a file made by ``fill``, and complete and note its record.

        Raises:
            InvalidFileError: a folder on the way is a symbolic link.
            OSError: nothing was stored.
        """
        top = self._index.folder
        arriving = top / f".{uuid.uuid4().hex}~"
        refuse_links(top, top.joinpath(record["path"].strip("/")))
        _make_folder(arriving)
        try:
            blob = fill(arriving / record["filename"])
            record["sizeBytes"], record["checksum"] = blob.size_bytes, blob.checksum
            if self._durable:
                sync_folder(arriving)
            self._settle(arriving, record)
        except BaseException:
            _remove_own(arriving)
            raise

    def _settle(self, arriving: Path, record: Record) -> None:
        """Move what arrived to its place, note it, and remove what it replaces."""
        home = None
        try:
            with self._index.journal.transaction() as add:
                # Before it is in place: a lost list is made again from what lies in the folder.
                self._index.import_foreign(add)
                home = self._move_in(arriving, record)
                record["uploadedAt"] = record["updatedAt"] = stamp()
                old = self._index.at(record)
                self._index.change(add, own_copy(record), None if old is None else old["id"])
                if old is not None:
                    self._remove_replaced(old)
                self._index.write_snapshot(due=True)
        except BaseException:
            if home is not None and not self._is_noted(record["id"]):
                _remove_own(home)
            raise

    def _move_in(self, arriving: Path, record: Record) -> Path:
        parent = self._index.folder.joinpath(record["path"].strip("/"))
        parent.mkdir(parents=True, exist_ok=True)
        refuse_links(self._index.folder, parent)
        home: Path = parent / unique_id()
        while home.exists():
            home = parent / unique_id()
        record["id"] = home.name
        os.rename(arriving, home)
        if self._durable:
            self._sync_up_from(parent)
        return home

    def _is_noted(self, file_id: str) -> bool:
        """Tell whether the journal names a file: then an interrupt came after it was accepted."""
        try:
            with open(self._index.journal.path, "rb") as journal:
                return any(file_id.encode() in line for line in journal)
        except FileNotFoundError:
            return False
        except OSError:
            _log.warning(
                "Cannot tell whether file %s was noted; its bytes stay", file_id, exc_info=True,
                extra=about("storing a file", file_id=file_id),
            )  # fmt: skip
            return True

    def _remove_replaced(self, old: Record) -> None:
        """Remove the store's copy of what was replaced, as 0.6 does; nothing else goes with it."""
        try:
            path = self._index.path_of(old)
            path.unlink(missing_ok=True)
            path.parent.rmdir()
        except (OSError, InvalidFileError):
            _log.warning(
                "Could not remove the replaced file %s of %s, which is no longer needed", old["id"],
                self._index.folder, exc_info=True,
                extra=about("storing a file", file_id=old["id"]),
            )  # fmt: skip

    def _sync_up_from(self, folder: Path) -> None:
        while folder != self._index.folder:
            sync_folder(folder)
            folder = folder.parent
        sync_folder(folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir()
    except FileNotFoundError:
        folder.mkdir(parents=True)


def _remove_own(folder: Path) -> None:
    """Remove a folder that the store has just made for one file."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return  # it was moved to its place
    except OSError:
        _log.warning(
            "Could not remove %s, which is no longer needed", folder, exc_info=True,
            extra=about("storing a file", path=folder),
        )  # fmt: skip
