"""Parts of a run from a server that says less than there is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ml_dash._store.run_store import RunStore
from ml_dash.client import RemoteClient
from ml_dash.download import parts
from ml_dash.exceptions import InvalidResponseError
from ml_dash.runs import ServerRun

RAW = {"id": "1", "name": "one", "displayPath": "one", "files": [{"id": "7"}, {"id": "8"}],
       "project": {"slug": "vision", "namespace": {"slug": "alice"}}}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "/api/experiments/1/logs": {"logs": [{"message": "first"}], "total": 3},
    "/api/experiments/1/metrics/train/stats": {"totalDataPoints": "5"},
    "/api/experiments/1/metrics/train/data": {"data": [{"index": "0", "data": {"x": 1}}]},
    "/api/experiments/1/tracks/pose/data": {"timestamp": 1.0, "x": 2},
    "/graphql": {"data": {"experimentById": {
        "filesPaginated": {"files": [], "totalCount": 0, "hasMore": False}}}},
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """Answers each path with its one answer, which ends too early; others with 404."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        found = ANSWERS.get(self.path.split("?")[0])
        data = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - names of the base class

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def client() -> Iterator[RemoteClient]:
    """Return the client of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        with RemoteClient(f"http://127.0.0.1:{server.server_port}", "alice", "a-token") as made:
            yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return an empty folder for the run."""
    return RunStore(tmp_path, ["alice", "vision", "one"])


def test_a_page_that_does_not_say_more(client: RemoteClient, store: RunStore) -> None:
    """Lines and points that end before the server's total are an error; what came is kept."""
    run = ServerRun(client, RAW)
    logs = parts.Logs(run, store)
    with pytest.raises(InvalidResponseError, match="1 of 3 log lines"):
        logs.fetch(lambda _count: None)
    assert len((store.folder / "logs/logs.jsonl").read_text().splitlines()) == 1
    metric = parts.Metric(run, store, {"name": "train"})
    with pytest.raises(InvalidResponseError, match="1 of 5 points"):
        metric.fetch(lambda _count: None)
    track = parts.Track(run, client, store, {"topic": "pose", "totalEntries": 4})
    with pytest.raises(InvalidResponseError, match="1 of 4 entries"):
        track.fetch(lambda _count: None)
    assert not list(store.folder.rglob("tracks/*/data.jsonl")) or not any(
        path.read_bytes() for path in store.folder.rglob("tracks/*/data.jsonl")
    )


def test_a_chart_of_a_server_of_0_6(client: RemoteClient) -> None:
    """Where a server makes no chart, it is made of the points."""
    series = ServerRun(client, RAW).series("train", "x", 10)
    assert (list(series.values), series.total) == ([1.0], 1)


def test_files_that_are_not_listed(client: RemoteClient, store: RunStore) -> None:
    """A list of files that is shorter than their number is an error, not fewer files."""
    with pytest.raises(InvalidResponseError, match="0 of 2 files"):
        parts.listed("files", ServerRun(client, RAW), client, store)
