"""Clients that send everything a run can send, each thing again until it is acknowledged."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

import httpx

BATCH = 40
FILES = "application/vnd.ml-dash.files"
PAGE = 1000
NAMES = {"metrics": "train", "tracks": "robot/pose"}
PATHS = {
    "metrics": "metrics/train/append-batch", "logs": "logs", "params": "parameters",
    "tracks": "tracks/robot%2Fpose/append_batch",
}  # fmt: skip


class Client(threading.Thread):
    """Sends points, logs, entries and files of a run of its own in turn, as a delivery does.

    Args:
        address: Where the server is; it may go away and come back there.
        number: Which client it is.
        told: Gets the client's number after each acknowledgement.
    """

    def __init__(self, address: str, number: int, told: queue.Queue[int]) -> None:
        super().__init__(daemon=True)  # a failed test must end
        self.address = address
        self._number = number
        self._told = told
        self._http = httpx.Client(timeout=60)
        self.ending = threading.Event()
        self.sent = 0
        self.starts: list[int] = []
        self.failure = ""
        body = {"type": "EXPERIMENT", "name": f"run-{number}", "parentId": "ROOT"}
        opened = self._http.post(self._nodes, json={**body, "projectSlug": "killed"})
        self.run_row: dict[str, Any] = opened.raise_for_status().json()

    @property
    def experiment(self) -> str:
        """URL of the run."""
        return f"{self.address}/api/experiments/{self.run_row['experiment']['id']}"

    @property
    def _nodes(self) -> str:
        return f"{self.address}/api/namespaces/lab/nodes"

    def run(self) -> None:
        """Send rounds until told to end, or until the server refuses something."""
        try:
            while not self.ending.is_set():
                self._round(self.sent)
                self.sent += 1
        except httpx.HTTPStatusError as error:  # shown by :func:`loaded`
            self.failure = f"{error} {error.response.text[:500]}"
            self._told.put(self._number)
        self._http.close()

    def _round(self, number: int) -> None:
        """Send records of each kind, every other time in one request, and a file."""
        parts = list(self._parts(number))
        if number % 2:
            lines = [json.dumps(each) for part in parts for each in part]
            headers = {"content-type": "application/x-ndjson"}
            url, body = f"{self.experiment}/bundle", "\n".join(lines).encode()
            told = self._send(url, headers, content=body)["parts"]
            assert [each["status"] for each in told] == [200] * len(parts), told
            replies = [each["body"] for each in told]
        else:
            replies = [
                self._send(
                    f"{self.experiment}/{PATHS[head['kind']]}",
                    {"idempotency-key": head["key"]}, json=body,
                )
                for head, body in parts
            ]  # fmt: skip
        self.starts.append(int(replies[0]["startIndex"]))
        self._send_file(number)

    def _send_file(self, number: int) -> None:
        """Send a file: every other time in a request for several."""
        name, held = f"f-{number}", content(number)
        if number % 2:
            head = {"name": name, "size": len(held), "checksum": sha256(held).hexdigest()}
            body = json.dumps({**head, "key": f"run-{self._number}/{name}"}).encode()
            url, headers = f"{self.experiment}/files", {"content-type": FILES}
            (part,) = self._send(url, headers, content=b"%b\n%b\n" % (body, held))["parts"]
            assert part["status"] == 200, part
            return
        form = {"type": "FILE", "experimentId": self.run_row["experiment"]["id"], "name": name}
        self._send(self._nodes, {}, data=form, files={"file": (name, held)})

    def _parts(self, number: int) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """Yield what each kind is called, under which key, and its records."""
        at = range(number * BATCH, (number + 1) * BATCH)
        bodies = {
            "metrics": {"dataPoints": [{"n": n} for n in at]},
            "logs": {"logs": [{"message": f"line {n}"} for n in at]},
            "tracks": {"entries": [{"timestamp": n, "q": [n, 0.5]} for n in at]},
            "params": {"data": {f"key-{number % BATCH}": number}},
        }
        for kind, body in bodies.items():
            key = f"run-{self._number}/{kind}/{at[0]}-{at[-1]}"
            yield {"kind": kind, "name": NAMES.get(kind, ""), "key": key}, body

    def _send(self, url: str, headers: dict[str, str], **body: Any) -> dict[str, Any]:
        while True:
            try:
                reply = self._http.post(url, headers=headers, **body)
            except httpx.TransportError:  # killed; the port is the same when it is back
                self.ending.wait(0.02)
                continue
            if reply.status_code < 500:
                found: dict[str, Any] = reply.raise_for_status().json()
                self._told.put(self._number)
                return found

    def check(self) -> None:
        """Check that the server has all that was acknowledged, in order, and once."""
        assert not self.failure, self.failure
        every = list(range(self.sent * BATCH))
        self._same("starts of batches", self.starts, every[::BATCH])
        points = self._pages("metrics/train/data", "data", "startIndex")
        found = [(int(each["index"]), each["data"]["n"]) for each in points]
        self._same("points", found, [(n, n) for n in every])
        logs = self._pages("logs", "logs", "offset", orderBy="sequenceNumber", order="asc")
        lines = [(each["sequenceNumber"], each["message"]) for each in logs]
        self._same("log lines", lines, [(n, f"line {n}") for n in every])
        track = self._get("tracks/robot%2Fpose/data", format="json")
        entries = [(each["timestamp"], each["q"]) for each in track["entries"]]
        self._same("entries", entries, [(n, [n, 0.5]) for n in every])
        parameters = self._get("parameters")
        self._same("changes of parameters", [parameters["version"]], [self.sent])
        values = {f"key-{n % BATCH}": n for n in range(self.sent)}
        self._same("parameters", sorted(parameters["data"].items()), sorted(values.items()))
        self._same("files", self._files(), [content(n) for n in range(self.sent)])

    def _same(self, what: str, found: list[Any], expected: list[Any]) -> None:
        if found != expected:
            at = next((n for n, pair in enumerate(zip(found, expected, strict=False))
                       if pair[0] != pair[1]), min(len(found), len(expected)))  # fmt: skip
            raise AssertionError(
                f"run {self._number}: {len(expected)} {what} were acknowledged, {len(found)} are "
                f"there; at {at}: {found[at : at + 2]}, not {expected[at : at + 2]}"
            )

    def _files(self) -> list[bytes]:
        params = {"pattern": "**", "experimentId": self.run_row["experiment"]["id"], "limit": 10000}
        found = httpx.get(f"{self.address}/api/search/files", params=params, timeout=60)
        files = sorted(
            (int(each["path"].removeprefix("f-")), each["id"])
            for each in found.raise_for_status().json()["files"]
        )
        with httpx.Client(base_url=self.address, timeout=60) as client:
            got = [client.get(f"/api/nodes/{node}/download") for _, node in files]
        return [each.raise_for_status().content for each in got]

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        reply = httpx.get(f"{self.experiment}/{path}", params=params, timeout=60)
        found: dict[str, Any] = reply.raise_for_status().json()
        return found

    def _pages(self, path: str, name: str, start: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._get(path, **params, **{start: len(found), "limit": PAGE})
            found += page[name]
            if not page["hasMore"]:
                return found


def content(number: int) -> bytes:
    """Return the bytes of a file; every fifth are those of another one, too."""
    return b"equal bytes" if number % 5 == 0 else f"file {number}".encode() * 100


class Load:
    """Clients at work.

    Args:
        clients: The clients.
        told: What they tell.
    """

    def __init__(self, clients: Sequence[Client], told: queue.Queue[int]) -> None:
        self.clients = clients
        self._told = told

    def await_acknowledgements(self, count: int) -> None:
        """Wait until so many requests more have been acknowledged."""
        for _ in range(count):
            self._told.get(timeout=120)
            failures = [client.failure for client in self.clients if client.failure]
            assert not failures, failures[0]

    def await_silence(self) -> None:
        """Wait until nothing has been acknowledged for two seconds."""
        with suppress(queue.Empty):
            while True:
                self._told.get(timeout=2)


@contextmanager
def loaded(addresses: Sequence[str]) -> Iterator[Load]:
    """Let a client for each address work until the block ends, then check what the server has."""
    told: queue.Queue[int] = queue.Queue()
    clients = [Client(address, number, told) for number, address in enumerate(addresses)]
    for client in clients:
        client.start()
    try:
        yield Load(clients, told)
    finally:
        for client in clients:
            client.ending.set()
    for client in clients:
        client.join()
        client.check()
