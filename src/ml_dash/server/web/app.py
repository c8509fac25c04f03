"""The ASGI application: routes, answers to errors, start and end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash.server.database import Database
from ml_dash.server.errors import (
    FORESEEN,
    BadRequestError,
    MethodError,
    MissingError,
    RefusedError,
    UnfitError,
    answer,
)
from ml_dash.server.migrate import migrate
from ml_dash.server.parts import Parts
from ml_dash.server.points import Compaction
from ml_dash.server.settings import ServerSettings
from ml_dash.server.upkeep.collecting import recurring
from ml_dash.server.upkeep.recurring import Recurring
from ml_dash.server.web import (
    bundle,
    file_bundle,
    graphql_route,
    health,
    ingest,
    login,
    openapi,
    reading,
    resuming,
    tree,
)
from ml_dash.server.web.compression import Compressed
from ml_dash.server.web.observed import Observed, request_id

_log = logging.getLogger("ml_dash.server")
_PARTS = (tree, ingest, bundle, file_bundle, resuming, reading, graphql_route, login, health)
_BY_STATUS: dict[int, type[RefusedError]] = {404: MissingError, 405: MethodError}


def from_environment() -> FastAPI:
    """Return the application with the settings of the environment; for server processes."""
    return create_app(ServerSettings.from_env())


def create_app(settings: ServerSettings) -> FastAPI:
    """Return the application of a server; its database is brought up to date when it starts.

    Args:
        settings: What it is started with.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = await run_in_threadpool(_open, settings)
        app.state.parts = parts
        workers: list[Compaction | Recurring] = [parts.compaction, *recurring(parts)]
        for worker in workers:
            worker.start()
        yield
        for worker in reversed(workers):
            await run_in_threadpool(worker.stop)
        parts.close()
        _log.info("The server has ended", extra=about("ending the server"))

    app = FastAPI(
        title="ml-dash", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False,
        responses=openapi.PROBLEMS,
    )  # fmt: skip
    for part in _PARTS:
        app.include_router(part.router)
    app.add_middleware(Compressed)
    app.add_middleware(Observed)
    # What is handled under Exception only is raised again, for the log of the HTTP server.
    for kind in (*FORESEEN, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    openapi.install(app)
    return app


def _open(settings: ServerSettings) -> Parts:
    settings.data.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.database_url)) as database:
        migrate(database)
    return Parts.open(settings)


async def _answer(request: Request, error: Exception) -> Response:
    """Answer an error, and log it when it is the server's."""
    known = _known(error)
    if isinstance(known, MethodError):
        known.headers = {"allow": ", ".join(_methods(request.url.path))}
    told = answer(known, request_id(request.scope))
    if told.status >= 500:
        _log.error(
            "%s %s failed: %s", request.method, request.url.path, error, exc_info=error,
            extra=about("answering a request", request_id=request_id(request.scope)),
        )  # fmt: skip
    headers = {**told.headers, "x-request-id": request_id(request.scope)}
    return Response(
        codec.encode(dict(told.body)), told.status, headers, media_type="application/json"
    )


def _methods(path: str) -> list[str]:
    """Return what can be done at a path, by any of the routes that it has."""
    found: set[str] = set()
    for route in (each for part in _PARTS for each in part.router.routes):
        if isinstance(route, APIRoute) and route.path_regex.match(path):
            found |= route.methods or set()
    return sorted(found)


def _known(error: Exception) -> Exception:
    if isinstance(error, RequestValidationError):
        problems = [
            {"at": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in error.errors()
        ]
        return UnfitError(
            f"The request is not as it should be: {problems[0]['at']}: {problems[0]['why']}",
            context={"problems": problems[:10]},
        )
    if isinstance(error, HTTPException):
        kind = _BY_STATUS.get(error.status_code, BadRequestError)
        return kind(str(error.detail), headers=dict(error.headers or {}))
    return error
