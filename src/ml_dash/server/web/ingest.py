"""What runs send while they run: logs, parameters, points, entries, signs of life, reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BeforeValidator, ConfigDict, Field
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from ml_dash.server.auth import access
from ml_dash.server.errors import TooLargeError
from ml_dash.server.ids import now_ms
from ml_dash.server.names import STEPS
from ml_dash.server.points import tracks as entries
from ml_dash.server.records import described, nodes
from ml_dash.server.tables import reports
from ml_dash.server.upsert import upsert
from ml_dash.server.web import appends, records, shapes
from ml_dash.server.web.appends import (
    Append,
    EntriesBody,
    Facts,
    LogsBody,
    ParametersBody,
    PointsBody,
)
from ml_dash.server.web.asking import Asked, Asker, Key, apply_once
from ml_dash.server.web.bodies import Body, Label, Name, body, describes
from ml_dash.server.web.records import Partial

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["records"])

MOST_WRITERS = 10_000
"""How many writers of a run may leave reports."""


class PointBody(Facts):
    """One point of a metric."""

    data: dict[str, Any]


class TrackBody(Facts):
    """A track."""

    topic: Name = Field(json_schema_extra=STEPS)


class EntryBody(Body):
    """One entry of a track."""

    timestamp: float
    data: dict[str, Any]


def _whole(value: Any) -> Any:
    """Return a whole number as an int: JSON knows no other difference between 1 and 1.0."""
    return int(value) if type(value) is float and value.is_integer() else value


# The bounds first: so they are in the OpenAPI document.
Counted = Annotated[int, Field(ge=0, le=2**53), BeforeValidator(_whole)] | None


class Account(Body):
    """What became of the records of one stream; what else it says is kept as it is."""

    model_config = ConfigDict(extra="allow", strict=True)

    accepted: Counted = None
    delivered: Counted = None
    pending: Counted = None
    rejected: Counted = None
    discarded: Counted = None


class ReportBody(Body):
    """What a writer of a run has accepted, delivered, still owes, and had refused."""

    writer: Label = ""
    streams: dict[str, Account]

    def accounts(self) -> dict[str, Any]:
        """Return the accounts as they are stored."""
        return {name: each.model_dump(exclude_unset=True) for name, each in self.streams.items()}


def stored(who: Asked, experiment_id: str, key: str | None, ready: Append) -> Response:
    """Store what is ready, once for each key, and return the answer."""
    reply = apply_once(who, experiment_id, key, ready.do)
    ready.then()
    return reply


@router.post("/logs", openapi_extra=describes(LogsBody))
def append_logs(
    who: Asker, experiment_id: str, sent: Annotated[LogsBody, Depends(body(LogsBody))],
    key: Key, partial: Partial = False,
) -> Response:  # fmt: skip
    """Append log lines."""
    return stored(who, experiment_id, key, appends.of_logs(who, experiment_id, "", sent, partial))


@router.post("/parameters", openapi_extra=describes(ParametersBody))
def set_parameters(
    who: Asker, experiment_id: str,
    sent: Annotated[ParametersBody, Depends(body(ParametersBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Set parameters; those that are not named stay."""
    return stored(who, experiment_id, key, appends.of_parameters(who, experiment_id, "", sent))


