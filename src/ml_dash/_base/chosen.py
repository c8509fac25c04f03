"""Which flags are in force here: what the code, the environment and pyproject.toml choose."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from ml_dash._base.attribution import warn_user
from ml_dash._base.choices import Choice, Flags, Layer, parse, resolve
from ml_dash._base.facts import about
from ml_dash._base.settings import FUTURE, FUTURE_STRICT, read_bool
from ml_dash.exceptions import ConfigurationError, RecoverableWarning
from ml_dash.flags import RELEASE, RELEASES

_log = logging.getLogger("ml_dash.deprecation")
_PYPROJECT = "pyproject.toml"

code: list[Choice] = []
"""What the program chose for all of its process."""
scoped: ContextVar[tuple[Choice, ...]] = ContextVar("ml_dash_future", default=())
"""What it chose for the block that is running."""
_told: set[str] = set()


def flags(given: str | Iterable[str] | None = None) -> Flags:
    """Return what holds now, for an object that is being built.

    Args:
        given: What the object was told; it counts more than all else.

    Raises:
        ConfigurationError: the code names an unknown flag, or asks for behaviour that is gone.
    """
    said = [] if given is None else [Layer("future=", parse(given))]
    said += [Layer("ml_dash.future.override()", scoped.get())]
    said += [Layer("ml_dash.future", tuple(code))]
    around = [_environment(), _pyproject()]
    resolved = resolve([*said, *around], _running(around[0]))
    for problem in resolved.refused:
        if problem.context["source"] not in [layer.source for layer in around]:
            raise problem
        _tell_once(str(problem))
    return resolved


def _running(environment: Layer) -> str:
    """Return the release that runs; a later one that the environment wants to preview counts."""
    return max(RELEASE, environment.release or RELEASE, key=RELEASES.index)


def _environment() -> Layer:
    try:
        strict = read_bool(FUTURE_STRICT, False)
    except ConfigurationError as error:
        _tell_once(str(error))
        strict = False
    if strict:
        return Layer(FUTURE_STRICT, parse("1.0"))
    return Layer(FUTURE, _known(os.environ.get(FUTURE, ""), FUTURE))


def _pyproject() -> Layer:
    for folder in _starts():
        for place in (folder, *folder.parents):
            path = place / _PYPROJECT
            try:
                facts = path.stat()
            except OSError:  # not there, or not ours to see: look further up
                continue
            wanted = _read(path, facts.st_mtime_ns, facts.st_size)
            if wanted is not None:
                return Layer(f"{path}", _known(wanted, str(path)))
            break
    return Layer(_PYPROJECT, ())


def _starts() -> list[Path]:
    """Return where the application may live: the working directory, then its script's folder."""
    try:
        found = [Path.cwd()]
    except OSError:  # the directory is gone
        found = []
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    return [*found, Path(script).resolve().parent] if script else found


@lru_cache(maxsize=8)
def _read(path: Path, _mtime_ns: int, _size_bytes: int) -> Any:
    """Return ``[tool.ml-dash] future`` of a file; None if it does not say."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        text = path.read_text("utf-8")
        if "ml-dash" not in text:
            return None
        tool = tomllib.loads(text).get("tool", {}).get("ml-dash", {})
    except (OSError, ValueError) as error:  # ValueError: no TOML, or no UTF-8
        _tell_once(f"[tool.ml-dash] in {path} is not heard; the file is unreadable: {error}")
        return None
    return tool.get("future")


def _known(given: Any, source: str) -> tuple[Choice, ...]:
    """Read a choice from outside the code: what is unknown there is told, and passed over."""
    parts = given.replace(",", " ").split() if isinstance(given, str) else given
    if not isinstance(parts, list):
        _tell_once(f"{source} chooses {given!r}, which is no text and no list; it is not heard")
        return ()
    found: list[Choice] = []
    for part in parts:
        try:
            found += parse([part])
        except ConfigurationError as error:
            _tell_once(f"{source} is not heard in one part: {error}")
    return tuple(found)


def _tell_once(message: str) -> None:
    if message in _told:
        return
    _told.add(message)
    _log.warning(message, extra=about("reading a choice of flags"))
    warn_user(message, RecoverableWarning)
