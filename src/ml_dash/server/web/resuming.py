"""Large files in pieces: what has arrived stays, and the sender goes on where it was cut off.

``PATCH`` appends a piece at an offset, ``HEAD`` tells how much has arrived, and ``POST`` makes a
file of it once it is whole: its SHA-256 is compared before anything refers to it. The name of an
upload is chosen by its sender, out of what is sent, so that it finds it again after a crash;
another user cannot reach it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path
from pydantic import Field
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ml_dash.server.auth import access
from ml_dash.server.blobs import Blob, Piece
from ml_dash.server.errors import MediaTypeError, TooLargeError
from ml_dash.server.records import files, keys
from ml_dash.server.web import incoming, shapes
from ml_dash.server.web.asking import KEY_HEADER, Asked, Asker, Key, apply_once
from ml_dash.server.web.bodies import Text, describes, parse, raw_body
from ml_dash.server.web.tree import ROOT, home_of_file
from ml_dash.server.web.uploads import FileFacts

KIND: Final = "application/octet-stream"
OFFSET_HEADER: Final = "upload-offset"
_WRITTEN_AT_ONCE_BYTES: Final = 1 << 20
_MOST: Final = 2**62

_BODY: Final = {
    "required": True,
    "content": {KIND: {"schema": {"type": "string", "format": "binary"}}},
}
_ANSWER: Final = {
    "type": "object", "required": ["offset"], "properties": {"offset": {"type": "integer"}},
}  # fmt: skip

router = APIRouter(prefix="/api/experiments/{experiment_id}/uploads", tags=["tree"])
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{32,64}$")]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=_MOST)]
Length = Annotated[int, Header(alias="Upload-Length", ge=1, le=_MOST)]


class Whole(FileFacts):
    """What becomes of an upload that is whole."""

    parent_id: Text = Field(ROOT, alias="parentId")
    size: int = Field(ge=1, le=_MOST)


@router.head("/{upload}", response_class=Response)
def look(who: Asker, experiment_id: str, upload: Name) -> Response:
    """Return how much of an upload has arrived, in the header Upload-Offset."""
    offset = who.parts.partials.size(who.caller.user_id, _full_name(who, experiment_id, upload))
    return Response(headers={OFFSET_HEADER: str(offset), "cache-control": "no-store"})


@router.patch(
    "/{upload}",
    openapi_extra={"requestBody": _BODY},
    responses={200: {"content": {"application/json": {"schema": _ANSWER}}}},
)
async def append(
    request: Request, who: Asker, experiment_id: str, upload: Name, offset: Offset, length: Length
) -> dict[str, int]:
    """Take in a piece of a file of Upload-Length bytes, from Upload-Offset on.

    What has arrived of it is kept, also when the request breaks off.
    """
    kind = request.headers.get("content-type", KIND).partition(";")[0].strip().lower()
    if kind != KIND:
        raise MediaTypeError(f"The body is {kind[:100]!r}", hint=f"Send {KIND}")
    most_bytes = who.parts.settings.file_max_bytes
    if length > most_bytes:
        raise TooLargeError(
            f"The file is larger than {most_bytes} bytes; nothing of it was stored",
            context={"most_bytes": most_bytes},
        )
    full = await run_in_threadpool(_full_name, who, experiment_id, upload)
    writing = who.parts.partials.writing(who.caller.user_id, full, offset)
    piece = await run_in_threadpool(writing.__enter__)
    try:
        await _receive(request, piece, length)
    finally:
        await run_in_threadpool(writing.__exit__, None, None, None)
    return {"offset": piece.end}


async def _receive(request: Request, piece: Piece, length: int) -> None:
    """Write the body of a request; not in the small blocks in which it comes."""
    held = bytearray()
    try:
        async for block in incoming.blocks(request):
            if piece.end + len(held) + len(block) > length:
                raise TooLargeError(f"More came than the {length} bytes that were announced")
            held += block
            if len(held) >= _WRITTEN_AT_ONCE_BYTES:
                full, held = held, bytearray()
                await run_in_threadpool(piece.write, full)
    finally:
        if held:
            await run_in_threadpool(piece.write, held)


@router.post("/{upload}", openapi_extra=describes(Whole))
def finish(
    who: Asker, experiment_id: str, upload: Name, key: Key, raw: Annotated[bytes, Depends(raw_body)]
) -> Response:  # fmt: skip
    """Make a file of an upload that is whole, in the place of the one of its name.

    Answers 409 `wrong-offset`, with the offset, while it is not whole.
    """
    sent = parse(Whole, raw)
    facts = sent.facts()
    full = _full_name(who, experiment_id, upload)
    digest = keys.named(who.path, key or "").digest
    with who.parts.database.read() as connection:
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
        home_of_file(connection, row, sent.parent_id)
        known = {} if key is None else keys.known(connection, {digest})
    if known:
        headers = {KEY_HEADER: str(key)}
        return Response(known[digest], media_type="application/json", headers=headers)
    wanted = Blob(sent.checksum.lower(), sent.size)
    blob = who.parts.partials.finish(who.caller.user_id, full, wanted)

    def work(connection: Connection, row: Any) -> dict[str, Any]:
        parent = home_of_file(connection, row, sent.parent_id)
        made = files.put_file(connection, who.parts.ids, row, parent, sent.name, blob, facts)
        shown = shapes.node(made)
        return {"node": shown, "physicalFile": shown["physicalFile"]}

    reply = apply_once(who, experiment_id, key, work)
    who.parts.partials.settle(who.caller.user_id, full, blob)
    return reply


def _full_name(who: Asked, experiment_id: str, upload: str) -> str:
    """Return the name of an upload, which is one of an experiment that the caller may write to."""
    with who.parts.database.read() as connection:
        row = access.experiment(connection, who.caller, experiment_id, access.WRITER)
    return f"{row.id}/{upload}"
