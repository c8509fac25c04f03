"""What the user is told while a disk refuses writes: once, at every tenfold, at the end."""

from __future__ import annotations

import errno
import logging
import os
import time
from pathlib import Path

from ml_dash.exceptions import DataLossError, LocalWriteError, ShutdownIncompleteError

_log = logging.getLogger("ml_dash.store")

_HINTS = {
    errno.ENOSPC: "Free space on that file system; writing goes on by itself",
    errno.EDQUOT: "Free space within your quota; writing goes on by itself",
    errno.EROFS: "Make that file system writable; writing goes on by itself",
    errno.EACCES: "Give this process write permission there; writing goes on by itself",
    errno.EPERM: "Give this process write permission there; writing goes on by itself",
    errno.EMFILE: "Close files or raise the limit (ulimit -n); writing goes on by itself",
    errno.ENFILE: "The machine has too many open files; writing goes on when some are closed",
    errno.EFBIG: "Wait for delivery, or raise ML_DASH_SPOOL_MAX_BYTES; writing goes on by itself",
    errno.ENOENT: "The folder is gone or cannot be made: check the path",
}


def hint_for(error: OSError) -> str:
    """Say what to do about a refused write."""
    return _HINTS.get(error.errno or 0, "Check the disk; writing is tried again at the next call")


def write_error(error: OSError, path: Path, what: str, kept: str) -> LocalWriteError:
    """Make the typed error for a refused write."""
    reason = error.strerror or str(error)
    return LocalWriteError(
        f"Cannot write {what} to {path}: {reason}",
        context={"path": str(path), "errno": error.errno, "operation": what},
        kept=kept,
        hint=hint_for(error),
        cause=error,
    )


def lost_error(left: int, by_kind: dict[str, int], folder: Path) -> ShutdownIncompleteError:
    """Make the typed error for records that are lost with their process."""
    return ShutdownIncompleteError(
        f"{left} accepted records could not be written to {folder} before the run closed; they "
        "are lost when this process ends",
        context={"path": str(folder), "count": left, "by_kind": by_kind},
        kept="everything accepted before the disk refused is in the folder",
        hint="Make the disk writable and call flush() on this run before the process ends",
    )


def waiting_error(waiting: int, folder: Path) -> DataLossError:
    """Make the typed error for records that a flush could not write."""
    return DataLossError(
        f"{waiting} records are still not written to {folder}",
        context={"path": str(folder), "count": waiting},
        kept="they wait in memory",
        hint="Make the disk writable; they are written at the next call, flush() or close",
    )


def records_wait(count: int) -> str:
    """Say how many records wait."""
    return "1 record waits" if count == 1 else f"{count} records wait"


class Outage:
    """Counts failures since the last success and says which of them deserve a message."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._began_at = 0.0

    def count(self, what: str) -> bool:
        """Count one more; True for the 1st, 10th, 100th ... of its kind."""
        if not self._counts:
            self._began_at = time.monotonic()
        number = self._counts[what] = self._counts.get(what, 0) + 1
        return str(number).strip("0") == "1"

    def total(self, what: str) -> int:
        """Return how many of a kind were counted in this outage."""
        return self._counts.get(what, 0)

    def over(self, written: int, folder: Path) -> None:
        """Say that writing works again."""
        if self._counts:
            _log.warning(
                "Writing to %s works again after %.1f s; %d records that waited are on disk",
                folder,
                time.monotonic() - self._began_at,
                written,
                extra={"ml_dash_written": written, "ml_dash_pid": os.getpid()},
            )
        self._counts = {}
