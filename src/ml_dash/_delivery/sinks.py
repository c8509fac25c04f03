"""The server's calls as sinks of delivery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._delivery.ports import Batch, Bounds, Facts
from ml_dash._delivery.times import times_of
from ml_dash._delivery.verdicts import Halt, Reject, Retry, Verdict, attempt
from ml_dash._record import codec
from ml_dash._remote import documents, replies
from ml_dash._remote.appends import Append
from ml_dash._remote.calls import encoded
from ml_dash._remote.credentials import Credentials
from ml_dash._remote.records import (
    RecordCalls,
    log_lines,
    metric_points,
    parameters,
    stored_points,
)
from ml_dash._remote.retry import RetryPolicy
from ml_dash._remote.signs import SignCalls
from ml_dash._remote.small_files import SmallFileCalls
from ml_dash._remote.tracks import TrackCalls, track_entries
from ml_dash._remote.transport import Transport
from ml_dash.exceptions import CorruptDataError, MLDashError, RemoteNotFoundError

_log = logging.getLogger("ml_dash.delivery")
_DATA: Final = b',"data":{'
_DATA_BYTES: Final = len(_DATA) - 1
_CREATED: Final = b',"createdAt":'
_STAMP_BYTES: Final = len('"2026-01-01T00:00:00.000000Z"}')
_TAIL_BYTES: Final = len(_CREATED) + _STAMP_BYTES

RunId = Callable[[], str]
"""Returns the run's id on the server."""


class NotedCredentials(Credentials):
    """Credentials that know which token was used last."""

    last: str | None = None

    def require(self) -> str:
        """Return the token.

        Raises:
            NotAuthenticatedError: there is none.
            TokenStoreError: the store of tokens cannot be read.
        """
        self.last = super().require()
        return self.last


class Server(SmallFileCalls, RecordCalls, TrackCalls, SignCalls):
    """A client that tries each request once: who is to wait, and how long, is for the lanes to say.

    Args:
        url: The server.
        namespace: The owner of the run.
        timeout_s: How long a connection may be silent, in seconds.
        api_key: The token; found as :class:`Credentials` does when omitted.

    Raises:
        ConfigurationError: ``url`` is not the URL of an HTTP server.
    """

    def __init__(
        self, url: str, namespace: str, timeout_s: float = 30.0, api_key: str | None = None
    ) -> None:
        self._mode = ErrorHandlingMode.STRICT
        self.credentials = NotedCredentials(url, api_key)
        self._transport = Transport(url, self.credentials, RetryPolicy(attempts=1), timeout_s)
        self._namespace = namespace
        self._project_ids = {}
        self._node_ids = {}
        self._folder_ids = {}

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._transport.url

    @property
    def honours_keys(self) -> bool:
        """Whether the server has shown that it knows a batch that comes again."""
        return self._transport.honours_keys

    def look(self) -> tuple[str, float | None]:
        """Return who the server says that we are, and its time in seconds since the epoch.

        Raises:
            RemoteClientError: the request failed.
        """
        body = encoded({"query": documents.MY_NAMESPACE, "variables": {}})
        head = {"content-type": "application/json"}
        response = self._transport.request(
            "POST", "/graphql", lambda: {"content": body}, headers=head, idempotent=True
        )
        reply = replies.parsed(response, "GetMyNamespace")
        name = replies.field(reply, "data.me.username", str, "GetMyNamespace")
        return name, date_of(response.headers.get("date"))

    @property
    def takes_times(self) -> bool:
        """Whether the server takes the times of points."""
        return self._transport.takes_times

    @property
    def bundle_max(self) -> int:
        """How many appends the server takes in one request; 0 when it takes them one by one."""
        return self._transport.bundle_max

    def waiting_at_most(self, timeout_s: float) -> AbstractContextManager[None]:
        """Let a connection be silent for no longer than this for the length of a block."""
        return self._transport.waiting_at_most(timeout_s)

    def run_facts(self, experiment_id: str) -> dict[str, Any]:
        """Return what the server says of a run; one of 0.6 does not tell all.

        Raises:
            RemoteNotFoundError: it knows no such run.
            RemoteClientError: the request failed.
        """
        try:
            return self.get_experiment(experiment_id)
        except RemoteNotFoundError:  # so does a server of 0.6 answer, whatever it has
            data = self._graphql(documents.EXPERIMENT_BY_ID, {"id": experiment_id}, "GetExperiment")
            if data.get("experimentById") is None:
                raise
            return replies.field(data, "experimentById", dict, "GetExperiment")

    def append(self, experiment_id: str, records: Append) -> None:
        """Append records to one stream of a run.

        Raises:
            PartialAcceptError: the answer does not say that all of them were taken.
            RemoteClientError: the request failed.
        """
        self._append(experiment_id, records)

    def close(self) -> None:
        """Close the connections, if there are any."""
        self._transport.close()


class AppendSink:
    """Takes records that are appended to a stream: by themselves, or with those of other streams.

    Args:
        server: Where they go.
        run_id: Returns the run's id there.
    """

    bounds = Bounds(2000)
    doubles = True

    def __init__(self, server: Server, run_id: RunId) -> None:
        self._server = server
        self._run_id = run_id

    def send(self, batch: Batch) -> Verdict:
        """Send records once."""
        return attempt(lambda: self._server.append(self._run_id(), self.append(batch)))

    def append(self, batch: Batch) -> Append:
        """Return records as they are sent.

        Raises:
            CorruptDataError: a line is no record of this stream.
        """
        raise NotImplementedError

    def part(self, batch: Batch) -> Append | None:
        """Return records as a part of a larger request; None when they go by themselves.

        Raises:
            CorruptDataError: a line is no record of this stream.
        """
        return self.append(batch)


