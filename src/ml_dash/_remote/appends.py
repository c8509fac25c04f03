"""What is appended to a run, as it goes over the wire: by itself, or with others in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml_dash._remote import replies
from ml_dash._remote.calls import Calls, encoded
from ml_dash._remote.transport import route
from ml_dash.exceptions import MLDashError

_NAME: Final = object()
_ROUTES: Final[Mapping[str, tuple[Any, ...]]] = {
    "logs": ("logs",),
    "params": ("parameters",),
    "metrics": ("metrics", _NAME, "append-batch"),
    "tracks": ("tracks", _NAME, "append_batch"),
}
_COUNTED_AS: Final = {"logs": "created", "metrics": "count", "tracks": "count"}
_UNNAMED: Final = "None"  # the unnamed metric has this name on the wire and on disk since 0.6
_NDJSON: Final = {"content-type": "application/x-ndjson"}


@dataclass(frozen=True)
class Append:
    """Records of one stream, ready to be sent.

    Attributes:
        kind: ``logs``, ``params``, ``metrics`` or ``tracks``.
        body: What a request of its own carries.
        count: How many records that is.
        name: Of the metric or the track.
        key: By it the server knows them when they come again.
    """

    kind: str
    body: bytes
    count: int
    name: str | None = None
    key: str | None = None

    def path(self, experiment_id: str) -> str:
        """Return where a request of its own goes."""
        name = _UNNAMED if self.name is None else self.name
        parts = (name if part is _NAME else part for part in _ROUTES[self.kind])
        return route("experiments", experiment_id, *parts)

    def checked(self, reply: Any, what: str) -> dict[str, Any]:
        """Return the answer, if it says that all records were taken.

        Raises:
            PartialAcceptError: it says another number, or none.
            InvalidResponseError: it is no object.
        """
        counted_as = _COUNTED_AS.get(self.kind)
        if counted_as is None:
            return replies.field({"reply": reply}, "reply", dict, what)
        return replies.accepted(reply, counted_as, self.count, what)

    @property
    def part(self) -> bytes:
        """As two lines of a bundle."""
        head: dict[str, Any] = {"kind": self.kind}
        if _NAME in _ROUTES[self.kind]:
            head["name"] = _UNNAMED if self.name is None else self.name
        if self.key is not None:
            head["key"] = self.key
        return b"%b\n%b\n" % (encoded(head), self.body)


class AppendCalls(Calls):
    """Append to a run."""

    def _append(self, experiment_id: str, records: Append, **how: Any) -> dict[str, Any]:
        path = records.path(experiment_id)
        reply = self._call("POST", path, records.body, idempotency_key=records.key, **how)
        return records.checked(reply, self._what("POST", path))

    def append_bundle(
        self, experiment_id: str, parts: Sequence[Append]
    ) -> list[MLDashError | None]:
        """Append records of several streams in one request.

        Args:
            experiment_id: The run's id on the server.
            parts: The records; see :attr:`Transport.bundle_max` for how many there may be.

        Returns:
            For each part why it was not taken, or None.

        Raises:
            RemoteClientError: the request failed; which parts were taken is not known.
        """
        path = f"/api{route('experiments', experiment_id, 'bundle')}"
        body = b"".join(each.part for each in parts)
        reply = self._transport.json("POST", path, body, headers=_NDJSON, idempotent=True)
        what = self._transport.what("POST", path)
        told = replies.parts(reply, len(parts), what)
        self._transport.honours_keys = True  # whoever takes bundles knows the keys of their parts
        return [self._outcome(experiment_id, *pair) for pair in zip(parts, told, strict=True)]

    def _outcome(self, experiment_id: str, part: Append, told: Any) -> MLDashError | None:
        path = part.path(experiment_id)
        try:
            part.checked(self._part_body(path, told), self._what("POST", path))
        except MLDashError as error:
            return error
        return None
