"""What tests with hostile requests share."""

from __future__ import annotations

import httpx

JSON = {"content-type": "application/json"}
NODES = "/api/namespaces/alice/nodes"
PROJECT = {"type": "PROJECT", "name": "x", "slug": "x"}
FOLDER = {"type": "FOLDER", "parentId": "ROOT", "projectSlug": "p"}
RUN = {"type": "EXPERIMENT", "parentId": "ROOT", "projectSlug": "p"}
ENTRIES = {"entries": [{"timestamp": 1}]}


def refused(reply: httpx.Response) -> int:
    """Return the status of an answer that is a reasoned refusal."""
    found = reply.json()
    assert 400 <= reply.status_code < 500, found
    assert found["error"]
    assert found["message"]
    assert found["requestId"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    return reply.status_code
