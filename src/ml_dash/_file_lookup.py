"""Finding stored files by path, bare name or glob."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ml_dash._store.files import FileStore
from ml_dash.exceptions import (
    AmbiguousFileError,
    ExperimentFileNotFoundError,
    FileReadError,
    InvalidValueError,
)

Record = dict[str, Any]


def full_path(record: Record) -> str:
    """Return folder and name of a record, without leading slash."""
    return f"{str(record['path']).strip('/')}/{record['filename']}".lstrip("/")


def matching(records: list[Record], pattern: str | None) -> list[Record]:
    """Return the records whose name or whole path matches a glob; all for None."""
    if pattern is None:
        return records
    glob = _text(pattern).lstrip("/")
    return [
        record
        for record in records
        if fnmatchcase(str(record["filename"]), glob) or fnmatchcase(full_path(record), glob)
    ]


def _text(wanted: Any) -> str:
    if not isinstance(wanted, str):
        raise InvalidValueError(f"Files are named by a text, not by {type(wanted).__name__}")
    return wanted


def some(records: list[Record], pattern: str) -> list[Record]:
    """Return the records, of which there must be one at least.

    Raises:
        ExperimentFileNotFoundError: there is none.
    """
    if not records:
        raise _not_found(pattern)
    return records


def named(records: list[Record], wanted: str) -> list[Record]:
    """Return the records of a path, or else those with this bare name in any folder."""
    path = wanted.lstrip("/")
    exact = [record for record in records if full_path(record) == path]
    return exact or [record for record in records if record["filename"] == path]


def the_one(records: list[Record], wanted: str) -> Record:
    """Return the one record of a path or bare name.

    Raises:
        ExperimentFileNotFoundError: there is none.
        AmbiguousFileError: there are several.
    """
    found = named(records, wanted)
    if not found:
        raise _not_found(wanted)
    if len(found) > 1:
        raise _ambiguous(found, wanted)
    return found[0]


def _not_found(wanted: str) -> ExperimentFileNotFoundError:
    return ExperimentFileNotFoundError(
        f"File not found: the run has no file {wanted!r}",
        hint="List the files with files().list()",
        context={"wanted": wanted},
    )


def _ambiguous(found: list[Record], wanted: str) -> AmbiguousFileError:
    paths = ", ".join(sorted(full_path(record) for record in found)[:5])
    return AmbiguousFileError(
        f"{len(found)} files are called {wanted!r}: {paths}",
        kept="nothing was changed",
        hint="Give the whole path",
        context={"wanted": wanted, "count": len(found)},
    )


def split_glob(path: str) -> tuple[str | None, str | None]:
    """Return folder and glob of a path with ``*`` or ``?``; the path and None for a plain one."""
    plain = _text(path).lstrip("/")
    parts = plain.split("/")
    first = next((i for i, part in enumerate(parts) if "*" in part or "?" in part), None)
    if first is None:
        return plain, None
    # The glob is matched against names and whole paths, so it keeps its folder.
    pattern = parts[-1] if first == len(parts) - 1 else plain
    return "/".join(parts[:first]) or None, pattern


def fetch_all(files: FileStore, records: list[Record], folder: Path) -> list[str]:
    """Copy files into a folder; those of equal names keep their folders below it.

    Raises:
        FileReadError: a folder cannot be made, a file not read or written.
        ChecksumMismatchError: the stored bytes of a file are damaged.
    """
    for record in records:
        files.index.path_of(record)  # no record names a place outside, here or there
    _make(folder)
    done = []
    for record, name in zip(records, _apart(records), strict=True):
        target = folder / name
        _make(target.parent)
        done.append(files.fetch(record["id"], target))
    return done


def _apart(records: list[Record]) -> list[str]:
    """Return names for a download: bare ones, folders kept for those that would collide."""
    count = Counter(str(record["filename"]) for record in records)
    kept = [full_path(record) for record in records if count[record["filename"]] > 1]
    # A bare name must not be that of a folder that is kept either.
    folders = {name.partition("/")[0] for name in kept if "/" in name}
    if folders & count.keys():
        return [full_path(record) for record in records]
    return [full_path(r) if count[r["filename"]] > 1 else str(r["filename"]) for r in records]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileReadError(
            f"Cannot make the folder {folder} for downloads: {error.strerror}",
            kept="what was downloaded before, and the store",
            hint="Give another destination",
            context={"path": str(folder), "errno": error.errno},
            cause=error,
        ) from error
