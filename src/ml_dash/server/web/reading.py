"""What runs have sent, read again: logs, parameters, points, charts, tracks, reports."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from sqlalchemy import Connection, select
from starlette.responses import Response, StreamingResponse

from ml_dash._record import codec
from ml_dash.server import points
from ml_dash.server.auth import access
from ml_dash.server.errors import UnfitError
from ml_dash.server.points import tracks as entries
from ml_dash.server.records import described, logs, parameters
from ml_dash.server.tables import reports
from ml_dash.server.web import shapes, track_formats
from ml_dash.server.web.asking import Asked, Asker, values_reply
from ml_dash.server.web.openapi import bytes_of

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["reading"])

LOGS_PAGE = 1000
POINTS_PAGE = 1000
IN_MEMORY_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 16
_FAR = 2**53
_MOMENT: dict[str, Any] = {"format": "date-time"}

Limit = Annotated[int | None, Query(ge=1)]
Place = Annotated[int, Query(ge=0, le=_FAR)]


@contextmanager
def reading(who: Asked, experiment_id: str) -> Iterator[tuple[Connection, Any]]:
    """Open a read transaction and the experiment that a request is about."""
    with who.parts.database.read() as connection:
        yield connection, access.experiment(connection, who.caller, experiment_id, access.READER)


def page(who: Asked, limit: int | None, otherwise: int) -> int:
    """Return how many things an answer has at most."""
    return min(limit or otherwise, who.parts.settings.page_max)


@router.get("")
def get_experiment(who: Asker, experiment_id: str) -> Response:
    """Return an experiment, with what its writers last said of their delivery."""
    with reading(who, experiment_id) as (connection, row):
        own = select(reports).where(reports.c.experiment_id == row.id).order_by(reports.c.told_ms)
        told = [shapes.report(each) for each in connection.execute(own)]
    return values_reply({**shapes.experiment(row), "logs": row.logs, "reports": told})


@router.get("/logs")
def read_logs(
    who: Asker, experiment_id: str, limit: Limit = None, offset: Place = 0,
    order_by: Annotated[
        Literal["timestamp", "sequenceNumber"], Query(alias="orderBy")
    ] = "sequenceNumber",
    order: Literal["asc", "desc"] = "asc",
    level: str | None = None,
    start_time: Annotated[
        str | None, Query(alias="startTime", json_schema_extra=_MOMENT)
    ] = None,
    end_time: Annotated[str | None, Query(alias="endTime", json_schema_extra=_MOMENT)] = None,
    search: str | None = None,
) -> Response:  # fmt: skip
    """Return log lines."""
    most = page(who, limit, LOGS_PAGE)
    with reading(who, experiment_id) as (connection, row):
        found, total = logs.read(
            connection, row.id, limit=most, offset=offset, order_by=order_by,
            descending=order == "desc", levels=level.split(",") if level else (),
            start_time=start_time, end_time=end_time, search=search,
        )  # fmt: skip
    # Only the metadata are logged values; a text "NaN" elsewhere is a text.
    return _json({"logs": [_log_line(each) for each in found], "total": total,
                  "hasMore": offset + len(found) < total})  # fmt: skip


@router.get("/parameters")
def read_parameters(who: Asker, experiment_id: str) -> Response:
    """Return the parameters; 404 when none was ever set."""
    with reading(who, experiment_id) as (connection, row):
        found = parameters.find(connection, row.id)
    if found is None:
        raise access.missing("parameters of experiment", experiment_id)
    return values_reply({
        "id": str(found.id), "experimentId": experiment_id, "data": found.data,
        "version": found.version, "createdAt": shapes.moment(found.created_ms),
        "updatedAt": shapes.moment(found.updated_ms),
    })  # fmt: skip


@router.get("/metrics")
def list_metrics(
    who: Asker, experiment_id: str, limit: Limit = None, offset: Place = 0
) -> Response:
    """Return the metrics of an experiment by name: all that an answer may have, without a limit."""
    most = page(who, limit, who.parts.settings.page_max)
    with reading(who, experiment_id) as (connection, row):
        found, total = described.paged(
            connection, described.metrics, row.id, None, most, offset
        )
        shown = [_metric(each, points.stats(connection, each.id)) for each in found]
    return values_reply({"metrics": shown, **_place(shown, offset, total)})


@router.get("/metrics/{name:path}/data")
def read_points(
    who: Asker, experiment_id: str, name: str,
    start_index: Annotated[int, Query(alias="startIndex", ge=0, le=_FAR)] = 0,
    limit: Limit = None,
    buffer_only: Annotated[bool, Query(alias="bufferOnly")] = False,
) -> Response:  # fmt: skip
    """Return points from an index on, or all that are in no chunk yet."""
    with reading(who, experiment_id) as (connection, row):
        metric = _found(connection, described.metrics, row, name)
        if buffer_only:
            found, more = points.buffered(connection, metric.id), False
        else:
            most = page(who, limit, POINTS_PAGE)
            found = points.window(connection, metric.id, start_index, most + 1)
            more, found = len(found) > most, found[:most]
    return values_reply({
        "data": [shapes.point(each) for each in found], "total": len(found), "hasMore": more,
        "startIndex": str(found[0].index) if found else str(start_index),
        "endIndex": str(found[-1].index) if found else None,
    })  # fmt: skip


@router.get("/metrics/{name:path}/stats")
def metric_stats(who: Asker, experiment_id: str, name: str) -> Response:
    """Return how many points a metric has, and the facts of its numbers."""
    with reading(who, experiment_id) as (connection, row):
        metric = _found(connection, described.metrics, row, name)
        known = points.stats(connection, metric.id)
    return values_reply({**_metric(metric, known), "keys": known.keys, "moreKeys": known.more_keys})


@router.get("/metrics/{name:path}/chunks/{number}")
def read_chunk(who: Asker, experiment_id: str, name: str, number: int) -> Response:
    """Return one chunk of a metric's older points."""
    with reading(who, experiment_id) as (connection, row):
        metric = _found(connection, described.metrics, row, name)
        found = points.chunk(connection, metric.id, number) if 0 <= number < 2**31 else None
    if not found:
        raise access.missing(f"chunk of metric {name[:80]!r}", number)
    return values_reply({
        "chunkNumber": number, "startIndex": str(found[0].index), "dataCount": len(found),
        "endIndex": str(found[-1].index), "data": [shapes.point(each) for each in found],
    })  # fmt: skip


