"""The right to deliver a run: one process at a time, given back by the kernel when it dies."""

from __future__ import annotations

import os
from pathlib import Path

from ml_dash._base.fork import reset_in_child
from ml_dash._base.fsio import LOCK_EX, LOCK_NB, flock

_NOT_OPEN = -1


class Lease:
    """A lock between processes.

    Args:
        path: Its file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _NOT_OPEN
        reset_in_child(self)

    @property
    def is_held(self) -> bool:
        """Whether this process has it."""
        return self._fd != _NOT_OPEN

    def take(self) -> bool:
        """Take it if nobody else has it; tell whether this process has it now.

        Raises:
            OSError: the file cannot be opened.
        """
        if self.is_held:
            return True
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def give_back(self) -> None:
        """Let others have it."""
        if self.is_held:
            os.close(self._fd)
            self._fd = _NOT_OPEN

    def reset_after_fork(self) -> None:
        """Leave the lock to the parent: closing the child's copy does not unlock."""
        self.give_back()
