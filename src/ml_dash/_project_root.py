"""The root of a project: the nearest folder that says so."""

from __future__ import annotations

import logging
from pathlib import Path

from ml_dash._base import console
from ml_dash.exceptions import ConfigurationError

_log = logging.getLogger("ml_dash")
PROJECT_ROOT_FILES = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg")
"""A folder that holds one of these is the root of a project."""


def find_project_root(start: str | Path | None = None, verbose: bool = False) -> str:
    """Return the nearest folder above a file or folder that looks like a project's root.

    Args:
        start: Where to begin; the working directory when omitted.
        verbose: Say on the console where it looks.

    Returns:
        The folder; the working directory when there is none.
    """
    try:
        return find_project_root_or_raise(start, verbose)
    except ConfigurationError as error:
        _log.debug("%s The working directory counts", error)
        return str(Path.cwd())


def find_project_root_or_raise(start: str | Path | None = None, verbose: bool = False) -> str:
    """Return the nearest folder above a file or folder that looks like a project's root.

    Args:
        start: Where to begin; the working directory when omitted.
        verbose: Say on the console where it looks.

    Raises:
        ConfigurationError: no folder from there up does.

    .. versionadded:: 0.7
    """
    here = (Path(start) if start else Path.cwd()).resolve()
    for folder in [here, *here.parents] if here.is_dir() else here.parents:
        if verbose:
            console.say(f"Looking for a project in {folder}")
        if any((folder / name).exists() for name in PROJECT_ROOT_FILES):
            return str(folder)
    raise ConfigurationError(
        f"No folder from {here} up looks like a project's root",
        context={"start": str(here)},
        hint=f"Give the root one of {', '.join(PROJECT_ROOT_FILES)}",
    )
