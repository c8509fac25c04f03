"""Old answers: given as long as their flag says so, with a word about each place that gets one."""

from __future__ import annotations

import logging
import os
import shlex
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ml_dash._base import chosen
from ml_dash._base.attribution import (
    Site,
    is_installed,
    is_told_by_warning,
    user_site,
    warn_user,
)
from ml_dash._base.choices import Flags
from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode, current_mode, log_error
from ml_dash.exceptions import MLDashDeprecationWarning, MLDashError
from ml_dash.flags import LOCKED, OFF, ON, RELEASES, Api, Flag, api_of

_log = logging.getLogger("ml_dash.deprecation")
T = TypeVar("T")
F = TypeVar("F")


@dataclass(frozen=True, eq=False)
class Rules:
    """What an object was built with: which behaviour it shows, and what errors become.

    Attributes:
        flags: The flags in force for it.
        mode: Its error mode.
    """

    flags: Flags
    mode: ErrorHandlingMode

    def new(self, flag: Flag | str) -> bool:
        """Return whether the new behaviour of a flag holds; in strict mode it always does."""
        return self.flags[flag].on or self.mode is ErrorHandlingMode.STRICT


def rules(
    future: str | Iterable[str] | None = None, mode: str | ErrorHandlingMode | None = None
) -> Rules:
    """Return the rules for an object that is being built.

    Args:
        future: The flags or release that it was told.
        mode: The error mode that it was told.

    Raises:
        ConfigurationError: one of the two names nothing known.
    """
    flags = chosen.flags(future)
    return Rules(flags, current_mode(mode, flags))


def anything(_error: MLDashError) -> bool:
    """Return True: 0.6 hid whatever happened."""
    return True


def answer(
    rules: Rules,
    name: str,
    old: Callable[[], T],
    call: Callable[[], T],
    hidden: Callable[[MLDashError], bool] = anything,
) -> T:
    """Return what ``call`` finds or, as long as the flag says so, what 0.6 said when it failed.

    Args:
        rules: Of the object that is asked.
        name: The public name, a row of the flag table.
        old: Makes 0.6's answer.
        call: The sibling that raises.
        hidden: Which errors 0.6 hid; the others are raised.

    Raises:
        MLDashError: what ``call`` raises, if 0.6 did not hide it or the new behaviour holds.
    """
    try:
        return call()
    except MLDashError as error:
        if not hidden(error) or rules.new(api_of(name)[0]):
            raise
        told(rules, name, error)
        return old()


def refuse(rules: Rules, name: str, error: MLDashError) -> None:
    """Raise ``error``, or let the call go on as in 0.6 and say so.

    Raises:
        MLDashError: ``error``, if the new behaviour holds.
    """
    if rules.new(api_of(name)[0]):
        raise error
    told(rules, name, error)