@router.post("/metrics/{name:path}/append", openapi_extra=describes(PointBody))
def append_point(
    who: Asker, experiment_id: str, name: str,
    sent: Annotated[PointBody, Depends(body(PointBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Append one point to a metric."""
    found = records.sort([sent.data], records.point, most=1, partial=False)
    ready = appends.of_found_points(who, name, sent, found)

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        told = ready.do(connection, row)
        kept = {fact: told[fact] for fact in ("metricId", "chunkSize", "bufferedDataPoints")}
        return {**kept, "index": told["startIndex"]}

    return stored(who, experiment_id, key, replace(ready, do=work))


@router.post("/metrics/{name:path}/append-batch", openapi_extra=describes(PointsBody))
def append_points(
    who: Asker, experiment_id: str, name: str,
    sent: Annotated[PointsBody, Depends(body(PointsBody, values=True))],
    key: Key, partial: Partial = False,
) -> Response:  # fmt: skip
    """Append points to a metric; they get consecutive indexes."""
    ready = appends.of_points(who, experiment_id, name, sent, partial)
    return stored(who, experiment_id, key, ready)


@router.post("/tracks", status_code=201, openapi_extra=describes(TrackBody))
def create_track(
    who: Asker, experiment_id: str,
    sent: Annotated[TrackBody, Depends(body(TrackBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Describe a track; appending to one needs no such call."""

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        track = described.ensure(
            connection, who.parts.ids, described.tracks, row.id, sent.topic, sent.given()
        )
        return {"id": str(track.id), "topic": track.topic}

    reply = apply_once(who, experiment_id, key, work)
    reply.status_code = 201
    return reply


@router.post("/tracks/{topic:path}/append", openapi_extra=describes(EntryBody))
def append_entry(
    who: Asker, experiment_id: str, topic: str,
    sent: Annotated[EntryBody, Depends(body(EntryBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Append one entry to a track."""
    whole = {**sent.data, "timestamp": sent.timestamp}
    found = records.sort([whole], records.entry, most=1, partial=False)
    flat = entries.prepare(found.good)

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        track = described.ensure(connection, who.parts.ids, described.tracks, row.id, topic, {})
        entries.append(connection, track.id, flat)
        return {"trackId": str(track.id), "timestamp": sent.timestamp, "data": sent.data}

    return apply_once(who, experiment_id, key, work)


@router.post("/tracks/{topic:path}/append_batch", openapi_extra=describes(EntriesBody))
def append_entries(
    who: Asker, experiment_id: str, topic: str,
    sent: Annotated[EntriesBody, Depends(body(EntriesBody, values=True))],
    key: Key, partial: Partial = False,
) -> Response:  # fmt: skip
    """Append entries to a track; those of equal time become one."""
    ready = appends.of_entries(who, experiment_id, topic, sent, partial)
    return stored(who, experiment_id, key, ready)


@router.post("/heartbeat")
def heartbeat(who: Asker, experiment_id: str) -> dict[str, Any]:
    """Say that a run is alive though it logs nothing."""
    with who.parts.database.write() as connection:
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
        nodes.touch(connection, row.id)
    return {"id": experiment_id, "status": row.status, "lastSeenAt": shapes.moment(now_ms())}


@router.put("/report", openapi_extra=describes(ReportBody))
def put_report(
    who: Asker, experiment_id: str, sent: Annotated[ReportBody, Depends(body(ReportBody))]
) -> dict[str, Any]:
    """Leave what a writer of the run knows of its delivery; it replaces what it left before."""
    now = now_ms()
    with who.parts.database.write() as connection:
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
        values = {"report": sent.accounts(), "told_ms": now}
        new = {"experiment_id": row.id, "writer": sent.writer, **values}
        upsert(connection, reports, [reports.c.experiment_id, reports.c.writer], new, values)
        _check_writers(connection, row.id)
    return {"experimentId": experiment_id, "writer": sent.writer, "toldAt": shapes.moment(now)}


def _check_writers(connection: Connection, experiment_id: int) -> None:
    """Bound how many reports a run shows.

    Raises:
        TooLargeError: too many writers have left one.
    """
    own = reports.c.experiment_id == experiment_id
    count = connection.execute(select(func.count()).select_from(reports).where(own)).scalar_one()
    if count > MOST_WRITERS:
        raise TooLargeError(
            f"The run has reports of {MOST_WRITERS} writers", context={"most": MOST_WRITERS},
            hint="Use the same name of the writer for all reports of a process",
        )  # fmt: skip
