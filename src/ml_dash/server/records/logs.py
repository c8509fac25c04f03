"""Log lines of a run, numbered from 0 in the order in which they came."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, func, select, update

from ml_dash.server.errors import UnfitError
from ml_dash.server.tables import experiments, logs

_FRACTION = re.compile(r"\.(\d+)", re.ASCII)
_COLUMNS = {"timestamp": logs.c.at_us, "sequenceNumber": logs.c.sequence}


def append(connection: Connection, experiment_id: int, lines: Sequence[Mapping[str, Any]]) -> int:
    """Store lines and return the number of the first; the experiment's row is locked."""
    own = experiments.c.id == experiment_id
    taken = update(experiments).where(own).values(logs=experiments.c.logs + len(lines))
    stop = int(connection.execute(taken.returning(experiments.c.logs)).scalar_one())
    first = stop - len(lines)
    rows = [
        {
            "experiment_id": experiment_id,
            "sequence": first + position,
            "timestamp": line.get("timestamp"),
            "at_us": microseconds(line.get("timestamp")),
            "level": line["level"],
            "message": line["message"],
            "metadata": line.get("metadata"),
        }
        for position, line in enumerate(lines)
    ]
    connection.execute(logs.insert(), rows)
    return first


def read(
    connection: Connection,
    experiment_id: int,
    *,
    limit: int,
    offset: int,
    order_by: str = "sequenceNumber",
    descending: bool = False,
    levels: Sequence[str] = (),
    start_time: str | None = None,
    end_time: str | None = None,
    search: str | None = None,
) -> tuple[list[Any], int]:
    """Return lines, and how many there are with the same filters.

    Raises:
        UnfitError: a time cannot be read.
    """
    wanted = [logs.c.experiment_id == experiment_id]
    if levels:
        wanted.append(logs.c.level.in_(levels))
    if start_time is not None:
        wanted.append(logs.c.at_us >= _asked_time(start_time))
    if end_time is not None:
        wanted.append(logs.c.at_us <= _asked_time(end_time))
    if search is not None:
        wanted.append(logs.c.message.icontains(search, autoescape=True))
    total = connection.execute(select(func.count()).select_from(logs).where(*wanted)).scalar_one()
    order = [_COLUMNS[order_by], logs.c.sequence]
    statement = select(logs).where(*wanted)
    statement = statement.order_by(*(each.desc() if descending else each.asc() for each in order))
    return list(connection.execute(statement.limit(limit).offset(offset))), int(total)


def microseconds(text: object) -> int | None:
    """Return an ISO 8601 time as microseconds since the epoch; None when it cannot be read."""
    if not isinstance(text, str):
        return None
    try:
        # Python 3.10 reads no Z, and no fraction of other than three or six digits.
        plain = re.sub(r"[zZ]$", "+00:00", text.strip())
        moment = datetime.fromisoformat(_FRACTION.sub(_six_digits, plain))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        delta = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _six_digits(found: re.Match[str]) -> str:
    return "." + found[1][:6].ljust(6, "0")


def _asked_time(text: str) -> int:
    found = microseconds(text)
    if found is None:
        raise UnfitError(
            f"{text[:80]!r} is no time",
            hint="Send ISO 8601, as in 2026-02-01T09:15:30Z",
            context={"time": text[:80]},
        )
    return found
