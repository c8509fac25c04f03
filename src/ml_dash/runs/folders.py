"""Runs on this machine: found, and looked into without writing anything."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_dash._delivery.status import owner_of
from ml_dash._record import prefix as prefixes
from ml_dash._store import layout
from ml_dash._store.adopting import damaged_documents, torn_lines
from ml_dash._store.logs import decode_line
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import CorruptDataError, FileReadError, MLDashError

_OF_A_RUN = frozenset({"logs", "metrics", "tracks", "files", ".ml-dash"})
_WILD = frozenset("*?")


@dataclass(frozen=True)
class LocalRun:
    """A run on this machine.

    Attributes:
        folder: Where it is.
        prefix: Which run it is: ``owner/project/.../name``.
        document: Its ``experiment.json``.
    """

    folder: Path
    prefix: str
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Skipped:
    """A folder that looks like a run and cannot be taken as one.

    Attributes:
        folder: Where it is.
        error: Why.
    """

    folder: Path
    error: MLDashError


@dataclass
class Contents:
    """What a run's folder holds.

    Attributes:
        counts: Records by kind; files as ``files``, their size as ``size_bytes``.
        damaged: What cannot be read, and will be told again by :func:`upload`.
    """

    counts: Counter[str] = field(default_factory=Counter)
    damaged: list[MLDashError | OSError] = field(default_factory=list)


def find_runs(
    root: str | os.PathLike[str], pattern: str | None = None
) -> Iterator[LocalRun | Skipped]:
    """Yield the runs below a folder, sorted by path, and what looks like one and is none.

    Args:
        root: The folder; it may be a run itself.
        pattern: Only runs whose project has this name or, with ``/``, whose path begins with it
            or, with ``*`` or ``?``, whose path matches it. The path is the prefix, and the place
            below ``root``.

    Raises:
        FileReadError: the root is not there, or cannot be read.
    """
    top = Path(root)
    if not top.is_dir():
        raise FileReadError(f"There is no folder {top}", hint="Give the folder of your runs, "
                            "such as .dash", context={"path": str(top)})  # fmt: skip
    unread: list[OSError] = []
    for folder, names, files in os.walk(top, onerror=unread.append):
        names.sort()
        if layout.DOCUMENT in files:
            names[:] = [name for name in names if name not in _OF_A_RUN]
            found = _taken(top, Path(folder))
            if pattern is None or _fits(top, found, pattern):
                yield found
        while unread:
            yield _unreadable(unread.pop())


def _unreadable(error: OSError) -> Skipped:
    path = Path(str(error.filename))
    return Skipped(path, FileReadError(
        f"The folder {path} cannot be read: {error.strerror}", kept="the folder is untouched",
        hint="Give this user permission to read it", context={"path": str(path)}, cause=error,
    ))  # fmt: skip


def run_in(folder: Path) -> LocalRun | None:
    """Return the run that a folder holds; None if it holds none.

    Raises:
        MLDashError: it holds one that cannot be read.
    """
    if not (folder / layout.DOCUMENT).is_file():
        return None
    found = _taken(folder.parent, folder)
    if isinstance(found, Skipped):
        raise found.error
    return found


def _taken(top: Path, folder: Path) -> LocalRun | Skipped:
    try:
        document = RunStore(folder.parent, [folder.name]).document.read() or {}
    except (MLDashError, OSError) as error:
        return Skipped(folder, error if isinstance(error, MLDashError) else FileReadError(
            f"{folder} cannot be read: {error.strerror or error}", cause=error))  # fmt: skip
    prefix = document.get("prefix") or "/".join(folder.relative_to(top).parts)
    try:
        prefixes.check(prefix)
        owner_of(prefix)
    except MLDashError as error:
        return Skipped(folder, error)
    return LocalRun(folder, prefix.strip("/"), document)


def _fits(top: Path, found: LocalRun | Skipped, pattern: str) -> bool:
    place = found.folder.relative_to(top).as_posix()
    paths = [place, found.prefix] if isinstance(found, LocalRun) else [place]
    if _WILD & set(pattern):
        return any(fnmatch.fnmatchcase(path, pattern) for path in paths)
    if "/" in pattern:
        wanted = pattern.strip("/")
        return any(path == wanted or path.startswith(f"{wanted}/") for path in paths)
    return isinstance(found, LocalRun) and prefixes.split(found.prefix).project == pattern


def look(run: LocalRun) -> Contents:
    """Return what a run's folder holds, read from end to end; nothing is written.

    Raises:
        FileReadError: a document or the list of files cannot be read.
        OSError: a stream cannot be read.
    """
    found = Contents()
    store = RunStore(run.folder.parent, [run.folder.name])
    for path, kind in _line_files(run.folder):
        _count_lines(path, kind, found)
    documents = list(damaged_documents(run.folder))
    found.damaged += [*documents, *torn_lines(run.folder)]
    parameters = str(run.folder / layout.PARAMETERS)
    if not any(error.context.get("path") == parameters for error in documents):
        found.counts["params"] = len(store.params.read() or {})
    for record in store.files.list():
        path = store.files.index.path_of(record)
        try:
            found.counts["size_bytes"] += path.stat().st_size
            found.counts["files"] += 1
        except FileNotFoundError:
            found.damaged.append(CorruptDataError(f"The file {path} is gone"))
    return found


def _line_files(run: Path) -> Iterator[tuple[Path, str]]:
    yield run / layout.LOGS, "logs"
    for kind in (layout.METRICS, layout.TRACKS):
        for path in sorted((run / kind).rglob(layout.POINTS)):
            yield path, kind


def _count_lines(path: Path, kind: str, found: Contents) -> None:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        return
    with file:
        for line in file:
            if not line.endswith(b"\n") or line == b"\n":
                continue
            try:
                decode_line(line, path)
                found.counts[kind] += 1
            except CorruptDataError as error:
                found.damaged.append(error)
