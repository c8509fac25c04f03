"""File-system primitives: atomic replacement, moving aside, locks between processes."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_dash._base.clock import file_stamp
from ml_dash._base.facts import about

flock: Callable[[int, int], None]
"""Take or give back the lock of an open file (Linux ``flock``)."""

try:
    import fcntl
except ImportError:  # pragma: no cover - no such platform in CI
    # Without flock one process per run is safe (threads have their own lock); several are not.
    LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8

    def _no_lock(fd: int, operation: int) -> None:
        """Do nothing where the platform has no such lock."""

    flock = _no_lock
else:
    LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB, fcntl.LOCK_UN
    flock = fcntl.flock

__all__ = [
    "LOCK_EX", "LOCK_NB", "LOCK_SH", "LOCK_UN", "flock", "flocked", "move_aside",
    "sync_folder", "write_atomic",
]  # fmt: skip

_log = logging.getLogger("ml_dash.store")


def write_atomic(
    path: str | os.PathLike[str], data: bytes, mode: int = 0o666, *, durable: bool = False
) -> None:
    """Replace a file in one step: a reader sees the old content or the new, never a part.

    Args:
        path: The file; its folder must exist.
        data: The whole new content.
        mode: Permission bits of a new file, before the umask.
        durable: Also survive a power cut.

    Raises:
        OSError: nothing was changed.
    """
    target = Path(path)
    fd, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix="~")
    try:
        try:
            _write_all(fd, data)
            os.fchmod(fd, mode & ~_umask())
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    if durable:
        sync_folder(target.parent)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _umask() -> int:
    # There is no way to ask for the umask without setting it, and setting it is not thread-safe.
    return _UMASK


_UMASK = os.umask(0)
os.umask(_UMASK)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut.

    Raises:
        OSError: the folder cannot be synced.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def move_aside(path: str | os.PathLike[str]) -> Path:
    """Rename a damaged file next to where it was, and say so in the log.

    Returns:
        The new path, ``<name>.damaged-<time>``.

    Raises:
        OSError: it could not be renamed.
    """
    source = Path(path)
    target = source.with_name(f"{source.name}.damaged-{file_stamp()}")
    os.rename(source, target)
    _log.warning(
        "%s is damaged; it is kept as %s", source, target.name,
        extra=about("moving a damaged file aside", path=source, kept_as=target),
    )  # fmt: skip
    return target


@contextmanager
def flocked(fd: int, operation: int = LOCK_EX) -> Iterator[None]:
    """Hold the lock of an open file for a block."""
    # The lock is taken inside `try`: an interrupt right after it must still release it.
    try:
        flock(fd, operation)
        yield
    finally:
        flock(fd, LOCK_UN)
