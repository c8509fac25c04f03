"""A server on the loopback address that speaks the wire as far as the tests need it, and fails."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "secret-token-of-the-tests"


@dataclass
class Fault:
    """What the server does instead of answering."""

    kind: str = "status"  # status, reset, truncate (no ranges), cut (half of what was asked), hang
    status: int = 500
    body: bytes = b'{"error":"the server is ill"}'
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    """Whether the request takes effect before."""
    part: str = ""
    """Only requests whose path has this part are hit; others pass by."""


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


class Server(ThreadingHTTPServer):
    """State of the server: what is stored, what arrived, what goes wrong next."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.faults: deque[Fault] = deque()
        self.replies: dict[str, Any] = {}
        """Answers to GraphQL operations and to ``METHOD /path``, instead of the usual ones."""
        self.projects: dict[str, str] = {"vision": "100"}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.content: dict[str, bytes] = {}
        self.params: dict[str, Any] = {}
        self.logs: list[dict[str, Any]] = []
        self.points: dict[str, list[Any]] = {}
        self.entries: dict[str, list[Any]] = {}
        self.discarded: list[int] | None = None
        """Sizes of bodies, when they are read without being kept."""
        self.ranges = True
        self.released = threading.Event()

    def sent(self, method: str, part: str) -> list[Request]:
        """Return the requests of a method whose path has a part."""
        return [each for each in self.requests if each.method == method and part in each.path]

    def put_file(self, node_id: str, content: bytes, **facts: Any) -> None:
        """Store a file node with its content."""
        self.content[node_id] = content
        self.nodes[node_id] = {
            "id": node_id, "type": "FILE", "name": "model.pt",
            "physicalFile": {"checksum": hashlib.sha256(content).hexdigest(),
                             "sizeBytes": str(len(content)), "contentType": "application/x"},
            **facts,
        }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cut = False
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def answer(self) -> None:
        request = Request(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.read_body(int(self.headers.get("content-length") or 0)),
        )
        self.server.requests.append(request)
        faults = self.server.faults
        if faults and faults[0].part in request.path:
            fault = faults.popleft()
            if fault.after:
                self.usual(request)
            self.fail(fault, request)
            return
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            self.send(401, b'{"error":"bad token"}')
            return
        given = self.server.replies.get(f"{request.method} {urlsplit(request.path).path}")
        if given is not None:
            self.send(200, given if isinstance(given, bytes) else json.dumps(given).encode())
            return
        status, body = self.usual(request)
        if body is not None:
            self.send(status, body if isinstance(body, bytes) else json.dumps(body).encode())

    def read_body(self, size: int) -> bytes:
        if self.server.discarded is None:
            return self.rfile.read(size)
        left = size
        while left and (part := self.rfile.read(min(left, 1 << 16))):
            left -= len(part)
        self.server.discarded.append(size - left)
        return b""

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the base class

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.cut else body)

    def fail(self, fault: Fault, request: Request) -> None:
        if fault.kind == "status":
            self.send(fault.status, fault.body, fault.headers)
            return
        self.close_connection = True
        if fault.kind == "hang":
            self.server.released.wait(20)
            return
        if fault.kind == "cut":
            self.cut = True
            self.usual(request)
            return
        if fault.kind == "truncate":
            node_id = request.path.split("/")[-2]
            body = self.server.content.get(node_id, b'{"half": true, "rest": "missing"}')
            headers = {"content-length": str(len(body)), **fault.headers}
            self.send(200, body[: len(body) // 2], headers)
            self.wfile.flush()
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    # -- the usual answers -----------------------------------------------------------------------

    def usual(self, request: Request) -> tuple[int, Any]:
        path = urlsplit(request.path).path
        if path == "/graphql":
            return 200, self.graphql(request.json)
        for method, pattern, answer in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return answer(self, request, *(unquote(part) for part in match.groups()))
        return 404, {"error": "no such route"}

    def graphql(self, body: dict[str, Any]) -> Any:
        operation = re.search(r"(?:query|mutation)\s+(\w+)", body["query"])
        name = operation[1] if operation else ""
        given = self.server.replies.get(name)
        if callable(given):
            return given(body["variables"])
        if given is not None:
            return given
        variables = body["variables"]
        if name == "GetMyNamespace":
            data: Any = {"me": {"username": "alice"}}
        elif name == "GetCurrentUser":
            data = {"me": {"id": "u1", "username": "alice", "email": "alice@example.org",
                           "name": "Alice Ito", "given_name": "Alice", "family_name": "Ito",
                           "picture": None}}  # fmt: skip
        elif name == "GetProject":
            found = [{"id": id_, "slug": slug} for slug, id_ in self.server.projects.items()]
            known = variables["namespace"] == "alice"
            data = {"namespace": {"projects": found} if known else None}
        elif name == "GetExperimentNode":
            known = variables["experimentId"] == "7"
            data = {"experimentNode": {"id": "70"} if known else None}
        elif name == "GetExperimentProject":
            data = {"experimentById": {"projectId": "100"}}
        else:
            data = None
        return {"data": data}

    def make_node(self, request: Request, namespace: str) -> tuple[int, Any]:
        if request.headers["content-type"].startswith("multipart/"):
            return self.make_file(request)
        body = request.json
        key = json.dumps([body.get(part) for part in
                          ("type", "projectId", "projectSlug", "parentId", "name")])  # fmt: skip
        node_id = next((id_ for id_, node in self.server.nodes.items() if node.get("key") == key),
                       str(1000 + len(self.server.nodes)))  # fmt: skip
        self.server.nodes[node_id] = {**body, "id": node_id, "key": key}
        reply: dict[str, Any] = {"node": {"id": node_id, "type": body["type"]}}
        if body["type"] == "PROJECT":
            reply["project"] = {"id": node_id, "slug": body["slug"]}
            self.server.projects[body["slug"]] = node_id
        if body["type"] == "EXPERIMENT":
            reply["experiment"] = {"id": f"e{node_id}"}
        return 200, reply

    def make_file(self, request: Request) -> tuple[int, Any]:
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser().parsebytes(head + request.body)
        fields: dict[str, Any] = {}
        order = []
        for part in message.get_payload():  # type: ignore[union-attr]
            name = str(part.get_param("name", header="content-disposition"))  # type: ignore[union-attr]
            order.append(name)
            fields[name] = part.get_payload(decode=True)  # type: ignore[union-attr]
        content = fields.pop("file")
        texts = {name: value.decode() for name, value in fields.items()}
        node_id = f"f{len(self.server.content)}"
        self.server.put_file(node_id, content, **texts, order=order)
        node = {"id": node_id, "experimentId": texts["experimentId"], "tags": ["best"],
                "description": texts.get("description"), "metadata": None, "createdAt": "c",
                "updatedAt": "u", "deletedAt": None}  # fmt: skip
        return 201, {"node": node, "physicalFile": self.server.nodes[node_id]["physicalFile"]}

    def download(self, request: Request, node_id: str) -> tuple[int, Any]:
        if node_id not in self.server.content:
            return 404, {"error": "no such file"}
        body, headers, status = self.server.content[node_id], {"etag": '"1"'}, 200
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if asked and self.server.ranges:
            start = int(asked[1])
            headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.send(status, body, headers)
        return status, None

    def add_logs(self, request: Request, experiment: str) -> tuple[int, Any]:
        self.server.logs += request.json["logs"]
        return 200, {"created": len(request.json["logs"])}

    def read_logs(self, request: Request, experiment: str) -> tuple[int, Any]:
        return 200, {"logs": self.server.logs, "total": len(self.server.logs), "hasMore": False}

    def set_params(self, request: Request, experiment: str) -> tuple[int, Any]:
        self.server.params |= request.json["data"]
        return 200, {"data": self.server.params, "version": 1}

    def read_params(self, request: Request, experiment: str) -> tuple[int, Any]:
        return 200, {"data": self.server.params}

    def add_point(self, request: Request, experiment: str, metric: str) -> tuple[int, Any]:
        self.server.points.setdefault(metric, []).append(request.json["data"])
        return 200, {"metricId": "m", "index": "0"}

    def add_points(self, request: Request, experiment: str, metric: str) -> tuple[int, Any]:
        self.server.points.setdefault(metric, []).extend(request.json["dataPoints"])
        return 200, {"metricId": "m", "count": len(request.json["dataPoints"])}

    def read_points(self, request: Request, experiment: str, metric: str) -> tuple[int, Any]:
        points = self.server.points.get(metric, [])
        data = [{"index": str(index), "data": each} for index, each in enumerate(points)]
        return 200, {"data": data, "total": len(data), "hasMore": False}

    def add_entries(self, request: Request, experiment: str, topic: str) -> tuple[int, Any]:
        self.server.entries.setdefault(topic, []).extend(request.json["entries"])
        return 200, {"trackId": "t", "count": str(len(request.json["entries"]))}

    def read_entries(self, request: Request, experiment: str, topic: str) -> tuple[int, Any]:
        entries = self.server.entries.get(topic, [])
        if request.query["format"] == "jsonl":
            return 200, b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)
        return 200, {"entries": entries, "count": len(entries)}

    def patch(self, request: Request, node_id: str) -> tuple[int, Any]:
        self.server.nodes.setdefault(node_id, {"id": node_id}).update(request.json)
        return 200, self.server.nodes[node_id]

    def node(self, request: Request, node_id: str) -> tuple[int, Any]:
        found = self.server.nodes.get(node_id)
        return (200, found) if found else (404, {"error": "no such node"})

    def remove(self, request: Request, node_id: str) -> tuple[int, Any]:
        if self.server.nodes.pop(node_id, None) is None:
            return 404, {"error": "no such node"}
        return 200, {"id": node_id, "deletedAt": "2026-02-01T10:00:00.000Z"}

    def remove_project(self, request: Request, project_id: str) -> tuple[int, Any]:
        self.server.projects = {
            slug: id_ for slug, id_ in self.server.projects.items() if id_ != project_id
        }
        return 200, {"deleted": 1, "experiments": 0, "message": "gone"}


_E = "/api/experiments/([^/]+)"
ROUTES: list[Any] = [
    ("POST", "/api/namespaces/([^/]+)/nodes", Handler.make_node),
    ("GET", "/api/nodes/([^/]+)", Handler.node),
    ("PATCH", "/api/nodes/([^/]+)", Handler.patch),
    ("DELETE", "/api/nodes/([^/]+)", Handler.remove),
    ("GET", "/api/nodes/([^/]+)/download", Handler.download),
    ("DELETE", "/api/projects/([^/]+)", Handler.remove_project),
    ("POST", f"{_E}/logs", Handler.add_logs),
    ("GET", f"{_E}/logs", Handler.read_logs),
    ("POST", f"{_E}/parameters", Handler.set_params),
    ("GET", f"{_E}/parameters", Handler.read_params),
    ("POST", f"{_E}/metrics/([^/]+)/append", Handler.add_point),
    ("POST", f"{_E}/metrics/([^/]+)/append-batch", Handler.add_points),
    ("GET", f"{_E}/metrics/([^/]+)/data", Handler.read_points),
    ("POST", f"{_E}/tracks/([^/]+)/append_batch", Handler.add_entries),
    ("GET", f"{_E}/tracks/([^/]+)/data", Handler.read_entries),
]
