"""Files: ``exp.files("models").upload("model.pt")``."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ml_dash import _file_lookup as lookup
from ml_dash import _file_rules as rules
from ml_dash._base import deprecate
from ml_dash._base.ids import unique_id
from ml_dash._file_content import FileContent
from ml_dash._store.blobs import checksum_of, require_checksum
from ml_dash.exceptions import AmbiguousFileError, InvalidFileError, InvalidValueError, UsageError

if TYPE_CHECKING:
    from ml_dash._store.files import FileStore
    from ml_dash.experiment import Experiment

__all__ = [
    "BindrsBuilder",
    "FileBuilder",
    "FilesAccessor",
    "compute_sha256",
    "generate_snowflake_id",
    "get_mime_type",
    "verify_checksum",
    "verify_checksum_or_raise",
]

T = TypeVar("T")
Record = dict[str, Any]
Records = list[Record]


class FileBuilder(FileContent):
    """A folder of a run's files, or one file in it.

    Args:
        experiment: The run's experiment.
        path: Folder, or file for ``download``, ``delete``, ``exists`` and ``read_text``.
        **options: ``prefix`` (folder when no ``path`` is given), ``description``, ``tags``,
            ``bindrs``, ``metadata`` (for what is stored), ``file_id``, ``file_path``,
            ``dest_path``.
    """

    def __init__(self, experiment: Experiment, path: str | None = None, **options: Any) -> None:
        self._experiment = experiment
        self._path = path
        self._options = rules.known_options(experiment._rules, options)

    @property
    def _folder(self) -> str:
        return str(self._path or self._options.get("prefix") or "/")

    def _store(self) -> FileStore:
        """Return the store, for writing."""
        self._experiment._require_open()
        self._experiment._require_writable()
        store: FileStore = self._experiment._files
        return store

    def _keep(self, source: Path | str, to: str, **given: Any) -> Record:
        record = self._store().store(source, path=self._folder, filename=to, **self._said(given))
        return {**record, "status": "stored"}

    def _keep_made(self, make: Callable[[Path], object], to: str, **given: Any) -> Record:
        store = self._store()
        record = store.store_made(make, path=self._folder, filename=to, **self._said(given))
        return {**record, "status": "stored"}

    def _said(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what is said about a new file: in the call, or else in the options."""
        said = {name: given.get(name) for name in ("description", "tags", "metadata", "bindrs")}
        return {k: v if v is not None else self._options.get(k) for k, v in said.items()}

    def upload(
        self,
        fpath: str | Path,
        *,
        to: str | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Record:
        """Copy a file into the run; it is in the store, whole, when this returns.

        Args:
            fpath: The file; only read, never changed or removed.
            to: Its name in the run, folders included; its own when omitted.
            description: What it is.
            tags: Words to find it by.
            metadata: Facts about it.

        Returns:
            The file's record (``id``, ``path``, ``filename``, ``sizeBytes``, ``checksum`` ...).

        Raises:
            InvalidFileError: the file is missing, no plain file or too large.
            FileUploadError: the store refuses the write; nothing was stored.
            NotOpenError: the run is not open.
            WriteProtectedError: the run is write-protected.
        """
        return self._keep(fpath, to or "", description=description, tags=tags, metadata=metadata)

    @deprecate.changes("FileBuilder.list")
    def list(self, pattern: str | None = None) -> Records:
        """List the files in this folder and below; see :meth:`list_or_raise`.

        An unreadable list is empty, as in 0.6.
        """
        return rules.answer(
            self._experiment, "FileBuilder.list", list, lambda: self.list_or_raise(pattern)
        )

    def list_or_raise(self, pattern: str | None = None) -> Records:
        """List the files in this folder and below.

        Args:
            pattern: Only files whose name, or whole path in the run, matches this glob.

        Raises:
            FileReadError: the list is unreadable.
            NotOpenError: the run is not open.
        """
        self._experiment._require_open()
        folder = None if self._folder == "/" else self._folder
        records = self._experiment._files.list(folder, self._options.get("tags"))
        return lookup.matching(records, pattern)

    @deprecate.changes("FileBuilder.download")
    def download(self, pattern: str | None = None, *, to: str | Path | None = None) -> Any:
        """Copy files out of the run, verified.

        Args:
            pattern: A glob; all matches go into the folder ``to``. Without one, the file that
                this object names.
            to: The destination.

        Returns:
            The destination; for a pattern, the list of destinations.

        Raises:
            ExperimentFileNotFoundError: no such file (is a ``ValueError``).
            ChecksumMismatchError: the stored bytes are damaged; the destination is as it was.
            NotOpenError: the run is not open.
        """
        self._experiment._require_open()
        files = self._experiment._files
        target = to or self._options.get("dest_path")
        if self._options.get("file_id"):
            return files.fetch(self._options["file_id"], target)
        if pattern is not None:
            records = lookup.some(self.list_or_raise(pattern), pattern)
            return lookup.fetch_all(files, records, Path(target or "."))
        return files.fetch(self._the_file("FileBuilder.download")["id"], target)

    def _the_file(self, asked: str) -> Record:
        """Return this object's file; of several of its name the first, as in 0.6.

        Raises:
            ExperimentFileNotFoundError: there is none.
            AmbiguousFileError: there are several, from 0.9 on.
        """
        records, name = self._all(), self._named()
        return deprecate.answer(
            self._experiment._rules,
            asked,
            lambda: lookup.named(records, name)[0],
            lambda: lookup.the_one(records, name),
            lambda error: isinstance(error, AmbiguousFileError),
        )

    def _named(self) -> str:
        if not self._path:
            raise UsageError("No file is named", hint="Use files('folder/name'), or file_id=...")
        return str(self._path)

    def _all(self) -> Records:
        records: Records = self._experiment._files.list(None, None)
        return records

    def delete(self, pattern: str | None = None) -> Any:
        """Mark files as deleted; their bytes stay.

        Args:
            pattern: A glob; all matches are deleted. Without one, the file that this object names.

        Returns:
            ``{"id", "deletedAt"}``; for a pattern, a list of them.

        Raises:
            ExperimentFileNotFoundError: no such file (is a ``ValueError``).
            AmbiguousFileError: several files have this name; nothing was deleted.
            NotOpenError: the run is not open.
            WriteProtectedError: the run is write-protected.
        """
        files = self._store()
        if self._options.get("file_id"):
            return files.delete(self._options["file_id"])
        if pattern is not None:
            records = lookup.some(self.list_or_raise(pattern), pattern)
            return [files.delete(record["id"]) for record in records]
        return files.delete(lookup.the_one(self._all(), self._named())["id"])

    def update(self) -> Record:
        """Change what is said about the file ``file_id``; only given options change.

        Raises:
            UsageError: no ``file_id`` was given (is a ``ValueError``).
            ExperimentFileNotFoundError: there is no such file.
        """
        files = self._store()
        if not self._options.get("file_id"):
            raise UsageError("update() needs files(file_id=...)")
        given = {key: self._options.get(key) for key in ("description", "tags", "metadata")}
        return files.update(self._options["file_id"], **given)

    @deprecate.changes("FileBuilder.exists")
    def exists(self) -> bool:
        """Tell whether the file is there; False, loudly, when the list is unreadable."""
        return rules.answer(self._experiment, "FileBuilder.exists", bool, self.exists_or_raise)

    def exists_or_raise(self) -> bool:
        """Tell whether the file is there.

        Raises:
            FileReadError: the list of files is unreadable.
            NotOpenError: the run is not open.
        """
        self._experiment._require_open()
        return bool(lookup.named(self._all(), self._named()))

    @deprecate.changes("FileBuilder.read_text")
    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the file's content as text.

        Raises:
            ExperimentFileNotFoundError: no such file (is a ``ValueError``).
            ChecksumMismatchError: the stored bytes are damaged.
            UnicodeDecodeError: it is no such text.
        """
        self._experiment._require_open()
        files: FileStore = self._experiment._files
        return files.read(self._the_file("FileBuilder.read_text")["id"]).decode(encoding)

    def duplicate(self, source: str | Record, to: str) -> Record:
        """Store a copy of a stored file under another name.

        Args:
            source: Its id, or a record as ``upload`` and ``save_*`` return it.
            to: Folder and name of the copy.

        Raises:
            InvalidValueError: the source is neither (is a ``ValueError``).
            ExperimentFileNotFoundError: there is no such file.
            ChecksumMismatchError: the stored bytes are damaged; nothing was stored.
        """
        files = self._store()
        file_id = source.get("id") if isinstance(source, dict) else source
        if not isinstance(file_id, str) or not file_id:
            raise InvalidValueError("source must be a file's id or its record")
        if not to or to.endswith("/"):
            raise InvalidFileError(f"{to!r} names no file", hint="Give the name of the copy")
        record = files.copy_within(file_id, filename=to, **self._said({}))
        return {**record, "status": "stored"}


class FilesAccessor:
    """All files of one run.

    Args:
        experiment: The run's experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    def __call__(self, dir: str | None = None, **kwargs: Any) -> FileBuilder:
        """Return a folder, or one file, of the run; options as for :class:`FileBuilder`."""
        return FileBuilder(self._experiment, dir, **kwargs)

    def upload(self, fpath: str | Path, *, to: str | None = None, **kwargs: Any) -> Record:
        """Copy a file into the run; see :meth:`FileBuilder.upload`."""
        return FileBuilder(self._experiment, None, **kwargs).upload(fpath, to=to)

    def download(self, path: str, *, to: str | Path | None = None) -> Any:
        """Copy a file, or all that match a glob, out of the run."""
        folder, pattern = lookup.split_glob(path)
        return FileBuilder(self._experiment, folder).download(pattern, to=to)

    def delete(self, path: str) -> Any:
        """Mark a file, or all that match a glob, as deleted."""
        folder, pattern = lookup.split_glob(path)
        return FileBuilder(self._experiment, folder).delete(pattern)

    def list(self, pattern: str | None = None) -> Records:
        """List the run's files; see :meth:`FileBuilder.list`."""
        return self().list(pattern)

    def list_or_raise(self, pattern: str | None = None) -> Records:
        """List the run's files; see :meth:`FileBuilder.list_or_raise`.

        Raises:
            FileReadError: the list is unreadable.
        """
        return self().list_or_raise(pattern)

    def save_text(self, content: str, *, to: str) -> Record:
        """Store a text; see :meth:`FileBuilder.save_text`."""
        return self().save_text(content, to=to)

    def save_json(self, content: Any, *, to: str) -> Record:
        """Store a value as JSON; see :meth:`FileBuilder.save_json`."""
        return self().save_json(content, to=to)

    def save_blob(self, data: bytes, *, to: str) -> Record:
        """Store bytes; see :meth:`FileBuilder.save_blob`."""
        return self().save_blob(data, to=to)


class BindrsBuilder:
    """A collection of files, by name.

    Args:
        experiment: The run's experiment.
        name: The collection.
    """

    def __init__(self, experiment: Experiment, name: str) -> None:
        self._experiment = experiment
        self._name = name

    @deprecate.changes("BindrsBuilder.list")
    def list(self) -> Records:
        """List the files that were stored with this name among their ``bindrs``."""
        return rules.answer(self._experiment, "BindrsBuilder.list", list, self.list_or_raise)

    def list_or_raise(self) -> Records:
        """List the files of the collection.

        Raises:
            FileReadError: the list of files is unreadable.
            NotOpenError: the run is not open.
        """
        self._experiment._require_open()
        records = self._experiment._files.list(None, None)
        return [record for record in records if self._name in _names(record.get("bindrs"))]


def _names(bindrs: Any) -> list[str]:
    # 0.6.27 kept a single name as a text, of which each part would be found.
    return [bindrs] if isinstance(bindrs, str) else list(bindrs or ())


def compute_sha256(file_path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    return checksum_of(file_path)


def get_mime_type(file_path: str | Path) -> str:
    """Return the MIME type that a file's name suggests."""
    return mimetypes.guess_type(str(file_path))[0] or "application/octet-stream"


def verify_checksum(file_path: str | Path, expected_checksum: str) -> bool:
    """Tell whether a file has this SHA-256.

    Raises:
        OSError: it cannot be read.
    """
    return checksum_of(file_path) == expected_checksum


def verify_checksum_or_raise(file_path: str | Path, expected_checksum: str) -> None:
    """Raise unless a file has this SHA-256.

    Raises:
        ChecksumMismatchError: it has another.
        OSError: it cannot be read.

    .. versionadded:: 0.7
    """
    require_checksum(file_path, expected_checksum)


def generate_snowflake_id() -> str:
    """Return a new decimal id."""
    return unique_id()
