"""The server's calls as sinks of delivery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._delivery.ports import Batch, Facts
from ml_dash._delivery.verdicts import Halt, Reject, Retry, Verdict, attempt
from ml_dash._record import codec
from ml_dash._remote import documents, replies
from ml_dash._remote.calls import encoded
from ml_dash._remote.credentials import Credentials
from ml_dash._remote.files import FileCalls
from ml_dash._remote.records import RecordCalls, metric_route
from ml_dash._remote.retry import RetryPolicy
from ml_dash._remote.signs import SignCalls
from ml_dash._remote.tracks import TrackCalls
from ml_dash._remote.transport import Transport
from ml_dash.exceptions import CorruptDataError, MLDashError

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


class Server(FileCalls, RecordCalls, TrackCalls, SignCalls):
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

    def append_points(
        self,
        experiment_id: str,
        metric: str | None,
        points: bytes,
        count: int,
        facts: dict[str, Any],
        key: str,
    ) -> None:
        """Append points to a metric, given as the JSON of a list.

        Raises:
            PartialAcceptError: the answer does not say that all points were taken.
            RemoteClientError: the request failed.
        """
        path = metric_route(experiment_id, metric, "append-batch")
        head = encoded({}, **facts)[:-1] + b"," if facts else b"{"
        body = b'%b"dataPoints":%b}' % (head, points)
        reply = self._call("POST", path, body, idempotency_key=key)
        replies.accepted(reply, "count", count, self._what("POST", path))

    def close(self) -> None:
        """Close the connections, if there are any."""
        self._transport.close()


class LogSink:
    """Takes log lines."""

    max_records = 2000
    doubles = True

    def __init__(self, server: Server, run_id: RunId) -> None:
        self._server = server
        self._run_id = run_id

    def send(self, batch: Batch) -> Verdict:
        """Send log lines once."""
        return attempt(
            lambda: self._server.create_log_entries(
                self._run_id(), [_log_line(each) for each in decoded(batch.lines)],
                idempotency_key=batch.key,
            )
        )  # fmt: skip


def _log_line(record: Mapping[str, Any]) -> dict[str, Any]:
    line = {name: record[name] for name in ("timestamp", "level", "metadata") if name in record}
    message = record.get("message")
    # A message that is no text was printed as one, too.
    return {**line, "message": message if isinstance(message, str) else str(message)}


class MetricSink:
    """Takes points of one metric."""

    max_records = 4000
    doubles = True

    def __init__(self, server: Server, run_id: RunId, name: str | None) -> None:
        self._server = server
        self._run_id = run_id
        self._name = name

    def send(self, batch: Batch) -> Verdict:
        """Send points once."""
        joined = _spliced(batch.lines)
        if joined is None:
            return attempt(lambda: self._send_decoded(batch))
        return attempt(
            lambda: self._server.append_points(
                self._run_id(), self._name, joined, len(batch.lines), dict(batch.facts), batch.key
            )
        )

    def _send_decoded(self, batch: Batch) -> None:
        points = [_point(each) for each in decoded(batch.lines)]
        self._server.append_batch_to_metric(
            self._run_id(), self._name, points, **batch.facts, idempotency_key=batch.key
        )


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


class TrackSink:
    """Takes entries of one track."""

    max_records = 2000
    doubles = True

    def __init__(self, server: Server, run_id: RunId, topic: str) -> None:
        self._server = server
        self._run_id = run_id
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
        return attempt(
            lambda: self._server.append_batch_to_track(
                self._run_id(), self._topic, decoded(batch.lines), idempotency_key=batch.key
            )
        )


def _tell_not_described(topic: str, error: MLDashError) -> None:
    _log.warning(
        "The server did not take what is said about track %r, only its entries: %s", topic, error,
        extra=about("delivering a track", error, track=topic),
    )  # fmt: skip


class ParamSink:
    """Takes changes of the parameters; several at once are merged."""

    max_records = 500
    doubles = False

    def __init__(self, server: Server, run_id: RunId) -> None:
        self._server = server
        self._run_id = run_id

    def send(self, batch: Batch) -> Verdict:
        """Send changes; sent twice they do what they do when sent once."""
        return attempt(lambda: self._server.set_parameters(self._run_id(), _merged(batch.lines)))


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
