"""What ``Experiment(...)`` is given: old names, unknown names, wrong types."""

from __future__ import annotations

import difflib
import logging
import os
from enum import Enum
from pathlib import Path
from typing import Any

from ml_dash._base import deprecate
from ml_dash._base.settings import SPOOL_DIR
from ml_dash._record import codec
from ml_dash._record import prefix as prefixes
from ml_dash.exceptions import (
    InvalidValueError,
    NoBackendError,
    PrefixError,
    UsageError,
)
from ml_dash.run import RUN

_log = logging.getLogger("ml_dash")
DEFAULT_ROOT = ".dash"


class OperationMode(Enum):
    """Where an experiment records."""

    LOCAL = "local"
    REMOTE = "remote"
    HYBRID = "hybrid"


def operation_mode(url: str | None, root: str | Path | None) -> OperationMode:
    if url:
        return OperationMode.HYBRID if root else OperationMode.REMOTE
    if root is None:
        raise NoBackendError(
            "The experiment has neither a folder (dash_root) nor a server (dash_url)",
            hint="Give dash_root, dash_url, or both",
        )
    return OperationMode.LOCAL


def spool_root() -> Path:
    given = os.environ.get(SPOOL_DIR)
    if given:
        return Path(given)
    from platformdirs import user_state_path

    return user_state_path("ml-dash") / "spool"


def old_names(
    rules: deprecate.Rules, url: Any, root: Any, remote: Any, local_path: Any
) -> tuple[str | bool | None, str | Path | None]:
    """Take up the names of 0.5 for ``dash_url`` and ``dash_root``.

    Raises:
        UsageError: one was given, from 0.9 on.
    """
    for old, new, value in (
        ("remote", "dash_url", remote),
        ("local_path", "dash_root", local_path),
    ):
        if value is not None:
            error = UsageError(f"Experiment({old}=...) is now called {new}", hint=f"Write {new}=")
            deprecate.refuse(rules, f"Experiment.{old}", error)
    if remote is not None and url is None:
        url = remote
    if local_path is not None and root == DEFAULT_ROOT:
        root = local_path
    return url, root


def known_fields(rules: deprecate.Rules, given: dict[str, Any]) -> dict[str, Any]:
    """Drop unknown keywords as 0.6 did, with a word about each.

    Raises:
        UsageError: there is one, from 0.9 on.
    """
    # Not `dict(RUN)`: that has the methods as well.
    known = {name for name in RUN.__annotations__ if not name.startswith("_")}
    for name in given.keys() - known:
        options = [*known, "readme", "tags", "bindrs", "metadata", "dash_url", "dash_root",
                   "error_mode", "future", "echo", "prefix", "offline",
                   "on_delivery_error"]  # fmt: skip
        near = difflib.get_close_matches(name, options, n=1)
        error = UsageError(
            f"Experiment() has no argument {name!r}",
            hint=f"Did you mean {near[0]!r}?" if near else "Remove it",
            context={"argument": name},
        )
        deprecate.refuse(rules, "Experiment", error)
    return {name: value for name, value in given.items() if name in known}


def texts(what: str, given: Any) -> list[str] | None:
    if given is None:
        return None
    if isinstance(given, (list, tuple)) and all(isinstance(each, str) for each in given):
        return list(given)
    raise InvalidValueError(f"{what} is {given!r}", hint="Give a list of texts",
                            context={"argument": what})  # fmt: skip


def checked_metadata(given: Any) -> dict[str, Any] | None:
    if given is not None and not isinstance(given, dict):
        raise InvalidValueError(f"metadata is {given!r}", hint="Give a dictionary",
                                context={"argument": "metadata"})  # fmt: skip
    if given is not None:
        codec.encode(given)
    return given


def check_callback(given: Any) -> None:
    if given is not None and not callable(given):
        raise InvalidValueError(f"on_delivery_error is {given!r}", hint="Give a function",
                                context={"argument": "on_delivery_error"})  # fmt: skip


def check_prefix(rules: deprecate.Rules, prefix: str) -> None:
    """Refuse a prefix that leaves the root; warn of one that names no owner and project.

    Raises:
        PrefixError: it is no safe path or, from 0.9 on, names no owner and project.
    """
    if len(prefixes.check(prefix)) < 2:
        error = PrefixError(f"The prefix {prefix!r} names no owner or project",
                            hint="Write 'owner/project/name'")  # fmt: skip
        deprecate.refuse(rules, "Experiment.prefix", error)


def no_message(rules: deprecate.Rules) -> None:
    """Take ``log()`` without a message, as in 0.5.

    Raises:
        UsageError: from 0.9 on.
    """
    error = UsageError("log() has no message", hint="Use exp.logs.info(...)")
    deprecate.refuse(rules, "Experiment.log", error)
