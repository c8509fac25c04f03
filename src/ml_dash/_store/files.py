"""A run's files: ``files/<path>/<id>/<filename>``."""

from __future__ import annotations

import logging
import mimetypes
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.ids import unique_id
from ml_dash._record import codec, jsonable
from ml_dash._store import blobs
from ml_dash._store.file_index import FileIndex, Record
from ml_dash._store.journal import Journal
from ml_dash._store.outage import hint_for
from ml_dash.exceptions import ExperimentFileNotFoundError, FileUploadError, InvalidFileError

_log = logging.getLogger("ml_dash.store")


class FileStore:
    """The files of a run.

    Args:
        run_folder: The run's folder.
        experiment_id: ``<project>/<prefix>``, as 0.6 wrote it into each record.
        journal: The run's journal.

    Attributes:
        stored: How many files this process has stored.
    """

    def __init__(self, run_folder: Path, experiment_id: str, journal: Journal) -> None:
        self.index = FileIndex(run_folder, experiment_id, journal)
        self.stored = 0
        self._experiment_id = experiment_id
        self._journal = journal

    def store(
        self,
        source: str | os.PathLike[str],
        *,
        path: str = "",
        filename: str = "",
        description: str | None = None,
        tags: list[str] | None = None,
        bindrs: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        content_type: str | None = None,
    ) -> Record:
        """Copy a file into the run; it is in the store when this returns.

        A file of the same path and name is replaced.

        Args:
            source: The file; it is only read.
            path: Folder within the run's files.
            filename: Its name there; the source's own when empty.
            description: What it is.
            tags: Words to find it by.
            bindrs: Collections that it belongs to.
            metadata: Facts about it.
            content_type: Its MIME type; guessed from the source's name when omitted.

        Returns:
            The file's record.

        Raises:
            InvalidFileError: the source cannot be stored, or the name leaves the run.
            SerializationError: the metadata have no JSON form; nothing was stored.
            FileUploadError: the store refuses the write; nothing was stored.
        """
        origin = blobs.check_source(source)
        place, name = checked_place(path, filename or origin.name)
        codec.encode([metadata, tags, bindrs, description])
        record: Record = {
            "id": "",
            "experimentId": self._experiment_id,
            "path": place,
            "filename": name,
            "description": description,
            "tags": list(tags or []),
            "bindrs": bindrs or [],
            "contentType": content_type,
            "sizeBytes": 0,
            "checksum": "",
            "metadata": jsonable.to_plain(metadata),
            "uploadedAt": "",
            "updatedAt": "",
            "deletedAt": None,
        }
        try:
            self._keep(origin, record)
        except OSError as error:
            raise FileUploadError(
                f"Cannot store {origin} as {place.rstrip('/')}/{name}: {error.strerror or error}",
                kept="the source is untouched, and so are the files stored before",
                hint=hint_for(error),
                context={"path": str(origin), "errno": error.errno},
                cause=error,
            ) from error
        self.stored += 1
        return record

    def _keep(self, origin: Path, record: Record) -> None:
        # Python reads the system's table of types at the first guess, which can fail.
        guess = record["contentType"] or mimetypes.guess_type(origin.name)[0]
        record["contentType"] = guess or "application/octet-stream"
        with self._journal.transaction() as add:
            # Before there is anything of this file in the folder, from which a damaged list is
            # made again.
            self.index.import_foreign(add)
        folder = self._new_folder(record)
        try:
            arriving = folder / f".{uuid.uuid4().hex}~"
            blob = blobs.copy_in(origin, arriving)
            os.replace(arriving, folder / record["filename"])
            record["sizeBytes"], record["checksum"] = blob.size_bytes, blob.checksum
            record["uploadedAt"] = record["updatedAt"] = stamp()
            with self._journal.transaction() as add:
                self.index.import_foreign(add)
                old = self.index.at(record)
                self.index.change(add, dict(record), None if old is None else old["id"])
        except BaseException:
            _remove_own(folder)
            raise
        if old is not None:
            # The store's copy of what was replaced, as in 0.6; only now that the new one is noted.
            _remove_own(self.index.path_of(old).parent)

    def _new_folder(self, record: Record) -> Path:
        parent = self.index.folder.joinpath(record["path"].strip("/"))
        _refuse_links(self.index.folder, parent)
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            record["id"] = unique_id()
            folder: Path = parent / record["id"]
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder

    def list(self, path_prefix: str | None = None, tags: list[str] | None = None) -> list[Record]:
        """Return the records of files that are not deleted, oldest first.

        Args:
            path_prefix: Only files in this folder and below it.
            tags: Only files with one of these.

        Raises:
            CorruptDataError: the list is damaged.
            OSError: it cannot be read.
        """
        return [
            record
            for record in self.index.look()
            if not record.get("deletedAt")
            and (path_prefix is None or _is_below(record["path"], path_prefix))
            and (not tags or set(tags) & set(record.get("tags") or ()))
        ]

    def find(self, file_id: str) -> Record:
        """Return the record of an id.

        Raises:
            ExperimentFileNotFoundError: there is no such file, or it was deleted.
        """
        for record in self.index.look():
            if record["id"] == file_id and not record.get("deletedAt"):
                return record
        raise ExperimentFileNotFoundError(
            f"File not found: the run has no file with the id {file_id!r}",
            hint="List the files with files().list()",
            context={"id": file_id, "path": str(self.index.folder)},
        )

    def fetch(self, file_id: str, dest_path: str | os.PathLike[str] | None = None) -> str:
        """Copy a file out, verified, and return where it is now.

        Args:
            file_id: The file.
            dest_path: Where to; its own name in the working directory when omitted.

        Raises:
            ExperimentFileNotFoundError: there is no such file, or its bytes are gone.
            ChecksumMismatchError: its bytes are damaged; the destination is as it was.
            OSError: the destination cannot be written.
        """
        record = self.find(file_id)
        stored = self.index.path_of(record)
        if not stored.is_file():
            raise ExperimentFileNotFoundError(
                f"The bytes of {record['filename']!r} are gone from {stored}",
                context={"id": file_id, "path": str(stored)},
            )
        destination = Path(dest_path) if dest_path else Path(record["filename"])
        if destination.is_dir():
            raise IsADirectoryError(f"{destination} is a folder; name the file to write")
        blobs.copy_out(stored, destination, str(record.get("checksum") or ""))
        return str(dest_path or destination)

    def delete(self, file_id: str) -> dict[str, Any]:
        """Mark a file as deleted; its bytes stay.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            OSError: nothing was changed.
        """
        with self._journal.transaction() as add:
            self.index.import_foreign(add)
            now = stamp()
            self.index.change(add, {**self._known(file_id), "updatedAt": now, "deletedAt": now})
        return {"id": file_id, "deletedAt": now}

    def update(self, file_id: str, **changes: Any) -> Record:
        """Change ``description``, ``tags`` or ``metadata`` of a file; None leaves a field.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            SerializationError: a value has no JSON form; nothing was changed.
            OSError: nothing was changed.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        plain = jsonable.to_plain(given)
        with self._journal.transaction() as add:
            self.index.import_foreign(add)
            record = {**self._known(file_id), **plain, "updatedAt": stamp()}
            self.index.change(add, record)
        return record

    def _known(self, file_id: str) -> Record:
        record = self.index.records.get(file_id)
        return self.find(file_id) if record is None or record.get("deletedAt") else record

    def flush(self) -> None:
        """Write the list that 0.6 tools read, if it is behind.

        Raises:
            OSError: it cannot be written; the journal holds it.
        """
        self.index.flush()


def checked_place(path: str, filename: str) -> tuple[str, str]:
    """Return folder and name of a file within the run; folders in the name join the folder.

    Raises:
        InvalidFileError: it would leave the run, or has no name.
    """
    whole = f"{path}/{filename}"
    parts = [part for part in whole.split("/") if part]
    if not parts or filename.endswith("/"):
        raise InvalidFileError(f"{whole!r} names no file", hint="Give the name of a file")
    for part in parts:
        if part in (".", "..") or "\0" in part:
            raise InvalidFileError(
                f"{whole!r} would leave the run's files", hint="Use plain folder and file names",
                context={"path": whole})  # fmt: skip
    return "/" + "/".join(parts[:-1]), parts[-1]


def _is_below(path: str, folder: str) -> bool:
    inside, above = path.strip("/"), folder.strip("/")
    return not above or inside == above or inside.startswith(f"{above}/")


def _remove_own(folder: Path) -> None:
    """Remove a folder that the store made for one file."""
    try:
        shutil.rmtree(folder)
    except OSError:
        _log.warning("Could not remove %s, which is no longer needed", folder, exc_info=True)


def _refuse_links(top: Path, folder: Path) -> None:
    for place in (folder, *folder.parents):
        if place == top:
            return
        if place.is_symlink():
            raise InvalidFileError(
                f"{place} is a symbolic link; a run stores files only in folders of its own",
                hint="Remove the link",
                context={"path": str(place)},
            )
