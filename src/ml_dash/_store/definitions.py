"""What is said about a metric or a track, beside its records."""

from __future__ import annotations

from typing import Any

DESCRIBING = ("description", "tags", "metadata")
Definition = dict[str, Any]
"""``description``, ``tags`` and ``metadata``; each may be missing."""


def said(event: Definition) -> Definition:
    """Return what an event of the journal, or a caller, says about a metric or a track."""
    return {key: event[key] for key in DESCRIBING if event.get(key) is not None}


def news(given: Definition | None, noted: Definition) -> Definition:
    """Return what was said and is not noted yet: what was said first stays."""
    if not given:
        return {}
    return {key: value for key, value in said(given).items() if key not in noted}
