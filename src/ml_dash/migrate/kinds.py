"""Kinds: what is known of a value of a program without running it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

_DEEP: Final = 4


class Kind(NamedTuple):
    """What a value is.

    Attributes:
        form: ``object``, ``class``, ``module``, ``function``, ``each`` (lists and what else can be
            looped over), ``map`` (dictionaries), ``tuple``, ``entered`` (what ``with`` opens) or
            ``none``.
        name: Of an object its class, of a class, a module and a function of the project their own.
            Names of the project have a ``:``.
        of: What it holds or gives.
        optional: Whether it may be None as well.
    """

    form: str
    name: str = ""
    of: tuple[Kind | None, ...] = ()
    optional: bool = False


Known = Kind | None
"""None stands for a value of which nothing is known."""

NONE: Final = Kind("none")


def thing(name: str) -> Kind:
    """Return the kind of an object of a class."""
    return Kind("object", name)


def giving(kind: Known) -> Kind:
    """Return the kind of a function that gives something."""
    return Kind("function", of=(kind,))


def many(kind: Known) -> Kind:
    """Return the kind of a list."""
    return Kind("each", of=(kind,))


def join(first: Known, second: Known) -> Known:
    """Return what is known of a value that is one of two."""
    if first is None or second is None:
        return None
    if first.form == "none":
        return second if second.form == "none" else second._replace(optional=True)
    if second.form == "none":
        return first._replace(optional=True)
    optional = first.optional or second.optional
    if first.form == second.form and first.form in ("each", "map"):
        return Kind(first.form, of=(_held(first.of[0], second.of[0]),), optional=optional)
    if first._replace(optional=optional) == second._replace(optional=optional):
        return first._replace(optional=optional)
    return None


def _held(first: Known, second: Known) -> Known:
    # An empty list holds None, which says nothing of what comes into it.
    if first is not None and first.form == "none":
        return second
    if second is not None and second.form == "none":
        return first
    return join(first, second)


def join_all(kinds: Iterable[Known]) -> Known:
    """Return what is known of a value that is one of some; of none of them, :data:`NONE`."""
    found: Known = NONE
    for number, kind in enumerate(kinds):
        found = kind if not number else join(found, kind)
    return found


def shallow(kind: Known, depth: int = _DEEP) -> Known:
    """Return a kind without what lies too deep: kinds that hold themselves come to an end."""
    if kind is None or not kind.of:
        return kind
    if not depth:
        return None
    return kind._replace(of=tuple(shallow(inner, depth - 1) for inner in kind.of))


def element(kind: Known) -> Known:
    """Return what a loop over a value gives."""
    if kind is None:
        return None
    if kind.form == "each":
        return kind.of[0]
    return join_all(kind.of) if kind.form == "tuple" and kind.of else None
