"""What a server has of a run, and what it should have: each record, in order."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ml_dash._record import codec
from ml_dash.client import RemoteClient
from ml_dash.exceptions import RemoteNotFoundError
from tests.delivery.training import content_of

_PAGE = 5000


@dataclass
class Content:
    """A run's records, by stream."""

    points: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)
    entries: list[Any] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def wanted(blocks: Iterable[tuple[int, int]], refused: Mapping[str, int]) -> Content:
    """Return what a server has of blocks of records when it has all that it did not refuse.

    Args:
        blocks: Number of the first record, and how many there are.
        refused: Number of the record that it refuses, by stream.
    """
    made = Content()
    for start, count in blocks:
        for number in range(start, start + count):
            made.others.append(number)
            if number != refused.get("metrics/train"):
                made.points.append((number, "nan"))
            if number != refused.get("logs"):
                made.logs.append((f"line {number}", number))
            if number != refused.get("tracks/robot/pose"):
                made.entries.append((float(number), number))
        made.params |= {f"p{start}": start, "last": start}
        made.files[f"models/w{start}.bin"] = hashlib.sha256(content_of(start)).hexdigest()
    return made


def stored(run: Path, refused: Iterable[Mapping[str, Any]] = ()) -> Content:
    """Return what is on disk of a run that has ended, but for what the server has refused.

    Args:
        run: The run's folder.
        refused: What is kept aside of it.
    """
    without: dict[str, set[int]] = defaultdict(set)
    for entry in refused:
        without[entry["stream"]].add(entry["number"])
    made = Content()
    for point in _lines(run / "metrics/train/data.jsonl", without["metrics/train"]):
        made.points.append((point["data"]["step"], str(point["data"]["loss"])))
    others = _lines(run / "metrics/eval%2Ftop/data.jsonl", without["metrics/eval/top"])
    made.others = [point["data"]["step"] for point in others]
    lines = _lines(run / "logs/logs.jsonl", without["logs"])
    made.logs = [(line["message"], line["metadata"]["n"]) for line in lines]
    entries = _lines(run / "tracks/robot_pose/data.jsonl", without["tracks/robot/pose"])
    made.entries = [(entry["timestamp"], entry["x"]) for entry in entries]
    for changes in _events(run, "params", without["params"]):
        made.params |= changes["data"]
    for event in _events(run, "file", without["files"]):
        file = event["record"]
        path = f"{file['path'].strip('/')}/{file['filename']}"
        content = next(run.glob(f"files/**/{file['id']}/*")).read_bytes()
        made.files[path] = hashlib.sha256(content).hexdigest()
    return made


def _lines(path: Path, without: Collection[int]) -> list[Any]:
    lines = path.read_bytes().splitlines()
    return [codec.decode(line) for at, line in enumerate(lines) if at not in without]


def _events(run: Path, kind: str, without: Collection[int]) -> list[Any]:
    events = [event["data"] for event in _lines(run / ".ml-dash/journal.jsonl", ())
              if event["kind"] == kind]  # fmt: skip
    return [event for at, event in enumerate(events) if at not in without]


def found(url: str, token: str, owner: str, run_id: str) -> Content:
    """Return what a server has of a run."""
    made = Content()
    with RemoteClient(url, owner, api_key=token) as client:
        for point in _points(client, run_id, "train"):
            made.points.append((point["step"], str(point["loss"])))
        made.others = [point["step"] for point in _points(client, run_id, "eval/top")]
        page = client.query_logs(run_id, _PAGE, 0, "sequenceNumber", "asc")
        assert not page["hasMore"]
        made.logs = [(line["message"], line["metadata"]["n"]) for line in page["logs"]]
        made.entries = _entries(client, run_id)
        made.params = client.get_parameters_or_raise(run_id)
        for file in client.list_files_or_raise(run_id):
            content = httpx.get(
                f"{url}/api/nodes/{file['id']}/download",
                headers={"authorization": f"Bearer {token}"}, trust_env=False,
            ).raise_for_status().content  # fmt: skip
            path = str(file["pPath"]).strip("/")
            assert path not in made.files
            made.files[path] = hashlib.sha256(content).hexdigest()
    return made


def _points(client: RemoteClient, run_id: str, name: str) -> list[Any]:
    page = client.get_metric_data(run_id, name, 0, _PAGE)
    assert not page["hasMore"]
    assert [int(point["index"]) for point in page["data"]] == list(range(len(page["data"])))
    return [point["data"] for point in page["data"]]


def _entries(client: RemoteClient, run_id: str) -> list[Any]:
    try:
        entries = client.get_track_data(run_id, "robot/pose")["entries"]
    except RemoteNotFoundError:
        return []
    return [(entry["timestamp"], entry["x"]) for entry in entries]
