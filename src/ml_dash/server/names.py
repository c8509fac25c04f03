"""Names and texts that clients send: what is taken, and what is refused with a reason."""

from __future__ import annotations

import unicodedata
from typing import Any

from ml_dash.server.errors import TooLargeError, UnfitError

LONGEST_NAME = 500
LONGEST_LABEL = 200
LONGEST_TEXT = 100_000
MOST_TAGS = 1000
_CONTROL = r"\x00-\x1f\x7f-\x9f"
STEPS: dict[str, Any] = {"pattern": rf"^[^{_CONTROL}]*[^/\\.\s{_CONTROL}][^{_CONTROL}]*$"}
"""What OpenAPI is told of names that :func:`checked_name` takes with slashes."""
ONE_STEP: dict[str, Any] = {"pattern": rf"^[^/{_CONTROL}]*[^/.\s{_CONTROL}][^/{_CONTROL}]*$"}
"""What it is told of the others."""


def checked_name(name: str, what: str, *, slashes: bool = False) -> str:
    """Return a name that can be stored and shown, and cannot be taken for a path out of its place.

    Raises:
        UnfitError: it is empty, has control characters, or is a step of a path.
        TooLargeError: it is too long.
    """
    if len(name) > LONGEST_NAME:
        raise TooLargeError(
            f"The name of the {what} has {len(name)} characters, more than {LONGEST_NAME}",
            context={"length": len(name), "most": LONGEST_NAME},
        )
    if not name.strip():
        raise UnfitError(f"The {what} has no name")
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise UnfitError(f"The name of the {what} has control characters", context={"name": name})
    steps = name.replace("\\", "/").split("/") if slashes else [name]
    if not slashes and "/" in name:
        raise UnfitError(f"The name of the {what} has a slash", context={"name": name})
    if any(step in (".", "..") for step in steps):
        raise UnfitError(f"The name of the {what} steps out of its place", context={"name": name})
    return name


def checked_tags(tags: list[str]) -> list[str]:
    """Return tags, each once, in the order in which they came.

    Raises:
        TooLargeError: there are too many.
    """
    if len(tags) > MOST_TAGS:
        raise TooLargeError(f"{len(tags)} tags are more than {MOST_TAGS}")
    return list(dict.fromkeys(tags))