@dataclass(eq=False)
class Use:
    """A line of code that got old behaviour.

    Attributes:
        flag: The flag's id.
        api: The public name.
        site: The line.
        raises: The class of what was hidden, and is raised from the flip on.
        message: What was hidden, the first time.
        count: How often, in this process.
        rules: Of the object that showed it, the last time.
        noted: The folder of the run that has it in its ``deprecations.jsonl``.
    """

    flag: str
    api: str
    site: Site
    raises: str
    message: str
    count: int = 0
    rules: Rules | None = field(default=None, repr=False)
    noted: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the use as ``deprecations.jsonl`` has it."""
        return {
            "id": self.flag, "api": self.api, "file": self.site.file, "line": self.site.line,
            "count": self.count, "raises": self.raises, "message": self.message,
        }  # fmt: skip


Listener = Callable[[Use], None]
_uses: dict[tuple[Any, ...], Use] = {}
_listeners: dict[Rules, list[Listener]] = {}
_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def told(rules: Rules, name: str, error: MLDashError) -> None:
    """Say that old behaviour was shown: counted always, warned of once for each line of code."""
    flag, api = api_of(name)
    log_error(error, f"answering {api.name} as in 0.6", _level_of_repeats())
    if rules.flags[flag].stage == OFF:
        return
    use = _counted(rules, flag, api, error)
    if use.count == 1:
        _say(use, flag, api, rules.flags.release, error)


def _level_of_repeats() -> int:
    # Without logging set up, Python prints each record with its traceback: once a line is enough.
    return logging.WARNING if _log.hasHandlers() else logging.INFO


def _counted(rules: Rules, flag: Flag, api: Api, error: MLDashError) -> Use:
    site = user_site()
    raises = type(error).__name__
    subject = error.context.get("key") or error.context.get("argument")
    fresh = Use(flag.id, api.name, site, raises, error.message)
    with _lock:
        use = _uses.setdefault((api.name, site, raises, subject), fresh)
        use.count += 1
        use.rules = rules
        listeners = _listeners.get(rules) or [each for all_ in _listeners.values() for each in all_]
    for listener in listeners:
        listener(use)
    return use


def _say(use: Use, flag: Flag, api: Api, release: str, error: MLDashError) -> None:
    why = str(error).rstrip(".")
    text = notice(flag, api, release)
    stop = "" if why.endswith("?") else "."
    message = f"{text} Here it would raise {use.raises}: {why}{stop} {remedy(use, api)}"
    # Logged before it is warned of: a filter may turn the warning into an error.
    if not is_told_by_warning(_log, MLDashDeprecationWarning, message, use.site):
        _log.warning(
            "%s: %s", use.site, message,
            extra={**about("answering as 0.6 did", error, file=use.site.file, line=use.site.line),
                   "ml_dash_flag": flag.id, "ml_dash_api": api.name},
        )  # fmt: skip
    from ml_dash._base import deprecated_warnings

    gone = flag.stage(release) == LOCKED
    warn_user(
        *deprecated_warnings.warning(message, api.name, flag.since(LOCKED), gone), site=use.site
    )


def notice(flag: Flag, api: Api, release: str) -> str:
    """Return the line that users see: what happens here, what will happen, what to do."""
    flips = flag.since(ON)
    near = RELEASES.index(flips) == RELEASES.index(release) + 1
    when = f"from the next release on ({flips})" if near else f"from {flips} on"
    return (
        f"{flag.id} ({flag.name}): {api.name} {api.old} here, as in 0.6; {when} it raises "
        f"{' or '.join(api.raises)}. To be ready, {api.advice}; see {flag.anchor}."
    )


def remedy(use: Use, api: Api) -> str:
    """Return the end of a message: the command that fixes the line, or lists it."""
    if is_installed(use.site.file):
        return "It is in an installed package: tell its authors. To list it: ml-dash migrate report"
    file = shlex.quote(use.site.file) if os.path.isfile(use.site.file) else "."
    command = f"ml-dash migrate fix {file}"
    if api.by_value and use.noted:  # the code alone does not show it
        command += f" --from {shlex.quote(use.noted)}"
    return f"To fix it: {command}"


def uses(rules: Rules | None = None) -> list[Use]:
    """Return the lines that got old behaviour in this process, of some rules or of all."""
    with _lock:
        return [use for use in _uses.values() if rules is None or use.rules is rules]


def listen(rules: Rules, listener: Listener) -> None:
    """Tell ``listener`` each use under these rules; uses of nobody's rules go to all."""
    with _lock:
        _listeners.setdefault(rules, []).append(listener)


def unlisten(rules: Rules, listener: Listener) -> None:
    """Tell it nothing more."""
    with _lock:
        _listeners[rules].remove(listener)
        if not _listeners[rules]:
            del _listeners[rules]


def forget() -> None:
    """Forget all uses, for tests."""
    with _lock:
        _uses.clear()


def changes(name: str) -> Callable[[F], F]:
    """Mark a function whose answer a flag changes, and say so in its docstring.

    Args:
        name: Its row of the flag table.
    """
    flag, api = api_of(name)

    def mark(func: F) -> F:
        note = (
            f".. deprecated:: {flag.since('warn')}\n"
            f"   From {flag.since(ON)} on it raises where 0.6 {api.old} ({flag.id}); "
            f"{api.advice}. To fix your calls: ``ml-dash migrate fix``"
        )
        func.__doc__ = f"{(func.__doc__ or '').rstrip()}\n\n{note}\n"
        func.__ml_dash_api__ = name  # type: ignore[attr-defined]
        return func

    return mark
