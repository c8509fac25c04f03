"""Files on their way in: multipart/form-data, in constant memory, wherever in it the file is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ml_dash._record import codec
from ml_dash.server.blobs import Blob, Intake
from ml_dash.server.errors import BadRequestError, TooLargeError, UnfitError
from ml_dash.server.names import checked_name, checked_tags
from ml_dash.server.parts import Parts, parts_of
from ml_dash.server.web import incoming
from ml_dash.server.web.bodies import Body, Name, Text, describes, raw_body

MOST_FIELDS_BYTES = 4 << 20
_LONGEST_HEADERS = 16 << 10
_NEEDED = ("experimentId", "name")


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI is told of a route that takes a model as JSON, or a file as a form."""
    found = describes(model)
    texts = ("type", "projectId", "experimentId", "parentId", "name", "checksum", "description",
             "tags", "metadata")  # fmt: skip
    properties: dict[str, Any] = {name: {"type": "string"} for name in texts}
    properties["type"] = {"const": "FILE"}
    properties["file"] = {"type": "string", "format": "binary"}
    schema = {"type": "object", "properties": properties, "required": [*_NEEDED, "file"]}
    found["requestBody"]["content"]["multipart/form-data"] = {"schema": schema}
    return found


async def in_thread(
    request: Request, on_json: Callable[[bytes], Response], on_form: Callable[[Form], Response]
) -> Response:
    """Read a body that is JSON or a form, and answer it on a thread that may wait.

    Raises:
        RefusedError: the body cannot be taken; nothing was stored.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raw = await raw_body(request)
        return await run_in_threadpool(on_json, raw)
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadRequestError("The form names no boundary")
    form = await run_in_threadpool(Form, parts_of(request), boundary)
    try:
        await _receive(request, form)
        return await run_in_threadpool(on_form, form)
    finally:
        await run_in_threadpool(form.close)


async def _receive(request: Request, form: Form) -> None:
    async for block in incoming.blocks(request):
        if block:
            await run_in_threadpool(form.feed, block)
    form.check()


class Form:
    """A form of texts and one file, whose bytes are collected but not yet stored.

    Args:
        parts: The server's parts.
        boundary: What is between the fields.
    """

    def __init__(self, parts: Parts, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.content_type = ""
        self._most_bytes = parts.settings.file_max_bytes
        self._intake: Intake = parts.blobs.intake()
        self._has_file = False
        self._ended = False
        self._field: str | None = None  # the text that is being read; None in the file
        self._text = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._fields_bytes = 0
        self._parser = MultipartParser(boundary, {
            "on_part_begin": self._begin, "on_part_data": self._data, "on_part_end": self._end,
            "on_header_field": self._header_name, "on_header_value": self._header_value,
            "on_header_end": self._header, "on_headers_finished": self._begin_data,
            "on_end": self._finish,
        })  # fmt: skip

    def close(self) -> None:
        """Drop what was not stored."""
        self._intake.__exit__(None, None, None)

    def feed(self, block: bytes) -> None:
        """Take in a part of the body.

        Raises:
            BadRequestError: it is no form.
            TooLargeError: the file or the texts are too large.
            FileUploadError: there is no room.
        """
        try:
            self._parser.write(block)
        except (MultipartParseError, UnicodeDecodeError) as error:
            raise BadRequestError(f"The form cannot be read: {str(error)[:200]}") from error

    def check(self) -> None:
        """Look at a form that was read, before any byte of it is stored.

        Raises:
            BadRequestError: it ends too early.
            UnfitError: something is missing, or cannot be stored.
            TooLargeError: the name is too long, or there are too many tags.
        """
        if not self._ended:
            raise BadRequestError("The form ends before its last boundary; nothing was stored")
        if self.fields.get("type", "FILE") != "FILE":
            raise UnfitError("Only a FILE is sent as a form", hint="Send others as JSON")
        missing = [name for name in _NEEDED if not self.fields.get(name)]
        missing += [] if self._has_file else ["file"]
        if missing:
            raise UnfitError(f"The form lacks {', '.join(missing)}", context={"missing": missing})
        checked_name(self.fields["name"], "file", slashes=True)
        self.facts()

    def commit(self) -> Blob:
        """Store the bytes.

        Raises:
            ChecksumMismatchError: they are not what the form says; nothing was stored.
            FileUploadError: they could not be stored.
        """
        return self._intake.commit(self.fields.get("checksum") or None)

    def facts(self) -> dict[str, Any]:
        """Return what the form says of the file.

        Raises:
            UnfitError: its metadata are no JSON object.
            TooLargeError: there are too many tags.
        """
        tags = [tag for tag in self.fields.get("tags", "").split(",") if tag]
        return {
            "description": self.fields.get("description"), "tags": checked_tags(tags),
            "metadata": metadata_of(self.fields.get("metadata")), "content_type": self.content_type,
        }  # fmt: skip

    # --- what the parser calls ------------------------------------------------------------------

    def _begin(self) -> None:
        self._headers.clear()
        self._text.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._bound_headers()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound_headers()

    def _bound_headers(self) -> None:
        if len(self._name) + len(self._value) > _LONGEST_HEADERS:
            raise TooLargeError("A header of the form is too long")

    def _header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _begin_data(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        name = options.get(b"name", b"").decode()
        self._field = None if name == "file" else name
        if name == "file":
            if self._has_file:
                raise UnfitError("The form has more than one file")
            self._has_file = True
            self.content_type = self._headers.get(b"content-type", b"").decode("latin-1")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            self._fields_bytes += end - start
            if self._fields_bytes > MOST_FIELDS_BYTES:
                raise TooLargeError(f"The texts of the form have over {MOST_FIELDS_BYTES} bytes")
            self._text += data[start:end]
            return
        if self._intake.size_bytes + end - start > self._most_bytes:
            raise TooLargeError(
                f"The file is larger than {self._most_bytes} bytes; nothing was stored",
                context={"most_bytes": self._most_bytes},
            )  # fmt: skip
        self._intake.write(data[start:end])

    def _end(self) -> None:
        if self._field:
            self.fields[self._field] = self._text.decode()

    def _finish(self) -> None:
        self._ended = True


class FileFacts(Body):
    """What is said about a file whose bytes come in another way than in a form."""

    name: Name
    checksum: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    content_type: Text = Field("", alias="contentType")
    description: Text | None = None
    tags: list[Text] = Field(default_factory=list)
    metadata: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what is stored of it, if it can be.

        Raises:
            UnfitError: its name leads elsewhere, or its metadata are no JSON object.
            TooLargeError: the name is too long, or there are too many tags.
        """
        checked_name(self.name, "file", slashes=True)
        return {
            "description": self.description, "tags": checked_tags(self.tags),
            "metadata": metadata_of(self.metadata), "content_type": self.content_type,
        }  # fmt: skip


def metadata_of(text: str | None) -> dict[str, Any] | None:
    """Return the metadata of a file, which are sent as a text.

    Raises:
        UnfitError: it is no JSON object.
    """
    if not text:
        return None
    try:
        # Spaces after colons, as 0.6 writes them, would make its marked texts plain ones.
        found = codec.decode(json.dumps(json.loads(text), separators=(",", ":")))
    except (ValueError, RecursionError) as error:
        raise UnfitError(f"The metadata are no JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict):
        raise UnfitError("The metadata are no JSON object")
    return found
