"""A run's files: ``files/<path>/<id>/<filename>``."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.fork import reset_in_child
from ml_dash._record import codec, jsonable
from ml_dash._store import blobs
from ml_dash._store.file_index import FileIndex, Record, own_copy
from ml_dash._store.file_intake import FileIntake, Fill
from ml_dash._store.journal import Journal
from ml_dash._store.outage import write_error
from ml_dash._store.places import checked_destination, checked_place, is_below
from ml_dash._store.reading import hint_to_read, needs_type
from ml_dash.exceptions import (
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidValueError,
    MLDashError,
)

Records = list[Record]


class FileStore:
    """The files of a run.

    Args:
        run_folder: The run's folder.
        experiment_id: ``<project>/<prefix>``, as 0.6 wrote it into each record.
        journal: The run's journal.
        durable: Whether a stored file also survives a power cut.

    Attributes:
        stored: How many files this process has stored.
    """

    def __init__(
        self, run_folder: Path, experiment_id: str, journal: Journal, *, durable: bool = False
    ) -> None:
        self.index = FileIndex(run_folder, experiment_id, journal, durable=durable)
        self.stored = 0
        self._experiment_id = experiment_id
        self._journal = journal
        self._durable = durable
        self._intake = FileIntake(self.index, durable=durable)
        self.admit: Callable[[int], object] = lambda _size_bytes: None
        """Raises OSError when there is no room for so many bytes."""
        reset_in_child(self)

    # -- storing ---------------------------------------------------------------------------------

    def store(
        self,
        source: str | os.PathLike[str],
        *,
        path: str = "",
        filename: str = "",
        checksum: str = "",
        **said: Any,
    ) -> Record:
        """Copy a file into the run; it is in the store when this returns.

        A file of the same path and name is replaced.

        Args:
            source: The file; it is only read.
            path: Folder within the run's files.
            filename: Its name there; the source's own when empty.
            checksum: The SHA-256 that it must have, if that is known.
            **said: ``description``, ``tags``, ``bindrs``, ``metadata``, and ``content_type``
                (guessed from the source's name when omitted).

        Returns:
            The file's record.

        Raises:
            InvalidFileError: the source cannot be stored, or the name leaves the run.
            InvalidValueError: what is said about it is of a wrong type, or (SerializationError)
                has no JSON form; nothing was stored.
            ChecksumMismatchError: the source has another checksum; nothing was stored.
            FileUploadError: the store refuses the write; nothing was stored.
        """
        origin = blobs.check_source(source)
        record = self._draft(path, filename or origin.name, **said)

        def fill(target: Path) -> blobs.Blob:
            self.admit(origin.stat().st_size)
            blob = blobs.copy_in(origin, target, durable=self._durable)
            blobs.verify(blob.checksum, checksum, origin, "nothing was stored")
            return blob

        return self._take_in(record, fill, origin, origin.name)

    def store_made(
        self, make: Callable[[Path], object], *, path: str = "", filename: str, **said: Any
    ) -> Record:
        """Have a file made right in the store, without another copy; otherwise as :meth:`store`.

        Args:
            make: Writes the file, under its final name, in a folder that is there for it alone.
            path: Folder within the run's files.
            filename: Its name there.
            **said: As for :meth:`store`.
        """
        record = self._draft(path, filename, **said)

        def fill(target: Path) -> blobs.Blob:
            make(target)
            self.admit(target.stat().st_size)
            return blobs.measure(target, durable=self._durable)

        return self._take_in(record, fill, None, record["filename"])

    def _draft(
        self,
        path: str,
        filename: str,
        *,
        description: str | None = None,
        tags: list[str] | None = None,
        bindrs: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        content_type: str | None = None,
    ) -> Record:
        place, name = checked_place(path, filename)
        said = _checked(tags=tags, bindrs=bindrs, metadata=metadata, description=description)
        return {
            "id": "",
            "experimentId": self._experiment_id,
            "path": place,
            "filename": name,
            "description": said.get("description"),
            "tags": said.get("tags", []),
            "bindrs": said.get("bindrs", []),
            "contentType": content_type,
            "sizeBytes": 0,
            "checksum": "",
            "metadata": said.get("metadata"),
            "uploadedAt": "",
            "updatedAt": "",
            "deletedAt": None,
        }

    def _take_in(self, record: Record, fill: Fill, origin: Path | None, named: str) -> Record:
        shown = f"{record['path'].rstrip('/')}/{record['filename']}"
        try:
            # Python reads the system's table of types at the first guess, which can fail.
            kind = record["contentType"] or mimetypes.guess_type(named)[0]
            record["contentType"] = kind or "application/octet-stream"
            self._intake.take(record, fill)
        except OSError as error:
            if not needs_type(error):
                raise
            what = f"{origin} as {shown}" if origin else shown
            raise FileUploadError(
                f"Cannot store {what}: {error.strerror or error}",
                kept=f"{'the source is untouched, and so are ' if origin else ''}"
                "the files stored before",
                hint=hint_to_read(error),
                context={"path": str(origin or shown), "errno": error.errno},
                cause=error,
            ) from error
        self.stored += 1
        return own_copy(record)

    # -- reading ---------------------------------------------------------------------------------

    def list(self, path_prefix: str | None = None, tags: list[str] | None = None) -> Records:
        """Return the records of files that are not deleted, oldest first.

        Args:
            path_prefix: Only files in this folder and below it.
            tags: Only files with one of these.

        Raises:
            FileReadError: the list cannot be read.
        """
        with self._looking():
            records = self.index.look()
        return [
            own_copy(record)
            for record in records
            if not record.get("deletedAt")
            and (path_prefix is None or is_below(record["path"], path_prefix))
            and (not tags or set(tags) & set(record.get("tags") or ()))
        ]

    def find(self, file_id: str) -> Record:
        """Return the record of an id.

        Raises:
            ExperimentFileNotFoundError: there is no such file, or it was deleted.
            FileReadError: the list cannot be read.
        """
        with self._looking():
            record = self.index.get(file_id)
        return own_copy(self._there(record, file_id))

    def _there(self, record: Record | None, file_id: str) -> Record:
        if record is not None and not record.get("deletedAt"):
            return record
        raise ExperimentFileNotFoundError(
            f"File not found: the run has no file with the id {file_id!r}",
            hint="List the files with files().list()",
            context={"id": file_id, "path": str(self.index.folder)},
        )

    @contextmanager
    def _looking(self) -> Iterator[None]:
        try:
            yield
        except MLDashError:
            raise
        except OSError as error:
            raise FileReadError(
                f"The list of files in {self.index.folder} cannot be read: {error.strerror}",
                kept="the files are as they were",
                hint="Give this process read permission there",
                context={"path": str(self.index.folder), "errno": error.errno},
                cause=error,
            ) from error

    def fetch(self, file_id: str, dest_path: str | os.PathLike[str] | None = None) -> str:
        """Copy a file out, verified, and return where it is now.

        Args:
            file_id: The file.
            dest_path: Where to; its own name in the working directory when omitted.

        Raises:
            ExperimentFileNotFoundError: there is no such file, or its bytes are gone.
            ChecksumMismatchError: its bytes are damaged; the destination is as it was.
            InvalidFileError: the destination is no place for a file, or its folder is missing.
            FileReadError: it cannot be read, or the destination not be written.
        """
        record = self.find(file_id)
        shown = str(dest_path or record["filename"])
        with self._opened(record) as stored:
            destination = checked_destination(Path(shown))
            with _reading(f"copy {stored.name} to {shown}", f"{shown} is as it was"):
                blobs.copy_out(stored, destination, str(record.get("checksum") or ""))
        return shown

    def read(self, file_id: str) -> bytes:
        """Return the bytes of a file, verified; errors as for :meth:`fetch`."""
        record = self.find(file_id)
        with self._opened(record) as stored:
            with _reading(f"read {stored.name}", "the file is as it was"):
                data = stored.readall()
            found = blobs.checksum_of_bytes(data)
            blobs.verify(found, str(record.get("checksum") or ""), stored.name, "nothing was read")
        return data

    @contextmanager
    def _opened(self, record: Record) -> Iterator[FileIO]:
        path = self.index.path_of(record)
        with _reading(f"read {path}", "the store is as it was"):
            try:
                file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
            except FileNotFoundError as error:
                raise ExperimentFileNotFoundError(
                    f"The bytes of {record['filename']!r} are gone from {path}",
                    context={"id": record["id"], "path": str(path)},
                    cause=error,
                ) from error
        with file:
            yield file

    def copy_within(self, file_id: str, *, path: str = "", filename: str, **said: Any) -> Record:
        """Store a verified copy of a stored file; otherwise as :meth:`store`.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            ChecksumMismatchError: its bytes are damaged; nothing was stored.
        """
        record = self.find(file_id)
        with self._opened(record):
            origin = self.index.path_of(record)
            expected = str(record.get("checksum") or "")
            return self.store(origin, path=path, filename=filename, checksum=expected, **said)

    # -- changing --------------------------------------------------------------------------------

    def delete(self, file_id: str) -> dict[str, Any]:
        """Mark a file as deleted; its bytes stay.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            LocalWriteError: nothing was changed.
        """
        now = stamp()
        self._change(file_id, {"updatedAt": now, "deletedAt": now})
        return {"id": file_id, "deletedAt": now}

    def update(self, file_id: str, **changes: Any) -> Record:
        """Change ``description``, ``tags`` or ``metadata`` of a file; None leaves a field.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            InvalidValueError: a value is of a wrong type; nothing was changed.
            LocalWriteError: nothing was changed.
        """
        changed = {**_checked(**changes), "updatedAt": stamp()}
        return self._change(file_id, changed, lambda: self.admit(0))

    def _change(
        self, file_id: str, changes: dict[str, Any], first: Callable[[], object] = lambda: None
    ) -> Record:
        try:
            first()
            with self._journal.transaction() as add:
                self.index.import_foreign(add)
                known = self._there(self.index.records.get(file_id), file_id)
                record = {**known, **changes}
                self.index.change(add, record)
                self.index.write_snapshot(due=True)
        except OSError as error:
            if not needs_type(error):
                raise
            what, kept = f"the record of file {file_id}", "all files and their records"
            raise write_error(error, self._journal.path, what, kept) from error
        return own_copy(record)

    def flush(self) -> None:
        """Write the list that 0.6 tools read, if it is behind.

        Raises:
            OSError: it cannot be written; the journal holds it.
        """
        self.index.flush()

    def reset_after_fork(self) -> None:
        """Count afresh in a forked child."""
        self.stored = 0


def _checked(**said: Any) -> dict[str, Any]:
    """Return what is said about a file as plain values of our own, without what is None.

    Raises:
        InvalidValueError: a value is of a wrong type, or (SerializationError) has no JSON form.
    """
    if isinstance(said.get("bindrs"), str):
        said["bindrs"] = [said["bindrs"]]  # 0.6.27 took one name as it was
    plain = {
        key: jsonable.to_plain(list(value) if isinstance(value, (tuple, set)) else value, key)
        for key, value in said.items()
        if value is not None
    }
    for name in ("tags", "bindrs"):
        value = plain.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InvalidValueError(f"{name} is {said[name]!r}", hint="Give a list of texts")
    if not isinstance(plain.get("metadata", {}), dict):
        raise InvalidValueError(f"metadata is {said['metadata']!r}", hint="Give a dictionary")
    codec.encode(plain)
    return plain


@contextmanager
def _reading(what: str, kept: str) -> Iterator[None]:
    try:
        yield
    except MLDashError:
        raise
    except OSError as error:
        raise FileReadError(
            f"Cannot {what}: {error.strerror or error}", kept=kept, hint=hint_to_read(error),
            context={"errno": error.errno}, cause=error) from error  # fmt: skip
