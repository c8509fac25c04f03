"""How long ago something was, in words."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

_UNITS: Final = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"),
                 (60, "minute"))  # fmt: skip


def age(text: str | None) -> str | None:
    """Return how long ago a moment (ISO 8601) was; another text as it is."""
    from ml_dash.runs.run import moment

    found = moment(text)
    if found is None:
        return text
    past_s = (datetime.now(timezone.utc) - found).total_seconds()
    for size_s, unit in _UNITS:
        if past_s >= size_s:
            count = int(past_s // size_s)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
