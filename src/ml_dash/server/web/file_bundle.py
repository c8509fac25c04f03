"""Many small files in one request: one way there and back, one transaction for all.

A run with a hundred thousand small files would else ask a hundred thousand times. The body is,
for each file, a line of JSON that says what it is
(``{"path": "models/best", "name": "w.bin", "size": 3, "checksum": SHA-256, "key": "file-7"}``),
as many bytes as it says, and a line end. Each file has its own key and its own answer: one that is
refused leaves the others as they are. Folders that are not there are made.

First all bytes are written and synced, then the rows are committed: no row is without its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from ml_dash.exceptions import ChecksumMismatchError
from ml_dash.server import errors
from ml_dash.server.auth import access
from ml_dash.server.blobs import Blob
from ml_dash.server.errors import TooLargeError, UnfitError
from ml_dash.server.names import checked_name
from ml_dash.server.records import files, folders, keys
from ml_dash.server.web.asking import LONGEST_KEY, Asked, Asker, writing
from ml_dash.server.web.bodies import Text, body_of_kind, decoded, fitted
from ml_dash.server.web.bundle import BUNDLE_ANSWER, refusal
from ml_dash.server.web.observed import FILES_MAX, request_id
from ml_dash.server.web.uploads import FileFacts

KIND: Final = "application/vnd.ml-dash.files"
MOST_BYTES: Final = 4 << 20
"""How large a request may be."""
DEEPEST: Final = 32
"""How many folders may be in each other."""

_LONGEST_HEAD: Final = 64 << 10
_BODY: Final = {
    "required": True,
    "content": {KIND: {"schema": {"type": "string", "format": "binary", "description": __doc__}}},
}

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["tree"])


class FileHead(FileFacts):
    """What a file is."""

    path: Text = ""
    key: str | None = Field(default=None, min_length=1, max_length=LONGEST_KEY)


@dataclass(frozen=True)
class Ready:
    """A file that can be stored."""

    head: FileHead
    folder: folders.Steps
    content: bytes
    blob: Blob
    facts: Mapping[str, Any]


Replies = dict[int, bytes]
"""Answers by the numbers of their parts."""


async def body_of_files(request: Request) -> bytes:
    """Return the body of a request with files."""
    return await body_of_kind(request, KIND, MOST_BYTES)


@router.post(
    "/files",
    openapi_extra={"requestBody": _BODY},
    responses={200: {"content": {"application/json": {"schema": BUNDLE_ANSWER}}}},
)
def store_files(
    request: Request, who: Asker, experiment_id: str,
    body: Annotated[bytes, Depends(body_of_files)],
) -> Response:  # fmt: skip
    """Store many small files, each once for its key and in the place of the one of its name."""
    parts = split(body)
    name = request_id(request.scope)
    with who.parts.database.read() as connection:
        # Looked at before bytes are stored, and again where the references are.
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
    replies: Replies = {}
    ready: dict[int, Ready] = {}
    for number, (head, content) in enumerate(parts):
        try:
            ready[number] = _checked(who, head, content)
        except errors.FORESEEN as error:
            replies[number] = refusal(error, name)
    replies |= _known(who, row, ready)
    news = {number: each for number, each in ready.items() if number not in replies}
    if news:
        who.parts.blobs.store_all({each.blob.sha256: each.content for each in news.values()})
        with writing(who, experiment_id) as (connection, row):
            replies |= _stored(who, connection, row, news)
    told = b",".join(replies[number] for number in range(len(parts)))
    return Response(b'{"parts":[' + told + b"]}", media_type="application/json")


def split(body: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """Return the heads and the contents of files.

    Raises:
        UnfitError, BadRequestError: this is no such body.
        TooLargeError: it has too many files.
    """
    found: list[tuple[dict[str, Any], bytes]] = []
    at = 0
    while at < len(body):
        end = body.find(b"\n", at, at + _LONGEST_HEAD)
        if end < 0:
            raise _misshapen(len(found), "has no line that says what it is")
        head = decoded(body[at:end])
        size = head.get("size") if isinstance(head, dict) else None
        if type(size) is not int or size < 0:
            raise _misshapen(len(found), "does not say its size")
        at = end + 1 + size
        if body[at : at + 1] != b"\n":
            raise _misshapen(len(found), "does not end where it says")
        found.append((head, body[end + 1 : at]))
        at += 1
        if len(found) > FILES_MAX:
            raise TooLargeError(
                f"The request has more than {FILES_MAX} files", hint="Send several",
                context={"most": FILES_MAX},
            )  # fmt: skip
    if not found:
        raise UnfitError("The request has no files")
    return found


def _misshapen(number: int, what: str) -> UnfitError:
    return UnfitError(
        f"File {number} of the request {what}; nothing was stored", context={"position": number}
    )


def _checked(who: Asked, sent: dict[str, Any], content: bytes) -> Ready:
    """Return a file that can be stored; raises one of :data:`errors.FORESEEN` for another."""
    most_bytes = who.parts.settings.file_max_bytes
    if len(content) > most_bytes:
        raise TooLargeError(
            f"The file is larger than {most_bytes} bytes; nothing of it was stored",
            context={"most_bytes": most_bytes},
        )
    head = fitted(FileHead, sent)
    folder = tuple(step for step in head.path.split("/") if step)
    if len(folder) > DEEPEST:
        raise TooLargeError(f"The file is in {len(folder)} folders, more than {DEEPEST}",
                            context={"most": DEEPEST})  # fmt: skip
    for step in folder:
        checked_name(step, "folder")
    facts = head.facts()
    found = sha256(content).hexdigest()
    if found != head.checksum.lower():
        raise ChecksumMismatchError(
            f"The SHA-256 of what arrived is {found}, not {head.checksum}",
            kept="the sender's file; nothing was stored here", hint="send the file again",
            context={"sha256": found, "size_bytes": len(content)},
        )  # fmt: skip
    return Ready(head, folder, content, Blob(found, len(content)), facts)


def _known(who: Asked, row: Any, ready: Mapping[int, Ready]) -> Replies:
    """Return the answers to files that were stored before, so that nothing is written for them."""
    named = _digests(row, ready)
    if not named:
        return {}
    with who.parts.database.read() as connection:
        known = keys.known(connection, set(named.values()))
    return {number: known[key].encode() for number, key in named.items() if key in known}


def _digests(row: Any, ready: Mapping[int, Ready]) -> dict[int, str]:
    path = f"/api/experiments/{row.id}/files"
    named = ((number, each.head.key) for number, each in ready.items())
    return {number: keys.named(path, key).digest for number, key in named if key is not None}


def _stored(who: Asked, connection: Connection, row: Any, news: Mapping[int, Ready]) -> Replies:
    """Refer to files whose bytes are stored; return their answers."""
    named = _digests(row, news)
    # Of no stream: a file is found by its name, so that doing it once more doubles nothing.
    own = [keys.Key(digest) for digest in sorted(set(named.values()))]
    taken = keys.take_all(connection, own, row.id, kept_days=0)
    replies = {n: taken[key].encode() for n, key in named.items() if key in taken}
    # Of two under one key the first counts.
    first = {named[n]: n for n in sorted(named, reverse=True)}
    left = {n: news[n] for n in news if n not in replies and first.get(named.get(n, ""), n) == n}
    if left:
        told = _referred(who, connection, row, list(left.values()))
        replies |= zip(left, told, strict=True)
        keys.note(connection, {named[n]: replies[n].decode() for n in left if n in named})
    return {n: replies[first[named[n]]] if n not in replies else replies[n] for n in news}


def _referred(who: Asked, connection: Connection, row: Any, news: Sequence[Ready]) -> list[bytes]:
    ids = who.parts.ids
    parents = folders.ensure_folders(connection, ids, row, {each.folder for each in news})
    rows = [
        files.NewFile(parents[each.folder], each.head.name, each.blob, each.facts) for each in news
    ]
    made = files.put_files(connection, ids, row, rows)
    return [_answer(node_id, each.blob) for node_id, each in zip(made, news, strict=True)]


def _answer(node_id: int, blob: Blob) -> bytes:
    physical = {"sizeBytes": str(blob.size_bytes), "checksum": blob.sha256}
    body = {"node": {"id": str(node_id)}, "physicalFile": physical}
    return orjson.dumps({"status": 200, "body": body})
