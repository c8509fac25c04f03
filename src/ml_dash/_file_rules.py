"""What ``files()`` takes, and how it answers when the list of files is unreadable."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ml_dash._base import deprecate
from ml_dash.exceptions import CorruptDataError, FileReadError, InvalidValueError, UsageError

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

OPTIONS = (
    "prefix", "description", "tags", "bindrs", "metadata", "file_id", "file_path", "dest_path",
)  # fmt: skip
T = TypeVar("T")


def answer(
    experiment: Experiment, asked: str, empty: Callable[[], T], read: Callable[[], T]
) -> T:
    """Return what ``read`` finds; 0.6's empty answer when the list of files is unreadable."""
    return deprecate.answer(
        experiment._rules,
        asked,
        empty,
        read,
        lambda error: isinstance(error, (CorruptDataError, FileReadError)),
    )


def known_options(rules: deprecate.Rules, given: dict[str, Any]) -> dict[str, Any]:
    """Drop unknown options of ``files()`` as 0.6 did, with a word about each.

    Raises:
        UsageError: there is one, from 0.9 on.
        InvalidValueError: the tags are no list.
    """
    for name in given.keys() - set(OPTIONS):
        near = difflib.get_close_matches(name, OPTIONS, n=1)
        error = UsageError(
            f"files() has no option {name!r}",
            hint=f"Did you mean {near[0]!r}?" if near else "Remove it",
            context={"argument": name},
        )
        deprecate.refuse(rules, "files", error)
    if given.get("tags") is not None and not isinstance(given["tags"], (list, tuple, set)):
        raise InvalidValueError(f"tags is {given['tags']!r}", hint="Give a list of texts")
    return {name: value for name, value in given.items() if name in OPTIONS}