@router.get("/metrics/{name:path}/series")
def read_series(
    who: Asker, experiment_id: str, name: str, key: str,
    n_points: Annotated[int, Query(alias="points", ge=3, le=100_000)] = 1000,
    start_index: Annotated[int | None, Query(alias="startIndex", ge=0, le=_FAR)] = None,
    end_index: Annotated[int | None, Query(alias="endIndex", ge=0, le=_FAR)] = None,
) -> Response:  # fmt: skip
    """Return the numbers under a key for a chart: few points that keep shape and extremes."""
    with reading(who, experiment_id) as (connection, row):
        metric = _found(connection, described.metrics, row, name)
        chart = points.downsampled(connection, metric.id, key, n_points, start_index, end_index)
    return values_reply({
        "key": key, "indexes": chart.indexes.tolist(), "values": chart.values.tolist(),
        "totalPoints": chart.total, "numbers": chart.count, "nonFinite": chart.non_finite,
        "exact": chart.exact,
    })  # fmt: skip


@router.get("/tracks")
def list_tracks(
    who: Asker, experiment_id: str, topic: str | None = None, limit: Limit = None, offset: Place = 0
) -> Response:
    """Return the tracks of an experiment by topic: all, one, or those below ``prefix/*``."""
    most = page(who, limit, who.parts.settings.page_max)
    with reading(who, experiment_id) as (connection, row):
        found, total = described.paged(
            connection, described.tracks, row.id, topic, most, offset
        )
        known = entries.all_stats(connection, [each.id for each in found])
        shown = [_track(each, known.get(each.id, entries.NOTHING)) for each in found]
    return values_reply({"tracks": shown, **_place(shown, offset, total)})


