"""The OpenAPI document: what every route may answer, and how bodies look."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from ml_dash.server.web.bodies import PARTS


class Problem(BaseModel):
    """Why a request was not carried out."""

    error: str
    message: str
    hint: str | None = None
    details: dict[str, Any] | None = None
    requestId: str  # noqa: N815 - as it is on the wire


_WHY = {
    400: "It is not well formed.",
    401: "It carries no valid token.",
    403: "Its token does not allow it.",
    404: "What it is about does not exist, or not for its token.",
    405: "The path has no such method.",
    408: "Its body did not go on.",
    409: "The name is taken, or the request is older than the age of idempotency keys.",
    413: "It is larger than a limit.",
    415: "Its body is of another kind.",
    422: "What it says cannot be stored.",
    429: "Its token sends too many; Retry-After says when to go on.",
    503: "The database or the place of files does not answer now.",
    507: "There is no room.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": why} for status, why in _WHY.items()
}
"""What every route may answer instead of what it says itself."""

def bytes_of(*media_types: str, partly: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI is told of a route that answers with bytes.

    Args:
        media_types: Of what kinds.
        partly: Whether a range of them may be asked for.
    """
    schema = {"schema": {"type": "string", "format": "binary"}}
    content = {kind: {} if kind == "application/json" else schema for kind in media_types}
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": "The bytes.", "content": content}
    }
    if partly:
        found[206] = {**found[200], "description": "The range that was asked for."}
        found[416] = {"model": Problem, "description": "There is no such range."}
    return found


PUBLIC: dict[str, Any] = {"security": []}
"""What OpenAPI is told of a route that asks for no token."""


def install(app: FastAPI) -> None:
    """Add what the routes do not say themselves: how callers prove who they are."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            bearer = {"type": "http", "scheme": "bearer"}
            components = found.setdefault("components", {})
            components["securitySchemes"] = {"bearer": bearer}
            components.setdefault("schemas", {}).update(PARTS)
            found["security"] = [{"bearer": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
