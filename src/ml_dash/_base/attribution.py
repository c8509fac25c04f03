"""Whose line a warning is about: the user's, never ours or the standard library's."""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

_PACKAGE_DIR = str(Path(__file__).resolve().parent.parent) + os.sep
_STDLIB_DIR = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


@dataclass(frozen=True)
class Site:
    """A line of code.

    Attributes:
        file: Its file; ``<unknown>`` if nothing but ml-dash and Python itself is running.
        line: Its number, from 1.
        module: The name of its module. Never None: Python drops a warning without one.
    """

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def user_frame() -> FrameType | None:
    """Return the innermost frame that is neither ours nor the standard library's.

    A thread pool, a task or an exit stack that calls us is passed over; where nothing else is
    running (a method of ours given to a pool as it is), it is what counts.
    """
    outside: FrameType | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE_DIR):
            outside = outside or frame
            if not _is_python_itself(file):
                return frame
        frame = frame.f_back
    return outside


_for_whom: ContextVar[Site | None] = ContextVar("ml_dash_for_whom", default=None)


def work_for(site: Site) -> None:
    """Say for which line of the user's this thread of ours works, from now on."""
    _for_whom.set(site)


def user_site() -> Site:
    """Return the user's line that is being run, or that a thread of ours works for."""
    frame, asked = user_frame(), _for_whom.get()
    if asked is not None and (frame is None or _is_python_itself(frame.f_code.co_filename)):
        return asked
    if frame is None:
        return Site("<unknown>", 0, "<unknown>")
    file = frame.f_code.co_filename
    return Site(file, frame.f_lineno, str(frame.f_globals.get("__name__") or file))


def warn_user(message: str | Warning, category: type[Warning], site: Site | None = None) -> None:
    """Warn, attributed to the user's line, and never folded by Python's once-per-place rule."""
    at = site or user_site()
    registry: dict[Any, Any] = {}
    warnings.warn_explicit(message, category, at.file, at.line, at.module, registry)


_SHOWING = frozenset({"default", "always", "all", "module"})
"""What filters do to show a warning; ``error`` may end anywhere, ``once`` forgets repeats."""


def is_told_by_warning(
    log: logging.Logger, category: type[Warning], message: str, site: Site
) -> bool:
    """Return whether a record would only repeat on stderr what a warning shows there.

    That is so where no logging is set up, and Python's filters do not hide the warning.

    Args:
        log: The logger of the record.
        category: The class of the warning.
        message: Its text.
        site: The line that it is about.
    """
    if log.hasHandlers():
        return False
    for action, text, kind, module, line in warnings.filters:
        if (
            (text is None or _matches(text, message))
            and issubclass(category, kind)
            and (module is None or _matches(module, site.module))
            and line in (0, site.line)
        ):
            return action in _SHOWING
    return True


def _matches(pattern: Any, text: str) -> bool:
    return pattern == text if isinstance(pattern, str) else pattern.match(text) is not None


def is_installed(file: str) -> bool:
    """Return whether a file is one of an installed package, which is not the user's to change."""
    return any(place in file for place in _INSTALLED)


def _is_python_itself(file: str) -> bool:
    return file.startswith("<frozen") or (file.startswith(_STDLIB_DIR) and not is_installed(file))
