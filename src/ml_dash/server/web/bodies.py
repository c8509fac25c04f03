"""JSON bodies of requests: read within limits, decoded, and checked against a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request

from ml_dash._record import codec
from ml_dash.server.errors import BadRequestError, MediaTypeError, UnfitError
from ml_dash.server.names import LONGEST_LABEL, LONGEST_NAME, LONGEST_TEXT
from ml_dash.server.parts import parts_of
from ml_dash.server.web import incoming

JSON = "application/json"
NDJSON = "application/x-ndjson"
DEEPEST = 64
"""How deep logged values may be nested."""

PARTS: dict[str, Any] = {}
"""What the schemas of bodies refer to, for the OpenAPI document."""

_ERRORS_TOLD = 10
M = TypeVar("M", bound=BaseModel)


class Body(BaseModel):
    """The body of a request; what is not known of it is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


async def raw_body(request: Request) -> bytes:
    """Return the body of a request that is JSON.

    Raises:
        BadRequestError: it ends too early.
        MediaTypeError: it is no JSON.
        TooLargeError: it is larger than the server's limit.
    """
    return await body_of_kind(request, JSON)


async def body_of_kind(request: Request, wanted: str, most_bytes: int | None = None) -> bytes:
    """Return the body of a request that is no file.

    Args:
        request: The request.
        wanted: Its kind, such as :data:`JSON` or :data:`NDJSON`.
        most_bytes: How large it may be, where that is less than the server's limit.

    Raises:
        BadRequestError: it ends too early.
        MediaTypeError: it is of another kind.
        TooLargeError: it is larger than the server's limit.
    """
    kind = request.headers.get("content-type", wanted).partition(";")[0].strip().lower()
    if kind != wanted and not (wanted == JSON and kind.endswith("+json")):
        raise MediaTypeError(f"The body is {kind[:100]!r}", hint=f"Send {wanted}")
    limit = parts_of(request).settings.body_max_bytes
    return await incoming.whole(request, limit if most_bytes is None else min(limit, most_bytes))


def body(model: type[M], *, values: bool = False) -> Callable[..., M]:
    """Return a dependency that gives a request's body as a model.

    Args:
        model: What it must look like.
        values: Whether it carries logged values, in which ``"NaN"`` is a number.
    """

    def parsed(raw: Annotated[bytes, Depends(raw_body)]) -> M:
        return parse(model, raw, values=values)

    return parsed


def parse(model: type[M], raw: bytes, *, values: bool = False) -> M:
    """Return JSON as a model.

    Raises:
        BadRequestError: it is no JSON.
        UnfitError: it does not look like the model.
    """
    return fitted(model, decoded(raw, values=values))


def fitted(model: type[M], found: Any) -> M:
    """Return a decoded body as a model.

    Raises:
        UnfitError: it does not look like the model.
    """
    if not isinstance(found, dict):
        raise UnfitError("The body is no JSON object")
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise unfit(error) from error


def decoded(raw: bytes, *, values: bool = False) -> Any:
    """Return the value of JSON.

    Raises:
        BadRequestError: it is no JSON, or nested too deeply.
    """
    try:
        found = _values(raw) if values else orjson.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"The body is no JSON: {str(error)[:200]}") from error
    if _may_be_deep(raw) and _is_deep(found):
        raise BadRequestError(f"The body is nested more than {DEEPEST} levels deep")
    return found


def unfit(error: ValidationError) -> UnfitError:
    """Return the error for what does not look like a model."""
    told = [
        {"at": ".".join(map(str, each["loc"])), "why": each["msg"]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = f"{told[0]['at']}: {told[0]['why']}" if told[0]["at"] else told[0]["why"]
    return UnfitError(
        f"The request is not as it should be: {first}", context={"problems": told[:_ERRORS_TOLD]}
    )


def describes(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI is told of a route whose body is a model."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    PARTS.update(schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def unmarked(value: Any) -> Any:
    """Return a logged value of a body that was decoded as plain JSON."""
    return None if value is None else _values(orjson.dumps(value))


def _text_again(value: Any) -> Any:
    """Return the text that a body with logged values had where no logged value is."""
    if type(value) is float and not isfinite(value):
        return orjson.loads(codec.encode(value))
    return value


Text = Annotated[str, BeforeValidator(_text_again), Field(max_length=LONGEST_TEXT)]
"""A text that is no logged value."""
Name = Annotated[str, BeforeValidator(_text_again), Field(min_length=1, max_length=LONGEST_NAME)]
"""A name of something; :func:`~ml_dash.server.names.checked_name` looks closer."""
Label = Annotated[str, BeforeValidator(_text_again), Field(max_length=LONGEST_LABEL)]
"""A name that a client gives itself."""


def _values(raw: bytes) -> Any:
    """Return a value in which texts for NaN and the infinities are numbers.

    The codec takes lines with spaces after their colons for 0.6's, whose texts are not marked.
    """
    if b": " in raw and (b'NaN"' in raw or b'Infinity"' in raw):
        raw = json.dumps(json.loads(raw), separators=(",", ":")).encode()
    return codec.decode(raw)


def _may_be_deep(raw: bytes) -> bool:
    """Return whether JSON has enough brackets to be deep; a list of flat objects has not."""
    # What begins right behind its neighbour's end is no deeper than that.
    return raw.count(b"{") + raw.count(b"[") - raw.count(b"},{") > DEEPEST


def _is_deep(value: Any) -> bool:
    """Return whether containers are in each other more than :data:`DEEPEST` levels deep."""
    level = [value]
    for _ in range(DEEPEST + 4):
        inner: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                inner += [one for one in each.values() if type(one) in (dict, list)]
            elif kind is list:
                inner += [one for one in each if type(one) in (dict, list)]
        if not inner:
            return False
        level = inner
    return True