class LogSink(AppendSink):
    """Takes log lines."""

    def append(self, batch: Batch) -> Append:
        """Return log lines as they are sent."""
        return log_lines([_log_line(each) for each in decoded(batch.lines)], batch.key)


def _log_line(record: Mapping[str, Any]) -> dict[str, Any]:
    line = {name: record[name] for name in ("timestamp", "level", "metadata") if name in record}
    message = record.get("message")
    # A message that is no text was printed as one, too.
    return {**line, "message": message if isinstance(message, str) else str(message)}


class MetricSink(AppendSink):
    """Takes points of one metric."""

    def __init__(self, server: Server, run_id: RunId, name: str | None) -> None:
        super().__init__(server, run_id)
        self._name = name

    @property
    def bounds(self) -> Bounds:  # type: ignore[override] # it may change
        """Larger for a server of this project, which looks at each point once, and quickly."""
        return Bounds(20_000, 1 << 21) if self._server.bundle_max else Bounds(4000)

    def append(self, batch: Batch) -> Append:
        """Return points as they are sent."""
        times = times_of(batch.lines) if self._server.takes_times else None
        joined = _spliced(batch.lines)
        if joined is None:
            points = [_point(each) for each in decoded(batch.lines)]
            return metric_points(self._name, points, batch.facts, batch.key, times)
        return stored_points(self._name, joined, len(batch.lines), batch.facts, batch.key, times)


def _spliced(lines: Sequence[bytes]) -> bytes | None:
    """Return the points of lines as they are stored, in a list; None if one is not as we store it.

    To decode and encode each point would keep the training thread waiting: both need the
    interpreter's lock.
    """
    if len(lines) == 1:
        return None  # looked at closely: it may be what the server refuses
    try:
        points = [line[line.index(_DATA, 9) + _DATA_BYTES : -_TAIL_BYTES] for line in lines]
    except ValueError:
        return None
    for line, point in zip(lines, points, strict=True):
        if point[-1:] != b"}" or line[-_TAIL_BYTES:-_STAMP_BYTES] != _CREATED:
            return None
    return b"[" + b",".join(points) + b"]"


def _point(record: Mapping[str, Any]) -> dict[str, Any]:
    data = record.get("data")
    if isinstance(data, dict):
        return data
    raise _unreadable(codec.encode(dict(record)))


class TrackSink(AppendSink):
    """Takes entries of one track."""

    def __init__(self, server: Server, run_id: RunId, topic: str) -> None:
        super().__init__(server, run_id)
        self._topic = topic
        self._described: Facts = {}

    def send(self, batch: Batch) -> Verdict:
        """Send entries once, and before the first ones what is said about the track."""
        if batch.facts != self._described:
            verdict = attempt(
                lambda: self._server.create_track(self._run_id(), self._topic, **batch.facts)
            )
            if isinstance(verdict, (Retry, Halt)):
                return verdict
            if isinstance(verdict, Reject):
                _tell_not_described(self._topic, verdict.error)
            self._described = batch.facts
        return super().send(batch)

    def append(self, batch: Batch) -> Append:
        """Return entries as they are sent."""
        return track_entries(self._topic, decoded(batch.lines), batch.key)

    def part(self, batch: Batch) -> Append | None:
        """Return entries as a part of a larger request; None while the track is not described."""
        return self.append(batch) if batch.facts == self._described else None


def _tell_not_described(topic: str, error: MLDashError) -> None:
    _log.warning(
        "The server did not take what is said about track %r, only its entries: %s", topic, error,
        extra=about("delivering a track", error, track=topic),
    )  # fmt: skip


class ParamSink(AppendSink):
    """Takes changes of the parameters; several at once are merged."""

    bounds = Bounds(500)
    doubles = False

    def append(self, batch: Batch) -> Append:
        """Return changes as they are sent; sent twice they do what they do when sent once."""
        return parameters(_merged(batch.lines))


def _merged(lines: Sequence[bytes]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for event, line in zip(events(lines), lines, strict=True):
        data = event.get("data")
        if not isinstance(data, dict):
            raise _unreadable(line)
        merged |= data
    return merged


def events(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return what events of the journal say.

    Raises:
        CorruptDataError: a line is no such event.
    """
    found = []
    for line, record in zip(lines, decoded(lines), strict=True):
        data = record.get("data")
        if not isinstance(data, dict):
            raise _unreadable(line)
        found.append(data)
    return found


def decoded(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """Return the records of lines.

    Raises:
        CorruptDataError: a line is no JSON object.
    """
    found = []
    for line in lines:
        try:
            record = codec.decode(line)
        except ValueError as error:
            raise _unreadable(line) from error
        if not isinstance(record, dict):
            raise _unreadable(line)
        found.append(record)
    return found


def _unreadable(line: bytes) -> CorruptDataError:
    return CorruptDataError(
        f"A stored line is no readable record: {line[:80]!r}",
        kept="the line is in its stream, and in rejected.jsonl",
        hint="Look at it with `ml-dash rejected`",
    )


def date_of(header: str | None) -> float | None:
    """Return the time that a header gives, in seconds since the epoch; None when it gives none."""
    try:
        return None if header is None else parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError):
        return None
