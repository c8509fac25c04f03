"""What a server has of a run, and what it should have: each record, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

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
