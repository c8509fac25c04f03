"""Reading what a server said yes with: every part that is used is checked first."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import httpx
import orjson

from ml_dash._base.secrecy import redacted
from ml_dash._record import codec
from ml_dash.exceptions import (
    CredentialsRejectedError,
    GraphQLError,
    InvalidResponseError,
    MLDashError,
    PartialAcceptError,
    PermissionDeniedError,
)

T = TypeVar("T")
_NAMES = {dict: "object", list: "list", str: "text", int: "whole number", bool: "true or false"}
_GRAPHQL_CODES: dict[str, type[MLDashError]] = {
    "UNAUTHENTICATED": CredentialsRejectedError,
    "UNAUTHORIZED": CredentialsRejectedError,
    "FORBIDDEN": PermissionDeniedError,
}


def parsed(response: httpx.Response, what: str, *, values: bool = False) -> Any:
    """Return the JSON of an answer.

    Args:
        response: The answer, read.
        what: The request, for the error.
        values: Whether it carries logged values, in which ``"NaN"`` is a number.

    Raises:
        InvalidResponseError: it is no JSON.
    """
    try:
        return _values(response.content) if values else orjson.loads(response.content)
    except (ValueError, RecursionError, httpx.DecodingError) as error:
        kind = response.headers.get("content-type", "no content type")
        size = len(response.content)
        raise InvalidResponseError(
            f"{what} was answered with {response.status_code} but not with JSON ({size} bytes, "
            f"{kind})",
            context={"request": what, "status": response.status_code},
            hint="Check that the URL is that of an ml-dash server, not of a proxy or a page",
            cause=error,
        ) from error


def _values(data: bytes) -> Any:
    """Return the value of JSON with logged values, however it is spaced.

    The codec takes lines with spaces after their colons for 0.6's, whose texts are not marked.
    """
    if b'NaN"' in data or b'Infinity"' in data:
        data = json.dumps(json.loads(data), separators=(",", ":")).encode()
    return codec.decode(data)


def with_values(reply: Any) -> Any:
    """Return an answer of GraphQL in which metadata and parameters are logged values again.

    They come with marked texts for the numbers that JSON lacks; every other text is as it is.
    """
    if isinstance(reply, list):
        return [with_values(each) for each in reply]
    if not isinstance(reply, dict):
        return reply
    found = {name: with_values(part) for name, part in reply.items() if name != "metadata"}
    if "metadata" in reply:
        found["metadata"] = _values(orjson.dumps(reply["metadata"]))
    if isinstance(found.get("parameters"), dict) and "data" in found["parameters"]:
        found["parameters"]["data"] = _values(orjson.dumps(reply["parameters"]["data"]))
    return found


def field(reply: Any, path: str, kind: type[T], what: str) -> T:
    """Return a part of an answer, named by a dotted path.

    Raises:
        InvalidResponseError: it is missing, null, or of another type.
    """
    value = reply
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if kind is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # type: ignore[return-value]  # an id as a number
    if not isinstance(value, kind):
        said = "nothing" if value is None else f"a {type(value).__name__}"
        raise InvalidResponseError(
            f"The answer to {what} has {said} where {path!r} should be "
            f"({_NAMES.get(kind, kind.__name__)})",
            context={"request": what, "field": path},
            hint="The server may be of another version; update ml-dash or the server",
        )
    return value


def part(reply: Any, name: str) -> dict[str, Any]:
    """Return an object inside an answer that may be missing; ``{}`` then."""
    value = reply.get(name) if isinstance(reply, dict) else None
    return value if isinstance(value, dict) else {}


def accepted(reply: Any, name: str, sent: int, what: str) -> dict[str, Any]:
    """Return an answer to records that were sent, if it says that all of them were taken.

    Raises:
        PartialAcceptError: it says another number, or none.
    """
    said = reply.get(name) if isinstance(reply, dict) else None
    count = int(said) if isinstance(said, (int, str)) and str(said).isdecimal() else None
    if count == sent and isinstance(reply, dict):
        return reply
    raise PartialAcceptError(
        f"{what}: {sent} records were sent, but the answer "
        + ("does not say how many were taken" if count is None else f"says {count} were taken"),
        context={"request": what, "sent": sent, "accepted": count},
        hint="Check on the server what arrived before sending them again",
    )


def parts(reply: Any, sent: int, what: str) -> list[Any]:
    """Return the answers to the parts of a request, one for each.

    Raises:
        PartialAcceptError: there are more or fewer.
        InvalidResponseError: there are none.
    """
    told: list[Any] = field(reply, "parts", list, what)
    if len(told) != sent:
        accepted({"parts": len(told)}, "parts", sent, what)
    return told


def graphql_data(reply: Any, what: str) -> dict[str, Any] | None:
    """Return the ``data`` of a GraphQL answer.

    Raises:
        GraphQLError: the answer carries errors.
        CredentialsRejectedError, PermissionDeniedError: they say so.
        InvalidResponseError: it is no GraphQL answer.
    """
    if not isinstance(reply, dict):
        raise InvalidResponseError(f"The answer to {what} is no JSON object",
                                   context={"request": what})  # fmt: skip
    problems = reply.get("errors")
    if problems:
        raise _graphql_error(problems if isinstance(problems, list) else [problems], what)
    data = reply.get("data")
    return data if data is None else field(reply, "data", dict, what)


def _graphql_error(problems: list[Any], what: str) -> MLDashError:
    texts, kind = [], GraphQLError
    for problem in problems:
        facts = problem if isinstance(problem, dict) else {"message": problem}
        texts.append(redacted(str(facts.get("message", facts))))
        extensions = facts.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        kind = _GRAPHQL_CODES.get(str(code).upper(), kind)  # type: ignore[assignment]
    return kind(
        f"{what} was refused: " + "; ".join(texts), context={"request": what, "errors": texts}
    )
