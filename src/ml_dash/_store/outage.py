"""What the user is told while a disk refuses writes: once, at every tenfold, at the end."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import Counter
from pathlib import Path

from ml_dash._base.facts import about
from ml_dash.exceptions import LocalWriteError, MLDashError, ShutdownIncompleteError

_log = logging.getLogger("ml_dash.store")

_HINTS = {
    errno.ENOSPC: "Free space on that file system; writing goes on by itself",
    errno.EDQUOT: "Free space within your quota; writing goes on by itself",
    errno.EROFS: "Make that file system writable; writing goes on by itself",
    errno.EACCES: "Give this process write permission there; writing goes on by itself",
    errno.EPERM: "Give this process write permission there; writing goes on by itself",
    errno.EMFILE: "Close files or raise the limit (ulimit -n); writing goes on by itself",
    errno.ENFILE: "The machine has too many open files; writing goes on when some are closed",
    errno.EFBIG: "Raise the limit (ulimit -f, of a spool ML_DASH_SPOOL_MAX_BYTES); a spool also "
    "shrinks by delivery. Writing goes on by itself",
    errno.ENOENT: "The folder is gone or cannot be made: check the path",
}


def hint_for(error: OSError) -> str:
    """Say what to do about a refused write."""
    return _HINTS.get(error.errno or 0, "Check the disk; writing is tried again at the next call")


def write_error(error: OSError, path: Path, what: str, kept: str) -> LocalWriteError:
    """Make the typed error for a refused write."""
    reason = error.message if isinstance(error, MLDashError) else error.strerror or str(error)
    return LocalWriteError(
        f"Cannot write {what} to {path}: {reason}",
        context={"path": str(path), "errno": error.errno, "operation": what},
        kept=kept,
        hint=hint_for(error),
        cause=error,
    )


def still_waiting(counts: Counter[str], folder: Path, refusal: Exception) -> LocalWriteError:
    """Make the error of a flush that could not write everything."""
    cause = refusal.__cause__ if isinstance(refusal.__cause__, OSError) else OSError()
    error = write_error(cause, folder, f"{counted(counts.total(), 'record')} from memory", "")
    error.context |= _where(counts, folder)
    error.kept = "they wait in memory"
    return error


def left_behind(counts: Counter[str], folder: Path) -> ShutdownIncompleteError:
    """Make the error of a close that could not write everything."""
    return ShutdownIncompleteError(
        f"{counted(counts.total(), 'accepted record')} could not be written to {folder} before "
        "the run closed; what cannot be written is lost when this process ends",
        context=_where(counts, folder),
        kept="everything accepted before the disk refused is in the folder",
        hint="Make the disk writable and call flush() on this run before the process ends",
    )


def _where(counts: Counter[str], folder: Path) -> dict[str, object]:
    return {"path": str(folder), "count": counts.total(), "by_kind": dict(+counts)}


def counted(number: int, what: str) -> str:
    """Say how many there are of something, as in "1 record" and "2 records"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
                "Writing to %s works again after %.1f s; %s that had to wait now on disk", folder,
                time.monotonic() - self._began_at, counted(written, "record"),
                extra=about("writing", path=folder, count=written, pid=os.getpid()),
            )  # fmt: skip
        self._counts = {}
