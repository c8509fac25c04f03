"""A server on the loopback address that keeps what it takes, knows repeated batches, and fails."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "secret-token-of-the-tests"


@dataclass
class Fault:
    """What the server does instead of answering.

    Attributes:
        kind: ``status``, ``reset``, ``hang``, ``cut`` (half of the body), ``page`` (HTML) or
            ``nothing`` (a yes that says nothing).
        times: How often.
        part: Only requests whose path has this part.
        methods: Only requests of these methods.
        after: Whether the request takes effect before.
        when: Only requests whose body has this.
    """

    kind: str = "status"
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    part: str = ""
    methods: tuple[str, ...] = ("POST", "PATCH", "DELETE")
    after: bool = False
    when: bytes = b""


@dataclass
class Run:
    """What the server has of a run."""

    place: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    points: dict[str, list[Any]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: dict[str, list[Any]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    beats: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)


class Loopback(ThreadingHTTPServer):
    """State of the server."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.RLock()
        self.token = TOKEN
        self.honours_keys = True
        self.takes_gzip = False
        self.knows_signs = True
        self.distance_s = 0.0
        self.body_bytes = 0
        self.connections: list[socket.socket] = []
        self.runs: dict[str, Run] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.ids = 1000
        self.content: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.refuses: Callable[[Any], bool] = lambda record: False
        self.max_body_bytes = 1 << 30
        self.seen: list[tuple[str, str, str | None]] = []
        self.replies: dict[str, tuple[int, Any]] = {}
        self.released = threading.Event()
        self.arrived = threading.Condition()

    @property
    def run(self) -> Run:
        """The only run."""
        (run,) = self.runs.values()
        return run

    def files(self) -> dict[str, bytes]:
        """Return the files that are there, by path."""
        found = {}
        for node in self.nodes.values():
            if node["type"] == "FILE":
                path, parent = [node["name"]], self.nodes[node["parentId"]]
                while parent["type"] == "FOLDER":
                    path.insert(0, parent["name"])
                    parent = self.nodes[parent["parentId"]]
                assert "/".join(path) not in found
                found["/".join(path)] = self.content[node["id"]]
        return found

    def fail(self, kind: str = "status", **facts: Any) -> Fault:
        """Fail on what comes next."""
        with self.lock:
            self.faults.append(Fault(kind, **facts))
            return self.faults[-1]

    def heal(self) -> None:
        """Fail no longer."""
        with self.lock:
            self.faults.clear()

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Return when something holds that a request may have changed."""
        with self.arrived:
            assert self.arrived.wait_for(condition, timeout_s)

    def hang_up(self) -> None:
        """Break all connections, as a server does that is killed."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def count(self, part: str, method: str = "POST") -> int:
        """Return how many requests came whose path has a part."""
        return sum(method == seen[0] and part in seen[1] for seen in self.seen)


