"""Records of a request, looked at one by one: which are taken, and why others are not.

A batch with a bad record is refused as a whole, unless its sender asks, by the header
``ML-Dash-Partial: 1``, that the good ones are taken and the bad ones named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Header

from ml_dash.server.errors import TooLargeError, UnfitError
from ml_dash.server.names import LONGEST_TEXT
from ml_dash.server.web.bodies import unmarked

LONGEST_MESSAGE = 10_000_000
_LONGEST_LEVEL = 64
_TOLD = 100

Partial = Annotated[
    bool,
    Header(
        alias="ML-Dash-Partial",
        description="Take the good records of a batch and name the bad ones, in place of "
        "refusing it as a whole.",
    ),
]


@dataclass(frozen=True)
class Sorted:
    """Records that are taken, and those that are not."""

    good: list[Any]
    rejected: list[dict[str, Any]]

    def told(self) -> dict[str, Any]:
        """Return what the answer says of the rejected; nothing when there are none."""
        return {"rejected": self.rejected} if self.rejected else {}


def sort(
    records: Sequence[Any], check: Callable[[Any], Any], *, most: int, partial: bool
) -> Sorted:
    """Look at records.

    Args:
        records: The records.
        check: Returns a record as it is stored; raises ValueError when it is bad.
        most: How many a request may have.
        partial: Whether the good ones are taken where there are bad ones.

    Raises:
        TooLargeError: there are too many.
        UnfitError: there are none, or bad ones and not ``partial``.
    """
    if len(records) > most:
        raise TooLargeError(
            f"{len(records)} records are more than {most}", hint="Send them in smaller batches",
            context={"records": len(records), "most": most},
        )  # fmt: skip
    if not records:
        raise UnfitError("The batch is empty", hint="Send at least one record")
    good, rejected = [], []
    for position, record in enumerate(records):
        try:
            good.append(check(record))
        except ValueError as error:
            rejected.append({"position": position, "code": "invalid", "message": str(error)})
    if rejected and not partial:
        first = rejected[0]
        raise UnfitError(
            f"{len(rejected)} of {len(records)} records are bad; that at {first['position']}: "
            f"{first['message']}; nothing was stored",
            hint="Mend or leave out these records",
            context={"rejected": rejected[:_TOLD]},
        )
    return Sorted(good, rejected)


def log_line(record: Any) -> dict[str, Any]:
    """Return a log line as it is stored. Texts of other kinds than text are taken as text."""
    _need(isinstance(record, dict), "is no object")
    _need("message" in record, "has no message")
    message = _text(record["message"])
    _need(len(message) <= LONGEST_MESSAGE, f"has a message of {len(message)} characters")
    timestamp = record.get("timestamp")
    level = _text(record.get("level") or "info")[:_LONGEST_LEVEL]
    _need(level.isprintable(), "has a level with control characters")
    metadata = record.get("metadata")
    _need(metadata is None or isinstance(metadata, dict), "has metadata that is no object")
    return {
        "timestamp": None if timestamp is None else _text(timestamp)[:LONGEST_TEXT],
        "level": level, "message": message, "metadata": unmarked(metadata),
    }  # fmt: skip


def point(record: Any) -> Mapping[str, Any]:
    """Return a point of a metric as it is stored."""
    _need(type(record) is dict, "is no object")
    return record  # type: ignore[no-any-return]


def entry(record: Any) -> Mapping[str, Any]:
    """Return an entry of a track as it is stored."""
    _need(type(record) is dict, "is no object")
    at = record.get("timestamp")
    _need(type(at) in (int, float), "has no number as its timestamp")
    _need(abs(at) <= sys.float_info.max, "has no finite timestamp")  # NaN is not
    return record  # type: ignore[no-any-return]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _need(fine: bool, otherwise: str) -> None:
    if not fine:
        raise ValueError(f"it {otherwise}")
