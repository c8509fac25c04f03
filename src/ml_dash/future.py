"""Behaviour that changes between 0.6 and 1.0: choose it, explain it, find what depends on it.

Each change is a *flag*, listed in MIGRATION.md. The release decides unless somebody chooses, and of
several who do, the first of these is heard: an object (``Experiment(future=...)``), this module,
the environment (``ML_DASH_FUTURE``), ``[tool.ml-dash] future`` in the application's pyproject.toml.
A choice is a release, names of flags, or both: ``"0.9"``, ``"lookups_raise"``,
``"0.9,-cli_exit_codes"``. ``ML_DASH_FUTURE_STRICT=1`` is ``ML_DASH_FUTURE=1.0``.

Choices are read when an experiment or a client is built.

Example:
    >>> import ml_dash
    >>> with ml_dash.future.override("lookups_raise"):
    ...     ml_dash.future.is_on("lookups_raise")
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ml_dash._base import chosen, console, deprecate
from ml_dash._base.choices import Setting, parse, unknown
from ml_dash.flags import LOCKED, ON, WARN, flag_named

__all__ = [
    "disable", "enable", "explain", "is_on", "override", "report", "reset", "settings", "uses",
]  # fmt: skip


def enable(*names: str) -> None:
    """Choose new behaviour for all that this process builds from now on.

    Args:
        *names: Flags, or a release whose behaviour is wanted.

    Raises:
        ConfigurationError: a name is no flag and no release; nothing is chosen.
    """
    _choose(names)


def disable(*names: str) -> None:
    """Choose old behaviour for all that this process builds from now on.

    Args:
        *names: Flags.

    Raises:
        ConfigurationError: a name is no flag, or its old behaviour is gone; nothing is chosen.
    """
    _choose(tuple(f"-{name.lstrip('-')}" for name in names))


def _choose(words: tuple[str, ...]) -> None:
    before = list(chosen.code)
    chosen.code += parse(words)
    try:
        chosen.flags()
    except BaseException:
        chosen.code[:] = before
        raise


def reset() -> None:
    """Forget what :func:`enable` and :func:`disable` chose."""
    chosen.code.clear()


@contextmanager
def override(*names: str) -> Iterator[None]:
    """Choose behaviour for what is built inside a block; threads started there are not included.

    Args:
        *names: Flags, with ``-`` in front for old behaviour, or a release.

    Raises:
        ConfigurationError: a name is no flag and no release, or its old behaviour is gone.
    """
    token = chosen.scoped.set((*chosen.scoped.get(), *parse(names)))
    try:
        chosen.flags()
        yield
    finally:
        chosen.scoped.reset(token)


def settings(future: str | list[str] | None = None) -> list[Setting]:
    """Return what holds for each flag here.

    Args:
        future: As for ``Experiment(future=...)``.

    Raises:
        ConfigurationError: it names no flag and no release.
    """
    return list(chosen.flags(future))


def is_on(name: str) -> bool:
    """Return whether the new behaviour of a flag holds here.

    Args:
        name: The flag's name or id.

    Raises:
        ConfigurationError: there is no such flag.
    """
    flag = flag_named(name)
    if flag is None:
        raise unknown(name)
    return chosen.flags()[flag].on


def explain() -> None:
    """Print each flag: what holds here, who decided, who was not heard, when it changes."""
    for setting in settings():
        console.write_out(_line(setting))


def _line(setting: Setting) -> str:
    flag = setting.flag
    ignored = f", not {', '.join(setting.overridden)}" if setting.overridden else ""
    return (
        f"{flag.id} {flag.name:<18} {'new' if setting.on else 'old'} "
        f"(by {setting.source}{ignored}); since {flag.since(WARN)}, flips in {flag.since(ON)}, "
        f"locked in {flag.since(LOCKED)}"
    )


def uses() -> list[dict[str, Any]]:
    """Return the lines of code that got old behaviour in this process.

    Returns:
        For each ``id`` (the flag's), ``api``, ``file``, ``line``, ``count``, ``raises`` (what is
        raised from the flip on) and ``message`` (what was hidden, the first time).
    """
    return [use.facts() for use in deprecate.uses()]


def report() -> None:
    """Print the lines of code that got old behaviour in this process."""
    found = uses()
    for use in found:
        console.write_out(
            f"{use['file']}:{use['line']}: {use['id']} {use['api']}, {use['count']} times, "
            f"would raise {use['raises']}"
        )
    if not found:
        console.write_out("No line of this process got behaviour that changes.")
