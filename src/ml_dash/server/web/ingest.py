"""What runs send while they run: logs, parameters, points, entries, signs of life, reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy import Connection
from starlette.responses import Response

from ml_dash.server import points
from ml_dash.server.auth import access
from ml_dash.server.ids import now_ms
from ml_dash.server.points import tracks as entries
from ml_dash.server.records import described, logs, nodes, parameters
from ml_dash.server.tables import reports
from ml_dash.server.upsert import upsert
from ml_dash.server.web import records, shapes
from ml_dash.server.web.asking import Asked, Asker, Key, apply_once
from ml_dash.server.web.bodies import Body, Text, body, describes
from ml_dash.server.web.records import Partial, Sorted

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["records"])


_KINDS = {"message": {"type": "string"}, "timestamp": {"type": "number"}}


def _items(*needed: str) -> dict[str, Any]:
    """Return what OpenAPI is told of the records of a batch, which are looked at one by one."""
    properties = {name: _KINDS[name] for name in needed}
    return {"items": {"type": "object", "required": list(needed), "properties": properties}}


class Facts(Body):
    """What a metric or a track is, sent along with what is in it."""

    description: Text | None = None
    tags: list[Text] | None = None
    metadata: dict[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """Return what was given."""
        return {"description": self.description, "tags": self.tags, "metadata": self.metadata}


class LogsBody(Body):
    """Log lines: objects of message, level, timestamp (ISO 8601) and metadata."""

    logs: list[Any] = Field(min_length=1, json_schema_extra=_items("message"))


class ParametersBody(Body):
    """Parameters to set."""

    data: dict[str, Any]


class PointBody(Facts):
    """One point of a metric."""

    data: dict[str, Any]


class PointsBody(Facts):
    """Points of a metric, in order."""

    data_points: list[Any] = Field(
        alias="dataPoints", min_length=1, json_schema_extra=_items()
    )


class TrackBody(Facts):
    """A track."""

    topic: Text = Field(min_length=1)


class EntryBody(Body):
    """One entry of a track."""

    timestamp: float
    data: dict[str, Any]


class EntriesBody(Body):
    """Entries of a track: objects of a timestamp and fields."""

    entries: list[Any] = Field(min_length=1, json_schema_extra=_items("timestamp"))


class ReportBody(Body):
    """What a writer of a run has accepted, delivered, still owes, and had refused."""

    writer: str = Field(default="", max_length=200)
    streams: dict[str, dict[str, Any]]


@router.post("/logs", openapi_extra=describes(LogsBody))
def append_logs(
    who: Asker, experiment_id: str, sent: Annotated[LogsBody, Depends(body(LogsBody))],
    key: Key, partial: Partial = False,
) -> Response:  # fmt: skip
    """Append log lines."""
    most = who.parts.settings.batch_max
    lines = records.sort(sent.logs, records.log_line, most=most, partial=partial)

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        reply: dict[str, Any] = {"created": len(lines.good), "experimentId": experiment_id}
        if lines.good:
            first = logs.append(connection, row.id, lines.good)
            reply |= {"startSequence": first, "endSequence": first + len(lines.good) - 1}
        return {**reply, **lines.told()}

    return apply_once(who, experiment_id, key, work)


@router.post("/parameters", openapi_extra=describes(ParametersBody))
def set_parameters(
    who: Asker, experiment_id: str,
    sent: Annotated[ParametersBody, Depends(body(ParametersBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Set parameters; those that are not named stay."""

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        found = parameters.merge(connection, who.parts.ids, row.id, sent.data)
        return {
            "id": str(found.id), "experimentId": experiment_id, "data": found.data,
            "version": found.version, "createdAt": shapes.moment(found.created_ms),
            "updatedAt": shapes.moment(found.updated_ms),
        }  # fmt: skip

    return apply_once(who, experiment_id, key, work)


@router.post("/metrics/{name:path}/append", openapi_extra=describes(PointBody))
def append_point(
    who: Asker, experiment_id: str, name: str,
    sent: Annotated[PointBody, Depends(body(PointBody, values=True))], key: Key,
) -> Response:  # fmt: skip
    """Append one point to a metric."""
    found = records.sort([sent.data], records.point, most=1, partial=False)
    return _append(who, experiment_id, name, sent, found, key, single=True)


@router.post("/metrics/{name:path}/append-batch", openapi_extra=describes(PointsBody))
def append_points(
    who: Asker, experiment_id: str, name: str,
    sent: Annotated[PointsBody, Depends(body(PointsBody, values=True))],
    key: Key, partial: Partial = False,
) -> Response:  # fmt: skip
    """Append points to a metric; they get consecutive indexes."""
    most = who.parts.settings.batch_max
    found = records.sort(sent.data_points, records.point, most=most, partial=partial)
    return _append(who, experiment_id, name, sent, found, key)


def _append(
    who: Asked, experiment_id: str, name: str, facts: Facts, found: Sorted, key: str | None,
    *, single: bool = False,
) -> Response:  # fmt: skip
    batch = points.prepare(found.good) if found.good else None
    due = False

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        nonlocal due
        metric = described.ensure(
            connection, who.parts.ids, described.metrics, row.id, name, facts.given()
        )
        reply = {"metricId": str(metric.id), "chunkSize": points.CHUNK_POINTS}
        if batch is None:
            return {**reply, "count": 0, **found.told()}
        done = points.append(connection, metric.id, batch)
        due = done.due
        reply["bufferedDataPoints"] = str(done.waiting)
        if single:
            return {**reply, "index": str(done.first_index)}
        return {**reply, "startIndex": str(done.first_index), "endIndex": str(done.last_index),
                "count": batch.count, **found.told()}  # fmt: skip

    reply = apply_once(who, experiment_id, key, work)
    if due:
        who.parts.compaction.wake()
    return reply


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
    most = who.parts.settings.batch_max
    found = records.sort(sent.entries, records.entry, most=most, partial=partial)
    batch = entries.prepare(found.good) if found.good else None

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        track = described.ensure(connection, who.parts.ids, described.tracks, row.id, topic, {})
        if batch is not None:
            entries.append(connection, track.id, batch)
        return {"trackId": str(track.id), "count": len(found.good), **found.told()}

    return apply_once(who, experiment_id, key, work)


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
        values = {"report": sent.streams, "told_ms": now}
        new = {"experiment_id": row.id, "writer": sent.writer, **values}
        upsert(connection, reports, [reports.c.experiment_id, reports.c.writer], new, values)
    return {"experimentId": experiment_id, "writer": sent.writer, "toldAt": shapes.moment(now)}
