"""One run on a server, made by the requests of a client of 0.6, and what such clients read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from types import NoneType
from typing import Any

import httpx

from ml_dash.server.points import CHUNK_POINTS
from tests.server.live import Live

NODES = "/api/namespaces/alice/nodes"
CONTENT = b"weights" * 1000
OPTIONAL = (str, NoneType)
PHYSICAL = {"contentType": str, "sizeBytes": (int, str), "checksum": str, "filename": str}


@dataclass
class World:
    """A server with one run in it, made by the requests of a client of 0.6."""

    live: Live
    client: httpx.Client
    made: dict[str, Any]
    ids: dict[str, str]

    @property
    def run(self) -> str:
        """Where the run's paths begin."""
        return f"/api/experiments/{self.ids['experiment']}"


def has(value: Any, shape: Any) -> None:
    """Check that a value has the parts that a client reads, of the kinds that it takes."""
    if isinstance(shape, dict):
        assert isinstance(value, dict)
        for name, part in shape.items():
            assert name in value, (name, value)
            has(value[name], part)
    elif isinstance(shape, list):
        assert isinstance(value, list)
        assert value
        for each in value:
            has(each, shape[0])
    else:
        assert isinstance(value, shape), (value, shape)
        assert not (isinstance(value, bool) and shape is int)


def send(client: httpx.Client, method: str, path: str, body: Any = None, **how: Any) -> Any:
    """Send a request and return the JSON of its answer, which is a success and no redirect."""
    content = None if body is None else json.dumps(body, separators=(",", ":")).encode()
    headers = {} if content is None else {"content-type": "application/json"}
    reply = client.request(method, path, content=content, headers=headers, **how)
    assert 200 <= reply.status_code < 300, reply.text
    return reply.json()


def made_run(live: Live) -> World:
    """Return the run ``alice/vision/sweeps/run-1``, made as 0.6 makes one."""
    world = World(live, live.as_user("alice"), {}, {})
    _make_tree(world)
    _append(world)
    return world


def _make_tree(world: World) -> None:
    client, made, ids = world.client, world.made, world.ids
    project = {"type": "PROJECT", "name": "vision", "slug": "vision"}
    made["R1"] = send(client, "POST", NODES, project)
    ids["project"] = made["R1"]["project"]["id"]
    folder = {"type": "FOLDER", "projectId": ids["project"], "parentId": "ROOT", "name": "sweeps"}
    made["R2"] = send(client, "POST", NODES, folder)
    ids["folder"] = made["R2"]["node"]["id"]
    made["R3"] = send(client, "POST", NODES, {
        "type": "EXPERIMENT", "name": "run-1", "parentId": ids["folder"],
        "projectId": ids["project"], "description": "baseline", "tags": ["t1", "t2"],
        "bindrs": ["b"], "metadata": {"seed": 7, "prefix": "alice/vision/sweeps/run-1"},
    })  # fmt: skip
    ids["experiment"] = made["R3"]["experiment"]["id"]
    ids["node"] = made["R3"]["node"]["id"]
    inside = {"parentId": ids["node"], "name": "models", "experimentId": ids["experiment"]}
    ids["models"] = send(client, "POST", NODES, {**folder, **inside})["node"]["id"]
    made["R4"] = upload(client, ids, "model.pt").json()
    ids["file"] = made["R4"]["node"]["id"]


def _append(world: World) -> None:
    client, made, run = world.client, world.made, world.run
    line = {"timestamp": "2026-02-01T09:15:31.000250Z", "level": "info", "message": "epoch done",
            "metadata": {"epoch": 1}}  # fmt: skip
    made["R10"] = send(client, "POST", f"{run}/logs", {"logs": [line, {**line, "timestamp": None}]})
    data = {"model.lr": 0.001, "layers": [64, 64], "note": None}
    made["R12"] = send(client, "POST", f"{run}/parameters", {"data": data})
    point = {"data": {"loss": 0.5}, "description": "train loss", "tags": ["x"],
             "metadata": {"unit": "nats"}}  # fmt: skip
    made["R14"] = send(client, "POST", f"{run}/metrics/train/append", point)
    points = [{"loss": n / 7, "_ts": 1769937330.12} for n in range(CHUNK_POINTS + 49)]
    made["R15"] = send(client, "POST", f"{run}/metrics/train/append-batch", {"dataPoints": points})
    topic = {"topic": "cam/rgb", "description": "front", "tags": ["cam"], "metadata": {"fps": 30}}
    made["R20"] = send(client, "POST", f"{run}/tracks", topic)
    entry = {"timestamp": 1.5, "data": {"pose": {"x": 2}}}
    made["R21"] = send(client, "POST", f"{run}/tracks/cam%2Frgb/append", entry)
    entries = [{"timestamp": 2.0, "q": [0.3]}, {"timestamp": 1.0, "q": [0.1, 0.2], "cam": {"p": 1}}]
    path = f"{run}/tracks/robot%2Fposition/append_batch"
    made["R22"] = send(client, "POST", path, {"entries": entries})


def upload(client: httpx.Client, ids: dict[str, str], name: str, **more: str) -> httpx.Response:
    """Send a file: the texts first, the file last."""
    form = {
        "type": "FILE", "projectId": ids["project"], "experimentId": ids["experiment"],
        "parentId": ids["models"], "name": name, "checksum": hashlib.sha256(CONTENT).hexdigest(),
        "description": "best so far", "tags": "best,nightly", "metadata": '{"epoch": 3}', **more,
    }  # fmt: skip
    file = {"file": (name, CONTENT, "application/octet-stream")}
    return client.post(NODES, data=form, files=file)
