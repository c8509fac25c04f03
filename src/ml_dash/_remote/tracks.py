"""Tracks of a run on the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_dash._base.deprecate import changes
from ml_dash._remote import replies
from ml_dash._remote.appends import Append, AppendCalls
from ml_dash._remote.calls import checked_fields, comma_list, encoded, given
from ml_dash._remote.paging import whole
from ml_dash._remote.transport import route
from ml_dash.exceptions import InvalidValueError, UsageError

TRACK_FORMATS = ("json", "jsonl", "parquet", "mcap", "mocap")
_BYTES_FORMATS = frozenset({"jsonl", "parquet", "mcap"})


class TrackCalls(AppendCalls):
    """Append to and read tracks."""

    def create_track(
        self,
        experiment_id: str,
        topic: str,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Describe a track; appending to one needs no such call.

        Raises:
            RemoteClientError: the request failed.
        """
        path = route("experiments", experiment_id, "tracks")
        body = encoded(
            given(topic=topic, description=description, tags=tags), **given(metadata=metadata)
        )
        reply = self._call("POST", path, body)
        return replies.field({"reply": reply}, "reply", dict, self._what("POST", path))

    def append_to_track(
        self,
        experiment_id: str,
        topic: str,
        timestamp: float,
        data: dict[str, Any],
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Append one entry to a track.

        Raises:
            SerializationError: a value has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        path = route("experiments", experiment_id, "tracks", topic, "append")
        body = encoded({}, timestamp=timestamp, data=data)
        reply = self._call("POST", path, body, idempotency_key=idempotency_key)
        return replies.field({"reply": reply}, "reply", dict, self._what("POST", path))

    def append_batch_to_track(
        self,
        experiment_id: str,
        topic: str,
        entries: list[dict[str, Any]],
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Append entries to a track; each is a dict with ``timestamp`` and the fields.

        Raises:
            PartialAcceptError: the answer does not say that all entries were taken.
            InvalidValueError: an entry has no ``timestamp``; nothing was sent.
            SerializationError: a value has no JSON form; nothing was sent.
            RemoteClientError: the request failed.
        """
        return self._append(experiment_id, track_entries(topic, entries, idempotency_key))

    def get_track_data(
        self,
        experiment_id: str,
        topic: str,
        start_timestamp: float | None = None,
        end_timestamp: float | None = None,
        columns: list[str] | None = None,
        format: str = "json",
    ) -> Any:
        """Read a track.

        Args:
            experiment_id: The run's id on the server.
            topic: The track.
            start_timestamp: Only from this time on.
            end_timestamp: Only up to and including this time.
            columns: Only these fields, and the timestamp.
            format: ``json`` or ``mocap`` (parsed), ``jsonl``, ``parquet`` or ``mcap`` (bytes).

        Raises:
            UsageError: the format is unknown, or a column has a comma in its name.
            RemoteClientError: the request failed.
        """
        if format not in TRACK_FORMATS:
            raise UsageError(f"Unknown track format {format!r}",
                             hint="Use one of: " + ", ".join(TRACK_FORMATS))  # fmt: skip
        params = given(
            format=format, start_timestamp=start_timestamp, end_timestamp=end_timestamp,
            columns=comma_list(columns),
        )  # fmt: skip
        path = route("experiments", experiment_id, "tracks", topic, "data")
        if format in _BYTES_FORMATS:
            return self._transport.request("GET", f"/api{path}", params=params).content
        return self._call("GET", path, params=params, values=True)

    def iter_track_lines(self, experiment_id: str, topic: str) -> Iterator[bytes]:
        """Yield the entries of a track as lines of JSON, by time, as they arrive.

        Args:
            experiment_id: The run's id on the server.
            topic: The track.

        Raises:
            RemoteNotFoundError: there is no such track.
            RemoteClientError: the request failed, or broke off; what was yielded is whole.

        .. versionadded:: 0.7
        """
        path = "/api" + route("experiments", experiment_id, "tracks", topic, "data")
        rest = b""
        with self._transport.stream("GET", f"{path}?format=jsonl") as response:
            for chunk in response.iter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line)
        if rest:
            yield rest

    @changes("RemoteClient.list_tracks")
    def list_tracks(
        self, experiment_id: str, topic_filter: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the run's tracks; ``[]`` also when the answer has no list, as in 0.6.

        Raises:
            RemoteClientError: the request failed.
        """
        return self._old_answer(
            "list_tracks", [], lambda: self.list_tracks_or_raise(experiment_id, topic_filter)
        )

    def list_tracks_or_raise(
        self, experiment_id: str, topic_filter: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the run's tracks.

        Args:
            experiment_id: The run's id on the server.
            topic_filter: A topic, or ``folder/*``.

        .. versionadded:: 0.7

        Raises:
            InvalidResponseError: the answer has no list.
            RemoteClientError: the request failed.
        """
        path = route("experiments", experiment_id, "tracks")

        def fetch(offset: int) -> Any:
            return self._call("GET", path, params=given(topic=topic_filter, offset=offset or None))

        return whole(fetch, "tracks", self._what("GET", path))


def track_entries(
    topic: str, entries: Sequence[Mapping[str, Any]], key: str | None = None
) -> Append:
    """Return entries of a track, ready to be sent.

    Raises:
        InvalidValueError: an entry has no ``timestamp``.
        SerializationError: a value has no JSON form.
    """
    for number, entry in enumerate(entries):
        if "timestamp" not in checked_fields(entry, f"entries[{number}]"):
            raise InvalidValueError(f"entries[{number}] has no 'timestamp'",
                                    hint="Give each entry its time as a number")  # fmt: skip
    return Append("tracks", encoded({}, entries=entries), len(entries), topic, key)
