"""Records of many streams in one request: one way there and back, one transaction for all.

A run with a thousand metrics would else ask a thousand times. The body is lines of JSON, two for
each part: what it is (``{"kind": "metrics", "name": "train", "key": "run/train/0-99"}``), and what
a request of its own would carry. Each part has its own key and its own answer: one that is refused
leaves the others as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from ml_dash.server import errors
from ml_dash.server.errors import TooLargeError, UnfitError
from ml_dash.server.web.appends import BY_KIND, Append, store_points
from ml_dash.server.web.asking import LONGEST_KEY, Asked, Asker, all_once, once, writing
from ml_dash.server.web.bodies import NDJSON, Body, body_of_kind, parse
from ml_dash.server.web.observed import BUNDLE_MAX, request_id

_BODY: Final = {
    "required": True,
    "content": {NDJSON: {"schema": {"type": "string", "description": __doc__}}},
}
BUNDLE_ANSWER: Final = {
    "type": "object",
    "required": ["parts"],
    "properties": {
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status", "body"],
                "properties": {"status": {"type": "integer"}, "body": {"type": "object"}},
            },
        }
    },
}

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["records"])


class PartHead(Body):
    """What a part is."""

    kind: Literal["logs", "params", "metrics", "tracks"]
    name: str = ""
    key: str | None = Field(default=None, min_length=1, max_length=LONGEST_KEY)


@dataclass(frozen=True)
class Part:
    """A part whose records are ready, or the error that they met."""

    head: PartHead
    ready: Append | Exception


async def lines_of(request: Request) -> list[bytes]:
    """Return the lines of a bundle, two for each part.

    Raises:
        UnfitError: one is missing.
        TooLargeError: there are too many.
    """
    lines = (await body_of_kind(request, NDJSON)).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if not lines or len(lines) % 2:
        raise UnfitError(f"The bundle has {len(lines)} lines", hint="Send two lines for each part")
    if len(lines) > 2 * BUNDLE_MAX:
        raise TooLargeError(
            f"{len(lines) // 2} parts are more than {BUNDLE_MAX}", hint="Send several bundles",
            context={"parts": len(lines) // 2, "most": BUNDLE_MAX},
        )  # fmt: skip
    return lines


@router.post(
    "/bundle",
    openapi_extra={"requestBody": _BODY},
    responses={200: {"content": {"application/json": {"schema": BUNDLE_ANSWER}}}},
)
def append_bundle(
    request: Request, who: Asker, experiment_id: str,
    lines: Annotated[list[bytes], Depends(lines_of)],
) -> Response:  # fmt: skip
    """Append the records of many streams, each once for its key, in one transaction."""
    heads = [parse(PartHead, line) for line in lines[::2]]
    name = request_id(request.scope)
    parts = [
        Part(head, _ready(who, experiment_id, head, body))
        for head, body in zip(heads, lines[1::2], strict=True)
    ]
    replies = [b""] * len(parts)
    # In the order of what they lock, so that two bundles never wait for each other.
    order = sorted(range(len(parts)), key=lambda n: (heads[n].kind, heads[n].name, n))
    with writing(who, experiment_id) as (connection, row):
        together = _stored_together(who, connection, row, [(n, parts[n]) for n in order])
        for number in order:
            if number not in together:
                replies[number] = _stored(who, connection, row, parts[number], name)
    for number, reply in together.items():
        replies[number] = reply
    for part in parts:
        if isinstance(part.ready, Append):
            part.ready.then()
    return Response(b'{"parts":[' + b",".join(replies) + b"]}", media_type="application/json")


def _ready(who: Asked, experiment_id: str, head: PartHead, body: bytes) -> Append | Exception:
    kind = BY_KIND[head.kind]
    try:
        sent = parse(kind.model, body, values=kind.values)
        return kind.ready(who, experiment_id, head.name, sent)
    except errors.FORESEEN as error:
        return error


def _stored_together(
    who: Asked, connection: Connection, row: Any, parts: list[tuple[int, Part]]
) -> dict[int, bytes]:
    """Store the points of several metrics with a few statements; return the answers by number.

    All of them or none: where one meets an error, each is stored by itself, and meets its own.
    """
    times = Counter(part.head.name for _, part in parts if part.head.kind == "metrics")
    chosen = [
        (number, part.head, part.ready.points)
        for number, part in parts
        if isinstance(part.ready, Append) and part.ready.points and times[part.head.name] == 1
    ]
    if len(chosen) < 2:
        return {}
    named = [(_path(row, head), head.key) for _, head, _ in chosen]

    def work(left: Sequence[int]) -> Sequence[dict[str, Any]]:
        return store_points(connection, row, [chosen[at][2] for at in left])

    try:
        with connection.begin_nested():
            told = all_once(who, connection, row, named, work)
    except errors.FORESEEN:
        return {}
    return {number: _taken(each) for (number, _, _), each in zip(chosen, told, strict=True)}


def _stored(who: Asked, connection: Connection, row: Any, part: Part, name: str) -> bytes:
    """Store a part, and return its answer."""
    ready = part.ready
    if isinstance(ready, Exception):
        return refusal(ready, name)
    try:
        with connection.begin_nested():
            told = once(who, connection, row, _path(row, part.head), part.head.key, ready.do)
    except errors.FORESEEN as error:
        return refusal(error, name)
    return _taken(told)


def _path(row: Any, head: PartHead) -> str:
    """Return the path of a request of its own, of which the part's key is a name."""
    return f"/api/experiments/{row.id}/{BY_KIND[head.kind].path.format(head.name)}"


def _taken(told: bytes) -> bytes:
    return b'{"status":200,"body":%b}' % told


def refusal(error: Exception, name: str) -> bytes:
    """Return the answer of a part that is refused; the server's own trouble is raised."""
    told = errors.answer(error, name)
    if told.status >= 500:
        raise error  # the server's own trouble concerns the whole request
    return orjson.dumps({"status": told.status, "body": dict(told.body)}, default=str)
