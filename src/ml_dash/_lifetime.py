"""Runs that are open when the process ends: closed at exit, and marked when it is terminated."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

from ml_dash._base.facts import about
from ml_dash._base.policy import failure_of, handle_errors

_log = logging.getLogger("ml_dash")
COMPLETED, FAILED, CANCELLED = "COMPLETED", "FAILED", "CANCELLED"


class Closeable(Protocol):
    """An open run."""

    def _close(self, status: str, error: BaseException | None = None) -> None: ...

    def _terminate(self, status: str, error: dict[str, str]) -> None: ...


_open: dict[int, Closeable] = {}
_owner = os.getpid()
_installed = False
_registered = False


def opened(run: Closeable) -> None:
    """Close this run when the process ends, unless it is closed before."""
    global _owner, _registered
    if _owner != os.getpid():
        _open.clear()
        _owner = os.getpid()
    _open[id(run)] = run
    if not _registered:
        atexit.register(_at_exit)
        _registered = True
    _watch_sigterm()


def closed(run: Closeable) -> None:
    """Forget a run that has been closed."""
    _open.pop(id(run), None)
    if not _open:
        _unwatch_sigterm()


def describe(error: BaseException | None, status: str) -> dict[str, str] | None:
    """Return type and text of the exception that ended a run, as kept with it."""
    if error is None or status == COMPLETED:
        return None
    return {"type": type(error).__name__, "message": str(error)}


def tell_unchanged(folder: Path, ended_as: str | None, status: str) -> None:
    """Say that a run is not open, so that it does not get the status that it is given."""
    if ended_as is None:
        _log.warning(
            "%s is not open, so it is not marked %s", folder, status,
            extra=about("ending a run", run=folder, status=status),
        )  # fmt: skip
    elif ended_as != status:
        _log.warning(
            "%s has ended as %s and stays so; it is not marked %s", folder, ended_as, status,
            extra=about("ending a run", run=folder, status=status, ended_as=ended_as),
        )  # fmt: skip


def _at_exit() -> None:
    if _owner != os.getpid():
        return
    # The interpreter keeps an exception that nobody caught here before it runs exit hooks.
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    status = FAILED if error is not None else COMPLETED
    _each_of_the_open(lambda run: run._close(status, error), "closing a run at exit")


def _each_of_the_open(end: Callable[[Closeable], None], doing: str) -> None:
    """End every open run, the latest first, whatever the others meet; then tell what they met."""
    runs = reversed(list(_open.values()))
    failures = [failure_of(partial(end, run)) for run in runs]
    handle_errors([(failure, doing) for failure in failures if failure is not None])


def _watch_sigterm() -> None:
    global _installed
    if _installed or threading.current_thread() is not threading.main_thread():
        return
    # A handler of the application's own comes first: it will end in an exit, hence in _at_exit.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)
        _installed = True


def _unwatch_sigterm() -> None:
    global _installed
    if not _installed or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _installed = False


def _on_sigterm(signum: int, _frame: FrameType | None) -> None:
    """Note the end with each run, then end as if nobody had listened."""
    try:
        if _owner == os.getpid():
            error = {"type": "SIGTERM", "message": "the process was terminated by a signal"}
            _each_of_the_open(
                lambda run: run._terminate(CANCELLED, error), "closing a run at termination"
            )
    finally:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