@router.get(
    "/tracks/{topic:path}/data",
    responses=bytes_of("application/json", *track_formats.MEDIA_TYPES.values()),
)
def read_track(
    who: Asker, experiment_id: str, topic: str,
    form: Annotated[
        Literal["json", "jsonl", "parquet", "mcap", "mocap"], Query(alias="format")
    ] = "json",
    start_timestamp: float | None = None, end_timestamp: float | None = None,
    columns: str | None = None,
) -> Response:  # fmt: skip
    """Return the entries of a track by time, both ends of the asked range included."""
    for bound in (start_timestamp, end_timestamp):
        if bound is not None and bound != bound:
            raise UnfitError("A bound of the asked time is no number")
    keys = [each for each in columns.split(",") if each] if columns else None
    with reading(who, experiment_id) as (connection, row):
        track = _found(connection, described.tracks, row, topic)
        found = entries.read(connection, track.id, start_timestamp, end_timestamp, keys)
        written = _written(track_formats.WRITERS[form], track, found)
    headers = {"content-length": str(written.seek(0, os.SEEK_END))}
    kind = track_formats.MEDIA_TYPES[form]
    return StreamingResponse(_blocks(written), media_type=kind, headers=headers)


def _written(write: track_formats.Write, track: Any, found: Iterator[dict[str, Any]]) -> IO[bytes]:
    """Return a file: on disk when it is large, so that no slow reader holds a transaction open."""
    with ExitStack() as unless_done:
        sink: IO[bytes] = unless_done.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))
        write(sink, track, found)
        unless_done.pop_all()
    return sink


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    with source:
        source.seek(0)
        while block := source.read(_BLOCK_BYTES):
            yield block


def _place(shown: list[Any], offset: int, total: int) -> dict[str, Any]:
    return {"total": total, "hasMore": offset + len(shown) < total}


def _found(connection: Connection, table: Any, experiment: Any, name: str) -> Any:
    row = described.find(connection, table, experiment.id, name)
    if row is None:
        raise access.missing(table.name[:-1], name)
    return row


def _metric(row: Any, known: points.Stats) -> dict[str, Any]:
    return {
        "metricId": str(row.id), "name": row.name, "description": row.description,
        "tags": row.tags, "metadata": row.metadata, "totalDataPoints": str(known.total),
        "bufferedDataPoints": str(known.total - known.chunked),
        "chunkedDataPoints": str(known.chunked), "totalChunks": known.chunks,
        "chunkSize": points.CHUNK_POINTS, "firstDataAt": shapes.moment(known.first_ms),
        "lastDataAt": shapes.moment(known.last_ms), "createdAt": shapes.moment(row.created_ms),
        "updatedAt": shapes.moment(known.last_ms or row.updated_ms),
    }  # fmt: skip


def _track(row: Any, known: entries.TrackStats) -> dict[str, Any]:
    return {
        "id": str(row.id), "topic": row.topic, "description": row.description, "tags": row.tags,
        "metadata": row.metadata, "totalEntries": known.entries, "columns": known.columns,
        "firstTimestamp": known.first, "lastTimestamp": known.last,
    }  # fmt: skip


def _log_line(row: Any) -> dict[str, Any]:
    shown = shapes.log_line(row)
    if shown["metadata"] is not None:
        shown["metadata"] = orjson.Fragment(codec.encode(shown["metadata"]))
    return shown


def _json(reply: dict[str, Any]) -> Response:
    return Response(orjson.dumps(reply), media_type="application/json")
