"""What /openapi.json promises is what the server does, whatever is sent (by schemathesis).

The requests are the same in each run. Half of them go to things that are there.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi

from ml_dash.server.settings import ServerSettings
from ml_dash.server.web.app import create_app
from ml_dash.server.web.file_bundle import KIND as FILES
from tests.server.live import Live, run_of
from tests.server.web.test_tree import send_file

DOCUMENT = create_app(ServerSettings()).openapi()
OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
]
CHECKS = [
    not_a_server_error, openapi.status_code_conformance, openapi.content_type_conformance,
    openapi.response_schema_conformance, openapi.response_headers_conformance,
    openapi.negative_data_rejection, openapi.positive_data_acceptance,
]  # fmt: skip
EXAMPLES = 12
# What a bundle holds is told in words.
UPLOAD = "/api/experiments/{experiment_id}/uploads/{upload}"  # nor that an upload is not whole
BUNDLES = ("/api/experiments/{experiment_id}/bundle", "/api/experiments/{experiment_id}/files")
# A file has no status, and a run has one.
CHANGE = "/api/nodes/{node_id}"
# A login that is over is answered with 400, as clients of 0.6 want it, though nothing is bad.
MAY_BE_OVER = ("/api/device/poll", "/api/device-flow/poll")


@schemathesis.serializer("application/x-ndjson", FILES)
def as_it_is(_context: Any, value: Any) -> Any:
    """Return the body of a bundle, which the document has as a text or as bytes."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@pytest.fixture
def things(live: Live) -> dict[str, str]:
    """Return what stands in paths: a run of alice with a point, an entry and a file."""
    alice = live.as_user("alice")
    run = run_of(alice)
    path = f"/api/experiments/{run['experiment']['id']}"
    alice.post(f"{path}/parameters", json={"data": {"lr": 0.1}}).raise_for_status()
    alice.post(f"{path}/metrics/m/append", json={"data": {"a": 1}}).raise_for_status()
    body = {"entries": [{"timestamp": 1, "a": 1}]}
    alice.post(f"{path}/tracks/t/append_batch", json=body).raise_for_status()
    file = send_file(alice, run, b"abc").json()["node"]
    return {"experiment_id": run["experiment"]["id"], "project_id": run["project"]["id"],
            "node_id": file["id"], "namespace": "alice", "name": "m", "topic": "t",
            "upload": "0f" * 32}  # fmt: skip


def cases(operation: Any, things: dict[str, str]) -> st.SearchStrategy[Any]:
    """Return requests as the document has them and others, to what is there and to what is not."""
    named = {each.name for each in operation.path_parameters}
    there = {name: value for name, value in things.items() if name in named}
    return st.one_of(
        operation.as_strategy(mode, path_parameters=fixed)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for fixed in ([there, {}] if there else [{}])
    )


def beyond_words(case: Any, path: str) -> list[Any]:
    """Return the checks that do not hold since the document cannot say all."""
    # Which checksum and which metadata of a form are right; that there is a time for each point.
    timed = isinstance(case.body, dict) and case.body.get("times") is not None
    is_form = case.media_type == "multipart/form-data"
    free = is_form or timed or path in (*BUNDLES, UPLOAD, CHANGE, *MAY_BE_OVER)
    # That a batch is taken though a part of it is refused.
    partial = str((case.headers or {}).get("ML-Dash-Partial", "")).lower() not in ("", "false", "0")
    found = [openapi.positive_data_acceptance] if free else []
    return [*found, openapi.negative_data_rejection] if partial else found


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_does_what_the_document_says(
    live: Live, things: dict[str, str], path: str, method: str
) -> None:
    """No 5xx, statuses and bodies as documented, bad requests refused and good ones taken."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    # Who asks is put in by the test; that nobody is told anything without is another test.
    schema.config.generation.update(with_security_parameters=False)
    headers = {"authorization": f"Bearer {live.token('alice')}"}

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases(schema[path][method], things))
    def holds(case: Any) -> None:
        reply = case.call(base_url=live.url, headers=headers)
        case.validate_response(reply, checks=CHECKS, excluded_checks=beyond_words(case, path))
        if reply.status_code >= 400 and method != "head" and path not in MAY_BE_OVER:
            found = httpx.Response(reply.status_code, content=reply.content).json()
            assert {"error", "message", "requestId"} <= set(found)
            assert "Traceback" not in reply.text

    holds()
