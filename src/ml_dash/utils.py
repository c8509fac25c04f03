"""A name of late 0.6 releases: the conversion of one value for JSON."""

from __future__ import annotations

from typing import Any

from ml_dash._record.jsonable import to_plain


def _serialize_value(value: Any) -> Any:
    """Return ``value`` as a plain JSON value: arrays as lists, array scalars as numbers.

    Raises:
        SerializationError: A part of ``value`` has no JSON form. (0.6 handed it back unchanged and
            failed when it was written.)
    """
    return to_plain(value)
