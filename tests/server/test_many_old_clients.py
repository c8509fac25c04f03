"""Twenty clients of each old release at once: the server has all that it acknowledged to them.

For 6 s here; `ML_DASH_TEST_OLD_CLIENTS_S=30 pytest -s tests/server/test_many_old_clients.py` sends
for 30 s and prints how much that was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from ml_dash.server.settings import ServerSettings
from tests.compat import old_release
from tests.server.live import Live
from tests.server.programs import program
from tests.server.recording import Exchange, recording

pytestmark = pytest.mark.old_release

SCRIPT = Path(__file__).parent / "old_scripts" / "many.py"
CLIENTS = 20
SECONDS = float(os.environ.get("ML_DASH_TEST_OLD_CLIENTS_S", "6"))
RUN = re.compile(r"/api/experiments/(\d+)/(.+)")

Record = tuple[str, ...]
"""Run, kind, and what of it must be found again."""


def test_the_server_has_what_it_acknowledged(tmp_path: Path) -> None:
    """Logs, points, entries, parameters and files: each as often as it was acknowledged."""
    with program(tmp_path / "data") as server:
        token = Live(server.url, ServerSettings(data=tmp_path / "data")).token("alice")
        with recording(int(server.url.rpartition(":")[2])) as proxy:
            env = {"SERVER": proxy.url, "TOKEN": token}
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda each: send(each, tmp_path / each, env), old_release.RELEASES))
            exchanges = list(proxy.exchanges())
        sent, acknowledged = Counter[Record](), Counter[Record]()
        for exchange in exchanges:
            found = list(records_of(exchange))
            sent.update(found)
            if 200 <= exchange.status < 300:
                acknowledged.update(found)
        runs = sorted({record[0] for record in sent})
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
            stored = Counter(record for run in runs for record in stored_in(client, run))
    told = Counter(record[1] for record in acknowledged.elements())
    statuses = Counter(exchange.status for exchange in exchanges)
    print(f"{len(runs)} runs, answers {dict(statuses)}, acknowledged {dict(told)}")  # noqa: T201
    assert len(runs) == 2 * CLIENTS
    assert set(told) == {"log", "point", "entry", "parameter", "file"}
    assert min(told.values()) >= 2 * CLIENTS
    assert acknowledged - stored == Counter()
    assert stored - sent == Counter()


def send(version: str, folder: Path, env: dict[str, str]) -> None:
    """Run the clients of a release to their end."""
    folder.mkdir()
    words = (str(CLIENTS), str(SECONDS), f"p{version.replace('.', '')}")
    old_release.ensure(version).run(SCRIPT, *words, cwd=folder, env=env)


def records_of(exchange: Exchange) -> Iterator[Record]:
    """Yield the records that a request holds."""
    path = urlsplit(exchange.path).path
    if exchange.method != "POST":
        return
    if exchange.content_type.startswith("multipart/form-data"):
        yield _file(exchange)
    elif found := RUN.fullmatch(path):
        run, what = found.groups()
        yield from ((run, *each) for each in _records(unquote(what), json.loads(exchange.body)))


def _records(what: str, body: Any) -> Iterator[Record]:
    if what == "logs":
        yield from (("log", each["message"], _text(each["metadata"])) for each in body["logs"])
    elif what == "parameters":
        yield from (("parameter", name, _text(value)) for name, value in body["data"].items())
    elif what.startswith("metrics/"):
        name = what.removeprefix("metrics/").rpartition("/")[0]
        points = body["dataPoints"] if "dataPoints" in body else [body["data"]]
        yield from (("point", name, _text(each)) for each in points)
    elif what.startswith("tracks/"):
        name = what.removeprefix("tracks/").rpartition("/")[0]
        entries = body.get("entries", [body])
        yield from (("entry", name, _text(_flat(each))) for each in entries)
    else:
        raise AssertionError(f"The test does not know what this is: {what}")


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry as it is read: a single one is sent with its fields under ``data``."""
    return {"timestamp": entry["timestamp"], **entry.get("data", entry)}


def _file(exchange: Exchange) -> Record:
    head = f"content-type: {exchange.content_type}\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + exchange.body)
    fields = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in form.iter_parts()  # type: ignore[attr-defined]
    }
    digest = hashlib.sha256(fields["file"]).hexdigest()
    return fields["experimentId"].decode(), "file", fields["name"].decode(), digest


def stored_in(client: httpx.Client, run: str) -> Iterator[Record]:
    """Yield the records that the server has of a run."""
    for line in _pages(client, f"/api/experiments/{run}/logs", "logs", "offset"):
        yield run, "log", line["message"], _text(line["metadata"])
    points = _pages(client, f"/api/experiments/{run}/metrics/train%2Floss/data", "data",
                    "startIndex")  # fmt: skip
    for index, point in enumerate(points):
        assert int(point["index"]) == index
        yield run, "point", "train/loss", _text(point["data"])
    track = client.get(f"/api/experiments/{run}/tracks/robot%2Fpose/data").raise_for_status()
    for entry in track.json()["entries"]:
        yield run, "entry", "robot/pose", _text(entry)
    found = client.get(f"/api/experiments/{run}/parameters").raise_for_status()
    for name, value in found.json()["data"].items():
        yield run, "parameter", name, _text(value)
    params = {"pattern": "**", "experimentId": run, "limit": "1000"}
    for file in client.get("/api/search/files", params=params).json()["files"]:
        got = client.get(f"/api/nodes/{file['id']}/download").raise_for_status().content
        yield run, "file", file["name"], hashlib.sha256(got).hexdigest()


def _pages(client: httpx.Client, path: str, name: str, start: str) -> Iterator[dict[str, Any]]:
    done, more = 0, True
    while more:
        page = client.get(path, params={start: done, "limit": 1000}).raise_for_status().json()
        yield from page[name]
        done, more = done + len(page[name]), page["hasMore"]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
