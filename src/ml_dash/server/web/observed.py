"""Every request has an id, a line in the log, and a place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_dash._base.facts import about

REQUESTS = Counter(
    "ml_dash_requests", "Requests by route, method and status.", ["route", "method", "status"]
)
SECONDS = Histogram(
    "ml_dash_request_seconds", "How long requests took.", ["route", "method"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
UNDERWAY = Gauge("ml_dash_requests_underway", "Requests being answered.")

BUNDLE_MAX = 500
"""How many parts a bundle may have."""
FILES_MAX = 250
"""How many files one request may have."""
OFFERED = (
    (b"ml-dash-bundle", str(BUNDLE_MAX).encode()),
    (b"ml-dash-file-bundle", str(FILES_MAX).encode()),
    (b"ml-dash-point-times", b"1"),
    (b"ml-dash-upload-resume", b"1"),
)
"""What every answer tells clients that the server can do."""

_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_log = logging.getLogger("ml_dash.server.requests")


def request_id(scope: MutableMapping[str, Any]) -> str:
    """Return the id of a request: the one that it brought, or a new one."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        brought = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        state["request_id"] = brought if _ID.fullmatch(brought) else uuid.uuid4().hex
    return str(state["request_id"])


class Observed:
    """Counts, times and logs requests.

    Args:
        app: What answers them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at how it goes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun_s, name = 500, time.perf_counter(), request_id(scope)

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [each for each in message["headers"] if each[0] != b"x-request-id"]
                message["headers"] = [*headers, (b"x-request-id", name.encode()), *OFFERED]
            await send(message)

        UNDERWAY.inc()
        try:
            await self._app(scope, receive, observed_send)
        finally:
            UNDERWAY.dec()
            _note(scope, status, time.perf_counter() - begun_s, name)


def _note(scope: Scope, status: int, seconds: float, name: str) -> None:
    # The route's pattern, not the path: names of runs would make metrics without end.
    route = getattr(scope.get("route"), "path", "none")
    REQUESTS.labels(route, scope["method"], str(status)).inc()
    SECONDS.labels(route, scope["method"]).observe(seconds)
    # As it was sent, in which a line end is %0A: nobody writes lines of their own into the log.
    path = scope.get("raw_path", b"").decode("latin-1")
    _log.info(
        "%s %s %d %.1f ms", scope["method"], path, status, seconds * 1000,
        extra=about("answering a request", request_id=name, method=scope["method"], route=route,
                    status=status, seconds=round(seconds, 6)),
    )  # fmt: skip
