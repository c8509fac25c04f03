"""Taking a spooled run off the disk once the server has all of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from ml_dash._base.fsio import LOCK_EX, LOCK_NB, flock
from ml_dash._delivery.target import DELIVERY
from ml_dash._record import prefix as prefixes
from ml_dash._store import layout
from ml_dash._store.places import SNAPSHOT
from ml_dash._store.run_store import RunStore

_OF_STREAM = (layout.POINTS, layout.SUMMARY, layout.PENDING)
_OF_RUN = (
    layout.DOCUMENT, layout.PARAMETERS, layout.LOGS, layout.LOG_COUNTER,
    f"{layout.FILES}/{SNAPSHOT}", layout.WRITERS, layout.JOURNAL,
)  # fmt: skip
_OF_DELIVERY = (
    "*/target*.json", "*/lock", "*/uploaded.jsonl", "*/cursors.jsonl*", "*/*/uploaded.jsonl",
    "*/*/cursors.jsonl*",
)  # fmt: skip


def is_written(run: Path) -> bool:
    """Tell whether a process has the run open for writing."""
    with ExitStack() as held:
        return not _locked(run / layout.WRITERS, held)


def prune(store: RunStore, prefix: str) -> bool:
    """Remove what ml-dash has written into a run's folder, and the folders that are empty then.

    What ml-dash has not written, or has kept aside as damaged, stays.

    Args:
        store: The run.
        prefix: Its prefix; of the folders above the run only those that it names are removed.

    Returns:
        Whether it was done: not while somebody writes the run.

    Raises:
        OSError: something cannot be removed.
    """
    run = store.folder
    files = list(_files(store))
    with ExitStack() as held:
        # A writer that comes now waits, finds its folder gone, and says so.
        if not _locked(run / layout.WRITERS, held) or not _locked(run / layout.JOURNAL, held):
            return False
        for path in [*files, *_streams(run), *_notes(run)]:
            path.unlink(missing_ok=True)
    _remove_empty(run, len(prefixes.split(prefix).segments) - 1)
    return True


def _locked(path: Path, held: ExitStack) -> bool:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    held.callback(os.close, fd)
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _files(store: RunStore) -> Iterator[Path]:
    for record in store.files.index.look():
        yield store.files.index.path_of(record)


def _streams(run: Path) -> Iterator[Path]:
    for kind in (layout.METRICS, layout.TRACKS):
        for name in _OF_STREAM:
            yield from sorted((run / kind).rglob(name))


def _notes(run: Path) -> Iterator[Path]:
    for pattern in _OF_DELIVERY:
        yield from sorted((run / DELIVERY).glob(pattern))
    yield from (run / name for name in _OF_RUN)


def _remove_empty(run: Path, levels: int) -> None:
    for folder, _, _ in os.walk(run, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)
    for above in list(run.parents)[:levels]:
        try:
            above.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
            return  # another run's, or gone with another run
