"""What the groups of server calls share: JSON, GraphQL, and the answers of 0.6."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
import orjson

from ml_dash._base import deprecate
from ml_dash._record import codec, jsonable
from ml_dash._remote import errors, replies
from ml_dash._remote.transport import Transport
from ml_dash.exceptions import (
    InvalidResponseError,
    InvalidValueError,
    MLDashError,
    SerializationError,
    UsageError,
)

_CHANGES = re.compile(r"\b(mutation|subscription)\b")
T = TypeVar("T")


class LoggedValue:
    """A logged value inside a request, in the form that keeps its NaN and infinities.

    Raises:
        SerializationError: it has no JSON form.
    """

    __slots__ = ("json",)

    def __init__(self, value: Any) -> None:
        self.json = codec.encode(value)


def lacks_field(error: MLDashError) -> bool:
    """Return whether an error says that a part of an otherwise good answer is missing."""
    return isinstance(error, InvalidResponseError) and "field" in error.context


class Calls:
    """A group of calls to one server; the groups together are the public client."""

    _transport: Transport
    _rules: deprecate.Rules

    def _call(self, method: str, path: str, body: bytes | None = None, **how: Any) -> Any:
        return self._transport.json(method, f"/api{path}", body, **how)

    def _what(self, method: str, path: str) -> str:
        return self._transport.what(method, f"/api{path}")

    def _part_body(self, path: str, told: Any) -> dict[str, Any]:
        """Return the answer to a part of a request, if it is no refusal.

        Args:
            path: Where a request of its own would go.
            told: What the server says of it.

        Raises:
            MLDashError: why it was not taken, as its own request would have raised.
        """
        what = self._what("POST", path)
        status = replies.field(told, "status", int, what)
        body: dict[str, Any] = replies.field(told, "body", dict, what)
        if status == 200:
            return body
        request = httpx.Request("POST", f"{self._transport.url}/api{path}")
        response = httpx.Response(status, content=orjson.dumps(body), request=request)
        raise errors.from_response(response, what)

    def _graphql(self, query: str, variables: dict[str, Any] | None, name: str) -> dict[str, Any]:
        found: dict[str, Any] = replies.with_values(self._graphql_as_sent(query, variables, name))
        return found

    def _graphql_as_sent(
        self, query: str, variables: dict[str, Any] | None, name: str
    ) -> dict[str, Any]:
        body = encoded({"query": query, "variables": variables or {}})
        changes = _CHANGES.search(query) is not None
        reply = self._transport.json("POST", "/graphql", body, idempotent=not changes)
        return replies.field({"data": replies.graphql_data(reply, name)}, "data", dict, name)

    def _old_answer(
        self,
        name: str,
        old: T,
        call: Callable[[], T],
        hidden: Callable[[MLDashError], bool] = lacks_field,
    ) -> T:
        """Return what ``call`` finds, or 0.6's answer; see :func:`deprecate.answer`."""
        return deprecate.answer(self._rules, f"RemoteClient.{name}", lambda: old, call, hidden)


def encoded(body: dict[str, Any], **values: Any) -> bytes:
    """Return the JSON of a request.

    Args:
        body: Names and texts, sent as they are.
        **values: Logged values, in which numbers that JSON lacks become marked text.

    Raises:
        SerializationError: a value has no JSON form.
    """
    for name, value in values.items():
        body[name] = LoggedValue(value)
    try:
        data = orjson.dumps(body, _fragment)
    except TypeError:
        data = b"null"  # to be written the slow way
    # orjson writes NaN, which is no name and no text, as null.
    return _encoded_slowly(body) if b"null" in data else data


def _encoded_slowly(body: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(body, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError as error:
        raise SerializationError(
            "A number in the request is NaN or infinite, where the server takes none",
            hint="Give a finite number or None", cause=error,
        ) from error  # fmt: skip
    return text.encode()


def _fragment(value: Any) -> Any:
    if isinstance(value, LoggedValue):
        return orjson.Fragment(value.json)
    return jsonable.to_plain(value)


def _plain(value: Any) -> Any:
    return json.loads(value.json) if isinstance(value, LoggedValue) else jsonable.to_plain(value)


def given(**fields: Any) -> dict[str, Any]:
    """Return the arguments that were given: None means not given, empty means empty."""
    return {name: value for name, value in fields.items() if value is not None}


def checked_fields(value: Any, what: str) -> Mapping[str, Any]:
    """Return ``value`` if it is a dictionary.

    Raises:
        InvalidValueError: it is not.
    """
    if isinstance(value, Mapping):
        return value
    raise InvalidValueError(f"{what} is a {type(value).__name__}", hint="Give a dictionary",
                            context={"argument": what})  # fmt: skip


def comma_list(names: str | list[str] | None) -> str | None:
    """Return names as the wire wants them.

    Raises:
        UsageError: a name has a comma, so the server would take it for two.
    """
    if names is None or isinstance(names, str):
        return names
    for name in names:
        if "," in name:
            raise UsageError(f"{name!r} has a comma, which the server takes for two names",
                             hint="Use names without commas")  # fmt: skip
    return ",".join(names)
