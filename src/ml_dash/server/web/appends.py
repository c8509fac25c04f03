"""What runs append, made ready outside of any transaction: by a request each, or many in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Connection

from ml_dash.server import points
from ml_dash.server.errors import UnfitError
from ml_dash.server.points import tracks as entries
from ml_dash.server.records import described, logs, parameters
from ml_dash.server.web import records, shapes
from ml_dash.server.web.asking import Asked, Work
from ml_dash.server.web.bodies import Body, Text
from ml_dash.server.web.records import Sorted

# A message that is no text is taken as one.
_KINDS: dict[str, dict[str, Any]] = {"message": {}, "timestamp": {"type": "number"}}


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


class PointsBody(Facts):
    """Points of a metric, in order."""

    data_points: list[Any] = Field(
        alias="dataPoints", min_length=1, json_schema_extra=_items()
    )
    times: list[int] | None = Field(
        default=None, description="When the points were logged: that of the first in ms since "
        "1970, and for each further one how many ms after the one before.",
    )  # fmt: skip


class EntriesBody(Body):
    """Entries of a track: objects of a timestamp and fields."""

    entries: list[Any] = Field(min_length=1, json_schema_extra=_items("timestamp"))


@dataclass(frozen=True)
class Append:
    """Records that are ready to be stored.

    Attributes:
        do: Stores them in a transaction, and returns the answer.
        points: What :func:`store_points` takes, where they are points.
    """

    do: Work
    points: Points | None = None

    def then(self) -> None:
        """Do what is to be done once the transaction is committed."""
        if self.points is not None and self.points.due:
            self.points.who.parts.compaction.wake()


@dataclass
class Points:
    """Points of a metric that were looked at.

    Attributes:
        who: Who sends them.
        name: The metric.
        facts: What is said of it along with them.
        found: What was good and bad in the request.
        batch: The points, ready; None without any.
        due: Whether there is enough to be put together, once they are stored.
    """

    who: Asked
    name: str
    facts: Facts
    found: Sorted
    batch: points.Batch | None
    due: bool = False

    def reply(self, metric: Any, done: points.Appended | None) -> dict[str, Any]:
        """Return the answer."""
        reply = {"metricId": str(metric.id), "chunkSize": points.CHUNK_POINTS}
        if self.batch is None or done is None:
            return {**reply, "count": 0, **self.found.told()}
        self.due = done.due
        return {**reply, "bufferedDataPoints": str(done.waiting),
                "startIndex": str(done.first_index), "endIndex": str(done.last_index),
                "count": self.batch.count, **self.found.told()}  # fmt: skip


def of_logs(
    who: Asked, experiment_id: str, _name: str, sent: LogsBody, partial: bool = False
) -> Append:
    """Return log lines, ready."""
    most = who.parts.settings.batch_max
    lines = records.sort(sent.logs, records.log_line, most=most, partial=partial)

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        reply: dict[str, Any] = {"created": len(lines.good), "experimentId": experiment_id}
        if lines.good:
            first = logs.append(connection, row.id, lines.good)
            reply |= {"startSequence": first, "endSequence": first + len(lines.good) - 1}
        return {**reply, **lines.told()}

    return Append(work)


def of_parameters(who: Asked, experiment_id: str, _name: str, sent: ParametersBody) -> Append:
    """Return parameters, ready."""

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        found = parameters.merge(connection, who.parts.ids, row.id, sent.data)
        return {
            "id": str(found.id), "experimentId": experiment_id, "data": found.data,
            "version": found.version, "createdAt": shapes.moment(found.created_ms),
            "updatedAt": shapes.moment(found.updated_ms),
        }  # fmt: skip

    return Append(work)


def of_points(
    who: Asked, _experiment_id: str, name: str, sent: PointsBody, partial: bool = False
) -> Append:
    """Return points of a metric, ready."""
    most = who.parts.settings.batch_max
    found = records.sort(sent.data_points, records.point, most=most, partial=partial)
    return of_found_points(who, name, sent, found, _times(sent, found))


def _times(sent: PointsBody, found: Sorted) -> list[int] | None:
    """Return when those points were logged that are taken, if that is said."""
    if sent.times is None:
        return None
    try:
        times = points.moments.of_steps(sent.times, len(sent.data_points))
    except ValueError as error:
        raise UnfitError(f"The times of the points: {error}") from error
    left_out = {each["position"] for each in found.rejected}
    return [each for position, each in enumerate(times) if position not in left_out]


def of_found_points(
    who: Asked, name: str, facts: Facts, found: Sorted, times: list[int] | None = None
) -> Append:
    """Return points that were looked at, ready."""
    batch = points.prepare(found.good, times) if found.good else None
    ready = Points(who, name, facts, found, batch)
    return Append(lambda connection, row: store_points(connection, row, [ready])[0], ready)


def store_points(
    connection: Connection, row: Any, ready: Sequence[Points]
) -> list[dict[str, Any]]:
    """Store points of several metrics of an experiment, and return the answers.

    Args:
        connection: An open write transaction.
        row: The experiment.
        ready: The points, of each metric at most once; not empty.
    """
    facts = {each.name: each.facts.given() for each in ready}
    ids = ready[0].who.parts.ids
    metrics = described.ensure_all(connection, ids, described.metrics, row.id, facts)
    batches = {metrics[each.name].id: each.batch for each in ready if each.batch is not None}
    done = points.append_all(connection, batches) if batches else {}
    return [
        each.reply(metric, done.get(metric.id))
        for each in ready
        for metric in [metrics[each.name]]
    ]


def of_entries(
    who: Asked, _experiment_id: str, topic: str, sent: EntriesBody, partial: bool = False
) -> Append:
    """Return entries of a track, ready."""
    most = who.parts.settings.batch_max
    found = records.sort(sent.entries, records.entry, most=most, partial=partial)
    batch = entries.prepare(found.good) if found.good else None

    def work(connection: Connection, row: Any) -> Mapping[str, Any]:
        track = described.ensure(connection, who.parts.ids, described.tracks, row.id, topic, {})
        if batch is not None:
            entries.append(connection, track.id, batch)
        return {"trackId": str(track.id), "count": len(found.good), **found.told()}

    return Append(work)


@dataclass(frozen=True)
class Kind:
    """A kind of stream that is appended to.

    Attributes:
        model: How the body of such a request looks.
        values: Whether its body carries logged values.
        path: The path of such a request below its experiment; ``{}`` is the stream's name.
        ready: Returns the records, ready.
    """

    model: type[Body]
    values: bool
    path: str
    ready: Callable[[Asked, str, str, Any], Append]


BY_KIND: Final = {
    "logs": Kind(LogsBody, False, "logs", of_logs),
    "params": Kind(ParametersBody, True, "parameters", of_parameters),
    "metrics": Kind(PointsBody, True, "metrics/{}/append-batch", of_points),
    "tracks": Kind(EntriesBody, True, "tracks/{}/append_batch", of_entries),
}
