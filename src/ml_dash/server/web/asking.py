"""What every route is given: who asks, and the server's parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Header
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from ml_dash._record import codec
from ml_dash.server.auth import access
from ml_dash.server.auth.access import Caller
from ml_dash.server.errors import ForbiddenError
from ml_dash.server.parts import Parts, parts_of
from ml_dash.server.records import keys, nodes
from ml_dash.server.settings import LOOPBACK

LONGEST_KEY = 512
KEY_HEADER = "idempotency-key"
"""A request's name, and in the answer the sign that it is honoured."""

Work = Callable[[Connection, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    """A request of a known caller."""

    parts: Parts
    caller: Caller
    path: str


def asked(
    request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> Asked:
    """Return who asks, for a route.

    Raises:
        UnauthenticatedError: nobody that is known.
        ForbiddenError: their token is for the end of a login only; see :func:`check_origin`.
        TooManyError: their token sends too many requests.
    """
    parts = parts_of(request)
    check_origin(request)
    caller = parts.gate.caller(authorization)
    parts.rates.count(caller.token)
    if caller.kind == "login":
        raise ForbiddenError(
            "This token only ends a login", hint="Exchange it at /api/auth/exchange"
        )
    # Not the path of the URL, which ends where a name has a question mark.
    return Asked(parts, caller, request.scope["path"])


def check_origin(request: Request) -> None:
    """Refuse what a page of somebody else makes a browser send to a server without authentication.

    Raises:
        ForbiddenError: the request comes from such a page, or by a name that is not this machine's.
    """
    settings = parts_of(request).settings
    if not settings.no_auth:
        return
    origin = request.headers.get("origin")
    names = {*LOOPBACK, urlsplit(settings.public_url).hostname}
    foreign = origin is not None and urlsplit(origin).netloc != request.url.netloc
    if foreign or request.url.hostname not in names:
        raise ForbiddenError("A server without authentication answers no pages of others")


Asker = Annotated[Asked, Depends(asked)]


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=LONGEST_KEY,
            description="A name for this request. Sent again under it, the request is applied no "
            "second time, and answered as the first was.",
        ),
    ] = None,
) -> str | None:
    """Return the name of a request."""
    return idempotency_key


Key = Annotated[str | None, Depends(idempotency_key)]


def apply_once(who: Asked, experiment_id: str, key: str | None, work: Work) -> Response:
    """Do something to an experiment, once for each key, in one transaction; return the answer.

    Args:
        who: The request.
        experiment_id: The experiment, as the request names it.
        key: The request's name; without one it is applied as it is.
        work: Does it, and returns the answer.
    """
    with writing(who, experiment_id) as (connection, row):
        reply = once(who, connection, row, who.path, key, work)
    headers = {} if key is None else {KEY_HEADER: key}
    return Response(reply, media_type="application/json", headers=headers)


@contextmanager
def writing(who: Asked, experiment_id: str) -> Iterator[tuple[Connection, Any]]:
    """One transaction on an experiment that the caller may write to: it is seen to be alive.

    Raises:
        MissingError, ForbiddenError: the caller may not write to it.
    """
    with who.parts.database.write() as connection:
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
        yield connection, row
        nodes.touch(connection, row.id)


def once(
    who: Asked, connection: Connection, row: Any, path: str, key: str | None, work: Work
) -> bytes:
    """Do something to an experiment unless it was done under this key; return the answer as JSON.

    Args:
        who: The request.
        connection: An open write transaction.
        row: The experiment.
        path: What was asked for.
        key: The request's name.
        work: Does it, and returns the answer.
    """
    return all_once(who, connection, row, [(path, key)], lambda _left: [work(connection, row)])[0]


def all_once(
    who: Asked,
    connection: Connection,
    row: Any,
    named: Sequence[tuple[str, str | None]],
    work: Callable[[Sequence[int]], Sequence[Mapping[str, Any]]],
) -> list[bytes]:
    """Do several things to an experiment, those that were not done; return the answers as JSON.

    Args:
        who: The request.
        connection: An open write transaction.
        row: The experiment.
        named: What was asked for, and the name of that request; no name twice.
        work: Is given the positions of those that are to be done, does them, and returns their
            answers.
    """
    known_as = {at: keys.named(path, key) for at, (path, key) in enumerate(named) if key}
    days = who.parts.settings.key_days
    told = keys.take_all(connection, list(known_as.values()), row.id, days)
    replies = {at: told[key.digest].encode() for at, key in known_as.items() if key.digest in told}
    left = [at for at in range(len(named)) if at not in replies]
    if left:
        new = zip(left, (codec.encode(dict(reply)) for reply in work(left)), strict=True)
        replies |= dict(new)
        keys.note(connection, {
            known_as[at].digest: replies[at].decode() for at in left if at in known_as
        })  # fmt: skip
    return [replies[at] for at in range(len(named))]


def values_reply(reply: Mapping[str, Any]) -> Response:
    """Return an answer with logged values, in which NaN and the infinities are marked texts."""
    return Response(codec.encode(dict(reply)), media_type="application/json")
