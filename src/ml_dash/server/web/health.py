"""Whether the server is there, whether it can work, and how it does."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.responses import Response

from ml_dash.server.parts import parts_of
from ml_dash.server.web.openapi import PUBLIC

router = APIRouter(tags=["health"])


@router.get("/health", openapi_extra=PUBLIC)
def health() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/ready", openapi_extra=PUBLIC)
def ready(request: Request) -> dict[str, str]:
    """Say that the database answers and the place of files is there; 503 otherwise."""
    parts = parts_of(request)
    with parts.database.read() as connection:
        connection.execute(text("SELECT 1"))
    parts.blobs.exists("0" * 64)
    return {"status": "ready"}


@router.get("/metrics", response_class=Response, openapi_extra=PUBLIC)
def metrics() -> Response:
    """Return what Prometheus collects, of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
