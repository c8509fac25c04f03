"""Entries of a track that have one time stamp become one entry."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ml_dash._record.flatten import flatten

Entry = dict[str, Any]
REPLACED = (
    "Track %r: values replaced by later ones of the same time stamp and name: %d, the first was %r "
    "at %r. Entries of one time stamp are one; give each its own _ts to keep all"
)
"""What is said of values that a merge takes away: topic, how many, name and time of one."""


def merge_entries(
    entries: Iterable[Entry], replaced: list[tuple[float, str]] | None = None
) -> list[Entry]:
    """Put entries of equal time stamp together, flatten them and sort them by time stamp.

    A later field replaces an earlier one of the same name, nested or not, as in 0.6: entries are
    flattened only afterwards.

    Args:
        entries: In the order in which they were appended.
        replaced: Gets time stamp and name of each value that another one takes the place of.
    """
    merged: dict[float, Entry] = {}
    for entry in entries:
        known = merged.setdefault(entry["timestamp"], {})
        if known and replaced is not None:
            replaced += [
                (entry["timestamp"], key)
                for key in entry.keys() & known.keys()
                if entry[key] != known[key]
            ]
        known.update(entry)
    return sorted((flatten(entry) for entry in merged.values()), key=_sort_key)


def _sort_key(entry: Entry) -> tuple[bool, float]:
    time = entry["timestamp"]
    # NaN compares with nothing; it goes to the end instead of anywhere.
    return math.isnan(time), time
