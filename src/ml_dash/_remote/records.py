"""Logs, parameters and metrics of a run on the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ml_dash._base.deprecate import changes
from ml_dash._record import codec
from ml_dash._remote import replies
from ml_dash._remote.appends import Append, AppendCalls
from ml_dash._remote.calls import LoggedValue, checked_fields, comma_list, encoded, given
from ml_dash._remote.paging import whole
from ml_dash._remote.transport import route


class RecordCalls(AppendCalls):
    """Append and read what a run logs."""

    # -- logs ------------------------------------------------------------------------------------

    def create_log_entries(
        self,
        experiment_id: str,
        logs: list[dict[str, Any]],
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Append log lines.

        Args:
            experiment_id: The run's id on the server.
            logs: Dicts of ``timestamp``, ``level``, ``message`` and optionally ``metadata``.
            idempotency_key: A name for this request, by which the server knows it when it is sent
                again. Without one it is sent once only.

                .. versionadded:: 0.7

        Returns:
            The server's answer, with ``created``, ``startSequence`` and ``endSequence``.

        Raises:
            PartialAcceptError: the answer does not say that all lines were taken.
            SerializationError: metadata has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        return self._append(experiment_id, log_lines(logs, idempotency_key))

    def query_logs(
        self,
        experiment_id: str,
        limit: int | None = None,
        offset: int | None = None,
        order_by: str | None = None,
        order: str | None = None,
        level: list[str] | None = None,
        start_time: str | None = None,
        end_time: str | None = None,
        search: str | None = None,
    ) -> dict[str, Any]:
        """Read log lines.

        Args:
            experiment_id: The run's id on the server.
            limit: At most so many lines.
            offset: Skip so many.
            order_by: ``timestamp`` or ``sequenceNumber``.
            order: ``asc`` or ``desc``.
            level: Only these levels.
            start_time: Only from this time on (ISO 8601).
            end_time: Only up to this time (ISO 8601).
            search: Only lines with this text.

        Returns:
            A dict with ``logs``, ``total`` and ``hasMore``.

        Raises:
            RemoteClientError: the request failed.
        """
        params = given(
            limit=limit, offset=offset, orderBy=order_by, order=order, level=comma_list(level),
            startTime=start_time, endTime=end_time, search=search,
        )  # fmt: skip
        path = route("experiments", experiment_id, "logs")
        reply = self._call("GET", path, params=params)
        for line in replies.field(reply, "logs", list, self._what("GET", path)):
            if isinstance(line, dict) and line.get("metadata"):
                line["metadata"] = codec.decode(orjson.dumps(line["metadata"]))
        return dict(reply)

    # -- the run itself --------------------------------------------------------------------------

    def get_experiment(self, experiment_id: str) -> dict[str, Any]:
        """Return all facts of a run: status, times, description, tags, bindrs, metadata and more.

        A call of 0.7's server; those of 0.6 answer 404.

        Raises:
            RemoteNotFoundError: there is no such run, or the server is one of 0.6.
            RemoteClientError: the request failed.

        .. versionadded:: 0.7
        """
        path = route("experiments", experiment_id)
        reply = self._call("GET", path, values=True)
        return replies.field({"reply": reply}, "reply", dict, self._what("GET", path))

    # -- parameters ------------------------------------------------------------------------------

    def set_parameters(self, experiment_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Merge parameters (flat, dotted names) into the run's.

        Raises:
            SerializationError: a value has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        return self._append(experiment_id, parameters(data), idempotent=True, values=True)

    @changes("RemoteClient.get_parameters")
    def get_parameters(self, experiment_id: str) -> dict[str, Any]:
        """Return the run's parameters; ``{}`` also when the answer has none, as in 0.6.

        Raises:
            RemoteClientError: the request failed.
        """
        return self._old_answer(
            "get_parameters", {}, lambda: self.get_parameters_or_raise(experiment_id)
        )

    def get_parameters_or_raise(self, experiment_id: str) -> dict[str, Any]:
        """Return the run's parameters.

        .. versionadded:: 0.7

        Raises:
            InvalidResponseError: the answer has none.
            RemoteNotFoundError: the server knows no such run, or no parameters of it.
            RemoteClientError: the request failed.
        """
        path = route("experiments", experiment_id, "parameters")
        reply = self._call("GET", path, values=True)
        return replies.field(reply, "data", dict, self._what("GET", path))

    def get_parameters_document(self, experiment_id: str) -> dict[str, Any]:
        """Return the run's parameters as ``data``, with their ``version`` and times.

        Raises:
            InvalidResponseError: the answer has none.
            RemoteNotFoundError: the server knows no such run, or no parameters of it.
            RemoteClientError: the request failed.

        .. versionadded:: 0.7
        """
        path = route("experiments", experiment_id, "parameters")
        reply = self._call("GET", path, values=True)
        replies.field(reply, "data", dict, self._what("GET", path))
        return dict(reply)

    # -- metrics ---------------------------------------------------------------------------------

    def append_to_metric(
        self,
        experiment_id: str,
        metric_name: str | None,
        data: dict[str, Any],
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Append one point to a metric; ``metric_name`` None is the unnamed one.

        Raises:
            SerializationError: a value has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        path = metric_route(experiment_id, metric_name, "append")
        body = encoded(
            given(description=description, tags=tags), data=data, **given(metadata=metadata)
        )
        reply = self._call("POST", path, body, idempotency_key=idempotency_key)
        return replies.field({"reply": reply}, "reply", dict, self._what("POST", path))

    def append_batch_to_metric(
        self,
        experiment_id: str,
        metric_name: str | None,
        data_points: list[dict[str, Any]],
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Append points to a metric, in order.

        Args:
            experiment_id: The run's id on the server.
            metric_name: The metric; None is the unnamed one.
            data_points: One dict per point.
            description: What the metric is.
            tags: Words to find it by.
            metadata: Facts about it.
            idempotency_key: A name for this request, by which the server knows it when it is sent
                again. Without one it is sent once only.

                .. versionadded:: 0.7

        Returns:
            The server's answer, with ``startIndex``, ``endIndex`` and ``count``.

        Raises:
            PartialAcceptError: the answer does not say that all points were taken.
            SerializationError: a value has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        facts = given(description=description, tags=tags, metadata=metadata)
        points = metric_points(metric_name, data_points, facts, idempotency_key)
        return self._append(experiment_id, points)

    def read_metric_data(
        self, experiment_id: str, metric_name: str | None, start_index: int = 0, limit: int = 1000
    ) -> dict[str, Any]:
        """Read points of a metric.

        Returns:
            A dict with ``data`` (dicts of ``index`` and ``data``), ``hasMore`` and more.

        Raises:
            RemoteClientError: the request failed.
        """
        return self.get_metric_data(experiment_id, metric_name, start_index, limit)

    def get_metric_data(
        self,
        experiment_id: str,
        metric_name: str | None,
        start_index: int | None = None,
        limit: int | None = None,
        buffer_only: bool = False,
    ) -> dict[str, Any]:
        """Read points of a metric; with ``buffer_only`` those that are in no chunk yet.

        Raises:
            RemoteClientError: the request failed.
        """
        params = given(
            startIndex=start_index, limit=limit, bufferOnly="true" if buffer_only else None
        )
        path = metric_route(experiment_id, metric_name, "data")
        reply = self._call("GET", path, params=params, values=True)
        replies.field(reply, "data", list, self._what("GET", path))
        return dict(reply)

    def download_metric_chunk(
        self, experiment_id: str, metric_name: str | None, chunk_number: int
    ) -> dict[str, Any]:
        """Read one chunk of a metric's older points.

        Raises:
            RemoteClientError: the request failed.
        """
        path = metric_route(experiment_id, metric_name, "chunks", chunk_number)
        reply = self._call("GET", path, values=True)
        replies.field(reply, "data", list, self._what("GET", path))
        return dict(reply)

    def get_metric_stats(self, experiment_id: str, metric_name: str | None) -> dict[str, Any]:
        """Return what the server knows about a metric: counts, chunks, description.

        Raises:
            RemoteClientError: the request failed.
        """
        path = metric_route(experiment_id, metric_name, "stats")
        reply = self._call("GET", path)
        return replies.field({"reply": reply}, "reply", dict, self._what("GET", path))

    def get_metric_series(
        self, experiment_id: str, metric_name: str | None, key: str, points: int = 1000
    ) -> dict[str, Any]:
        """Return the numbers under a key of a metric for a chart: few, with all extremes.

        A call of 0.7's server; those of 0.6 answer 404.

        Returns:
            A dict with ``indexes``, ``values``, ``totalPoints`` and more.

        Raises:
            RemoteNotFoundError: there is no such metric, or the server is one of 0.6.
            RemoteClientError: the request failed.

        .. versionadded:: 0.7
        """
        path = metric_route(experiment_id, metric_name, "series")
        params = {"key": key, "points": max(3, points)}
        reply = self._call("GET", path, params=params, values=True)
        replies.field(reply, "values", list, self._what("GET", path))
        return dict(reply)

    def list_metrics(self, experiment_id: str) -> list[dict[str, Any]]:
        """Return the run's metrics.

        Raises:
            InvalidResponseError: the answer has no list (is a ``KeyError``).
            RemoteClientError: the request failed.
        """
        path = route("experiments", experiment_id, "metrics")

        def fetch(offset: int) -> Any:
            return self._call("GET", path, params=given(offset=offset or None))

        return whole(fetch, "metrics", self._what("GET", path))


def metric_route(experiment_id: str, name: str | None, *rest: str | int) -> str:
    """Return the path of a metric; ``name`` None is the unnamed one."""
    # The unnamed metric has this name on the wire and on disk since 0.6.
    return route("experiments", experiment_id, "metrics", "None" if name is None else name, *rest)


def log_lines(logs: Sequence[Mapping[str, Any]], key: str | None = None) -> Append:
    """Return log lines, ready to be sent: only their metadata are logged values.

    Raises:
        InvalidValueError: a line is no dictionary.
        SerializationError: metadata has no JSON form.
    """
    lines = []
    for number, line in enumerate(logs):
        made = dict(checked_fields(line, f"logs[{number}]"))
        if made.get("metadata") is not None:
            made["metadata"] = LoggedValue(made["metadata"])
        lines.append(made)
    return Append("logs", encoded({"logs": lines}), len(lines), key=key)


def parameters(data: Mapping[str, Any]) -> Append:
    """Return parameters, ready to be sent; sent twice they do what they do when sent once.

    Raises:
        InvalidValueError: they are no dictionary.
        SerializationError: a value has no JSON form.
    """
    return Append("params", encoded({}, data=checked_fields(data, "data")), len(data))


def metric_points(
    name: str | None,
    points: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    key: str | None = None,
    times: Sequence[int] | None = None,
) -> Append:
    """Return points of a metric, ready to be sent.

    Args:
        name: The metric; None is the unnamed one.
        points: The points.
        facts: What is said about the metric.
        key: By it the server knows them when they come again.
        times: When they were logged: the first in ms since 1970, for each further one the ms
            since the one before; not sent when omitted.

    Raises:
        SerializationError: a value has no JSON form.
    """
    values = {each: facts[each] for each in facts if each == "metadata"}
    texts = {each: facts[each] for each in facts if each != "metadata"}
    texts |= {} if times is None else {"times": times}
    return Append(
        "metrics", encoded(texts, dataPoints=points, **values), len(points), name, key
    )  # fmt: skip


def stored_points(
    name: str | None,
    points: bytes,
    count: int,
    facts: Mapping[str, Any],
    key: str,
    times: Sequence[int] | None = None,
) -> Append:
    """Return points given as the JSON of a list, ready to be sent; see :func:`metric_points`.

    Raises:
        SerializationError: a fact has no JSON form.
    """
    said = {} if times is None else {"times": times}
    head = encoded(said, **facts)[:-1] + b"," if said or facts else b"{"
    return Append("metrics", b'%b"dataPoints":%b}' % (head, points), count, name, key)
