"""Whether it lives, how it does, and what its log and its document of itself say."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from ml_dash.server.logs import JsonLines
from tests.server.live import Live, experiment_of

BODILESS = ("/heartbeat", "/exchange")


def test_it_says_how_it_is(live: Live) -> None:
    """Health and readiness without a token; counts of requests by route, not by path."""
    anybody = live.client(None)
    assert anybody.get("/health").json() == {"status": "ok"}
    assert anybody.get("/ready").json() == {"status": "ready"}
    alice = live.as_user("alice")
    run = experiment_of(alice)
    alice.get(f"{run}/logs").raise_for_status()
    told = anybody.get("/metrics").text
    line = r'ml_dash_requests_total{method="GET",route="([^"]*logs)",status="200"} (\S+)'
    [(route, count)] = re.findall(line, told)
    assert route == "/api/experiments/{experiment_id}/logs"
    assert float(count) >= 1
    assert run.rpartition("/")[2] not in told


@contextmanager
def logged(formatter: logging.Formatter, marker: str) -> Iterator[io.StringIO]:
    """Collect the lines of requests; the block ends when one with a marker was written."""
    lines = io.StringIO()
    written = threading.Event()

    class Told(logging.StreamHandler):  # type: ignore[type-arg]
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(record)
            if marker in lines.getvalue():
                written.set()

    handler = Told(lines)
    handler.setFormatter(formatter)
    logger = logging.getLogger("ml_dash.server.requests")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
        assert written.wait(20)  # the line is written when the answer is on its way already
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_request_is_found_in_the_log_by_its_id(live: Live, alice: httpx.Client) -> None:
    """As one line of JSON with the id that the client brought and got back."""
    with logged(JsonLines(), "my-request:1") as lines:
        reply = alice.get("/api/me", headers={"x-request-id": "my-request:1"})
    assert reply.headers["x-request-id"] == "my-request:1"
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    [line] = [each for each in found if each["context"]["request_id"] == "my-request:1"]
    assert (line["context"]["status"], line["context"]["route"]) == (200, "/api/me")


def test_nobody_writes_lines_of_their_own_into_the_log(live: Live, alice: httpx.Client) -> None:
    """A line end in a path is shown as it was sent."""
    with logged(logging.Formatter("%(message)s"), "admin") as lines:
        alice.get("/api/x%0AGET%20/admin%0D%0A200")
    assert "GET /api/x%0AGET%20/admin%0D%0A200 404" in lines.getvalue()
    assert "\nGET /admin" not in lines.getvalue()


def test_the_document_covers_every_route(live: Live) -> None:
    """Each says what it may answer, and whether it asks for a token; each reference is there."""
    text = live.client(None).get("/openapi.json").text
    document = json.loads(text)
    operations = [
        (path, method, each)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    ]
    assert len(operations) > 30
    public = {path for path, _, each in operations if each.get("security") == []}
    assert public == {"/health", "/ready", "/metrics", "/api/device/start", "/api/device/poll",
                      "/api/device-flow/start", "/api/device-flow/poll"}  # fmt: skip
    for path, method, each in operations:
        assert {"422", "503"} < set(each["responses"]), path
        has_body = method in ("post", "put", "patch") and not path.endswith(BODILESS)
        assert ("requestBody" in each) == has_body, path
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_loads_scripts_of_others(live: Live, path: str) -> None:
    """The document's pages of the framework, which load scripts from elsewhere, are off."""
    assert live.client(None).get(path).status_code == 404
