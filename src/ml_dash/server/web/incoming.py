"""Bodies of requests as they come: block by block, gzip taken off."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from ml_dash.server.errors import (
    BadRequestError,
    MediaTypeError,
    SilentError,
    TooLargeError,
)

SILENCE_S = 60.0
"""How long a sender may be silent in the middle of a body."""

_BLOCK_BYTES = 256 << 10
_GZIP = 16 + zlib.MAX_WBITS


async def blocks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body of a request; however small it was made, no block is larger than 256 KiB.

    Raises:
        BadRequestError: it ends too early, or is no gzip although it says so.
        SilentError: it does not go on.
        MediaTypeError: it is compressed in another way.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise MediaTypeError(
            f"The body has the encoding {encoding[:100]!r}", hint="Send it as it is, or as gzip"
        )
    if encoding == "identity":
        async for block in _sent(request):
            yield block
        return
    gunzip = _Gunzip()
    try:
        async for block in _sent(request):
            pieces = gunzip.pieces(block)
            while piece := await run_in_threadpool(next, pieces, b""):
                yield piece
    except zlib.error as error:
        raise BadRequestError(f"The body is no gzip: {error}") from error
    if not gunzip.ended:
        raise BadRequestError("The compressed body ends too early")


async def _sent(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it is sent; a sender that falls silent is not waited for without end."""
    stream = request.stream()
    size = 0
    try:
        while True:
            with anyio.fail_after(SILENCE_S):
                block = await anext(stream, None)
            if block is None:
                return
            size += len(block)
            yield block
    except ClientDisconnect as error:
        raise BadRequestError("The request ended before its body did") from error
    except TimeoutError as error:
        raise SilentError(
            f"The body stopped after {size} bytes, and for {SILENCE_S:g} s nothing came",
            hint="Send as many bytes as Content-Length says", headers={"connection": "close"},
        ) from error


async def whole(request: Request, most_bytes: int) -> bytes:
    """Return the body of a request; raises as :func:`blocks`.

    Raises:
        TooLargeError: it is larger than ``most_bytes``, unpacked.
    """
    found, size = [], 0
    async for block in blocks(request):
        size += len(block)
        if size > most_bytes:
            raise too_large(most_bytes)
        found.append(block)
    return b"".join(found)


def too_large(most_bytes: int) -> TooLargeError:
    """Return the error for a body that is too large."""
    return TooLargeError(
        f"The body is larger than {most_bytes} bytes", hint="Send it in parts",
        context={"most_bytes": most_bytes},
    )  # fmt: skip


class _Gunzip:
    """Takes gzip off, of one member or several, a block at a time."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)

    @property
    def ended(self) -> bool:
        """Whether the last member is whole."""
        return self._member.eof

    def pieces(self, block: bytes) -> Iterator[bytes]:
        """Yield what a block holds, never empty and never more than a block at a time."""
        while block or not self.ended:
            if self.ended:
                self._member = zlib.decompressobj(_GZIP)
            piece = self._member.decompress(block, _BLOCK_BYTES)
            block = self._member.unused_data if self.ended else self._member.unconsumed_tail
            if piece:
                yield piece
            elif not block:
                return