@contextmanager
def serving(port: int = 0) -> Iterator[Loopback]:
    """Run a server for a block."""
    with Loopback(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
            server.hang_up()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server.body_bytes += len(body)
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        key = self.headers.get("idempotency-key")
        with server.lock:
            server.seen.append((self.command, self.path, key))
            fault = self.next_fault(body)
        server.released.wait(server.distance_s)
        if fault is None or fault.after:
            status, reply = self.reply_to(body, key)
        with server.arrived:
            server.arrived.notify_all()
        if fault is not None:
            self.go_wrong(fault)
        else:
            said = {"idempotency-key": key} if key and server.honours_keys else {}
            said |= {"accept-encoding": "gzip"} if server.takes_gzip else {}
            self.send(status, json.dumps(reply).encode(), said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the base class

    def next_fault(self, body: bytes) -> Fault | None:
        for fault in self.server.faults:
            if (fault.part in unquote(self.path) and self.command in fault.methods
                    and fault.when in body):  # fmt: skip
                fault.times -= 1
                if not fault.times:
                    self.server.faults.remove(fault)
                return fault
        return None

    def go_wrong(self, fault: Fault) -> None:
        if fault.kind == "status":
            self.send(fault.status, b'{"error":"the server is ill"}', fault.headers)
            return
        if fault.kind == "nothing":
            self.send(200, b"{}")
            return
        if fault.kind == "page":
            self.send(200, b"<html>Please log in</html>", {"content-type": "text/html"})
            return
        self.close_connection = True
        if fault.kind == "hang":
            self.server.released.wait(30)
        elif fault.kind == "cut":
            self.send(200, b'{"created": 1', {"content-length": "400"})
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        facts = {"content-length": str(len(body)), "content-type": "application/json"}
        for name, value in {**facts, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def reply_to(self, body: bytes, key: str | None) -> tuple[int, Any]:
        server = self.server
        if self.headers.get("authorization") != f"Bearer {server.token}":
            return 401, {"error": "bad token"}
        if len(body) > server.max_body_bytes:
            return 413, {"error": "too large"}
        with server.lock:
            if key is not None and server.honours_keys and key in server.replies:
                return server.replies[key]
            status, reply = self.usual(body)
            if key is not None and status < 400:
                server.replies[key] = status, reply
            return status, reply

    # -- the usual answers -----------------------------------------------------------------------

    def usual(self, body: bytes) -> tuple[int, Any]:
        path = urlsplit(self.path).path
        if path == "/graphql":
            return 200, {"data": self.graphql(json.loads(body))}
        if re.fullmatch("/api/namespaces/[^/]+/nodes", path):
            return self.make_node(body)
        match = re.fullmatch("/api/nodes/([^/]+)", path)
        if match:
            return self.change_node(match[1], body)
        match = re.fullmatch("/api/experiments/([^/]+)/(.*)", path)
        run = self.server.runs.get(match[1]) if match else None
        if match is None or run is None:
            return 404, {"error": "no such run"}
        what = [unquote(part) for part in match[2].split("/")]
        if self.command == "GET":
            return self.read(run, what)
        if what in (["heartbeat"], ["report"]):
            return self.note_sign(run, body)
        return self.append(run, what, json.loads(body))

    def read(self, run: Run, what: list[str]) -> tuple[int, Any]:
        if what == ["logs"]:
            return 200, {"logs": run.logs, "hasMore": False}
        if what == ["parameters"]:
            return 200, {"data": run.params}
        if what[0] == "metrics":
            points = [{"index": at, "data": each} for at, each in enumerate(run.points[what[1]])]
            return 200, {"data": points, "hasMore": False}
        return 200, {"entries": run.entries[what[1]]}

    def append(self, run: Run, what: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        records = body.get("logs", body.get("dataPoints", body.get("entries", [body])))
        if any(self.server.refuses(record) for record in records):
            return 422, {"error": "one of these records is poisoned"}
        if what == ["logs"]:
            run.logs += records
            return 200, {"created": len(records)}
        if what == ["parameters"]:
            run.params |= body["data"]
            return 200, {"data": run.params}
        if what[0] == "metrics":
            run.points.setdefault(what[1], []).extend(records)
            run.described[what[1]] = {k: v for k, v in body.items() if k != "dataPoints"}
            return 200, {"count": len(records)}
        run.entries.setdefault(what[1], []).extend(records)
        return 200, {"count": len(records)}

    def note_sign(self, run: Run, body: bytes) -> tuple[int, Any]:
        if not self.server.knows_signs:
            return 404, {"error": "no such route"}
        if body:
            run.reports.append(json.loads(body))
        else:
            run.beats += 1
        return 200, {"status": run.statuses[-1]}

    def graphql(self, body: dict[str, Any]) -> Any:
        variables = body["variables"]
        if "GetMyNamespace" in body["query"]:
            return {"me": {"username": "alice"}}
        if "GetProject" in body["query"]:
            made = [node for node in self.server.nodes.values() if node["type"] == "PROJECT"]
            found = [{"id": node["id"], "slug": node["slug"]} for node in made]
            return {"namespace": {"projects": found}}
        if "ListExperimentFiles" in body["query"]:
            sums = {path: hashlib.sha256(data).hexdigest() for path, data in
                    self.server.files().items()}  # fmt: skip
            files = [{"id": path, "name": path, "pPath": path, "physicalFile": {"checksum": found}}
                     for path, found in sums.items()]  # fmt: skip
            page = {"files": files, "totalCount": len(files), "hasMore": False}
            return {"experimentById": {"filesPaginated": page}}
        if "GetExperiment(" in body["query"]:
            run = self.server.runs.get(variables["id"])
            found = run and {**run.facts, "id": variables["id"], "status": run.statuses[-1]}
            return {"experimentById": found}
        if "GetExperimentNode" in body["query"]:
            asked = variables["experimentId"]
            ids = [node["id"] for node in self.server.nodes.values() if node.get("run") == asked]
            return {"experimentNode": {"id": ids[0]} if ids else None}
        return None

    def make_node(self, body: bytes) -> tuple[int, Any]:
        if self.headers["content-type"].startswith("multipart/"):
            return self.make_file(body)
        said = json.loads(body)
        if said["type"] == "EXPERIMENT" and "projectSlug" in said:
            said["projectId"] = self.upsert({"type": "PROJECT", "slug": said["projectSlug"]})["id"]
        node = self.upsert(said)
        if said["type"] != "EXPERIMENT":
            return 200, {"node": node, "project": node}
        node["run"] = f"e{node['id']}"
        run = self.server.runs.setdefault(node["run"], Run((said["name"],)))
        run.facts |= said
        run.statuses.append("RUNNING")
        place = {"id": said["projectId"]}
        return 200, {"experiment": {"id": node["run"]}, "node": node, "project": place}

    def upsert(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return the node of the same place, made if it is not there."""
        place = [said.get(part) for part in ("type", "projectId", "parentId", "name", "slug")]
        for node in self.server.nodes.values():
            if node["place"] == place:
                node.update(said)
                return node
        self.server.ids += 1  # never that of a node that was deleted
        made = {**said, "id": str(self.server.ids), "place": place}
        self.server.nodes[made["id"]] = made
        return made

    def make_file(self, body: bytes) -> tuple[int, Any]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        fields: dict[str, Any] = {}
        for part in BytesParser().parsebytes(head + body).get_payload():  # type: ignore[union-attr]
            name = str(part.get_param("name", header="content-disposition"))  # type: ignore[union-attr]
            fields[name] = part.get_payload(decode=True)  # type: ignore[union-attr]
        content = fields.pop("file")
        found = hashlib.sha256(content).hexdigest()
        texts = {name: value.decode() for name, value in fields.items()}
        if texts["checksum"] != found:
            return 422, {"error": f"the checksum is {found}"}
        node = self.upsert(texts)
        self.server.content[node["id"]] = content
        physical = {"checksum": found, "sizeBytes": len(content), "contentType": "x"}
        return 201, {"node": {"id": node["id"]}, "physicalFile": physical}

    def change_node(self, node_id: str, body: bytes) -> tuple[int, Any]:
        node = self.server.nodes.get(node_id)
        if node is None:
            return 404, {"error": "no such node"}
        if self.command == "DELETE":
            del self.server.nodes[node_id]
            return 200, {"id": node_id}
        said = json.loads(body)
        node.update(said)
        if "run" in node and "status" in said:
            self.server.runs[node["run"]].statuses.append(said["status"])
        return 200, {"id": node_id}
