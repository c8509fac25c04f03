"""What a script says about a metric or a track: its description, tags and metadata."""

from __future__ import annotations

import logging
from typing import Any

from ml_dash._base.facts import about
from ml_dash.exceptions import InvalidValueError

_log = logging.getLogger("ml_dash")


class Described:
    """What is said about one metric or track; of each key what was said first stays.

    Args:
        kind: ``metric`` or ``track``.
        name: Its name; None for the unnamed metric.
    """

    def __init__(self, kind: str, name: str | None) -> None:
        self.definition: dict[str, Any] = {}
        self._kind = kind
        self._name = name
        self._told: set[tuple[str, str]] = set()

    def take(
        self,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> bool:
        """Note what is said, and tell whether any of it is new; log what contradicts it.

        Raises:
            InvalidValueError: the tags are no list of texts.
        """
        given = {"description": description, "metadata": metadata,
                 "tags": None if tags is None else _checked_tags(tags)}  # fmt: skip
        known = len(self.definition)
        for key, value in given.items():
            if value is not None and self.definition.setdefault(key, value) != value:
                self._tell_not_taken(key, value)
        return len(self.definition) > known

    def _tell_not_taken(self, key: str, value: Any) -> None:
        if (key, str(value)) not in self._told:
            self._told.add((key, str(value)))
            described = (
                about("describing a metric", metric=self._name, key=key)
                if self._kind == "metric"
                else about("describing a track", track=self._name, key=key)
            )
            _log.warning(
                "The %s of %s %r stays %r as first given; %r is not taken",
                key, self._kind, self._name, self.definition[key], value, extra=described,
            )  # fmt: skip


def _checked_tags(tags: object) -> list[str]:
    if isinstance(tags, (list, tuple)) and all(isinstance(tag, str) for tag in tags):
        return list(tags)
    raise InvalidValueError(f"tags is {tags!r}", hint="Give a list of texts")
