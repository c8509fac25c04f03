"""Every request that clients of 0.6 send (R1 to R26), and what they read of it.

The numbers are those of the fact sheet of the wire.
"""

from __future__ import annotations

import hashlib
import io
import json
from types import NoneType

import pyarrow.parquet as pq
import pytest

from ml_dash.server.points import CHUNK_POINTS
from ml_dash.server.web import protocol
from tests.server.web.wire import (
    CONTENT,
    NODES,
    OPTIONAL,
    PHYSICAL,
    World,
    has,
    send,
    upload,
)

FILE_NODE = {
    "id": str, "experimentId": str, "description": OPTIONAL, "tags": [str], "metadata": dict,
    "createdAt": str, "updatedAt": str, "deletedAt": NoneType,
}  # fmt: skip
READ = {
    "R1": {"project": {"id": str, "slug": str, "name": str}, "node": {"id": str, "type": str}},
    "R2": {"node": {"id": str, "type": str, "name": str}},
    "R3": {"experiment": {"id": str, "status": str, "startedAt": str}, "node": {"id": str},
           "project": {"id": str, "slug": str}},
    "R4": {"node": FILE_NODE, "physicalFile": PHYSICAL},
    "R10": {"created": int, "startSequence": int, "endSequence": int, "experimentId": str},
    "R12": {"id": str, "experimentId": str, "data": dict, "version": int, "createdAt": str,
            "updatedAt": str},
    "R14": {"metricId": str, "index": (int, str), "bufferedDataPoints": (int, str),
            "chunkSize": int},
    "R15": {"metricId": str, "startIndex": (int, str), "endIndex": (int, str), "count": int,
            "bufferedDataPoints": (int, str), "chunkSize": int},
    "R20": {"id": str, "topic": str}, "R21": {"timestamp": float, "data": dict},
    "R22": {"count": int, "trackId": str},
}  # fmt: skip


@pytest.mark.parametrize("number", READ)
def test_what_is_made_is_answered_as_clients_read_it(world: World, number: str) -> None:
    """Ids are texts; what a client counts with are numbers."""
    has(world.made[number], READ[number])


def test_the_answers_say_what_was_sent(world: World) -> None:
    """R1 to R22, by value."""
    made = world.made
    assert made["R1"]["project"]["slug"] == "vision"
    assert made["R3"]["experiment"]["status"] == "RUNNING"
    assert made["R3"]["experiment"]["metadata"]["seed"] == 7
    assert made["R3"]["node"]["parentId"] == world.ids["folder"]
    assert made["R4"]["node"]["tags"] == ["best", "nightly"]
    assert made["R4"]["node"]["metadata"] == {"epoch": 3}
    assert made["R4"]["physicalFile"]["checksum"] == hashlib.sha256(CONTENT).hexdigest()
    assert (made["R10"]["startSequence"], made["R10"]["endSequence"]) == (0, 1)
    assert made["R14"]["index"] == "0"
    assert (made["R15"]["startIndex"], made["R15"]["count"]) == ("1", CHUNK_POINTS + 49)
    assert made["R21"] == {**made["R21"], "timestamp": 1.5}


# --- R1 to R9 -------------------------------------------------------------------------------------


def test_nodes_are_upserts(world: World) -> None:
    """R1, R2, R3: the same ids again; R3 by the project's slug makes it, and opens the same run."""
    client, ids, nodes = world.client, world.ids, NODES
    again = send(client, "POST", nodes, {"type": "PROJECT", "name": "vision", "slug": "vision"})
    assert again["project"]["id"] == ids["project"]
    folder = {"type": "FOLDER", "projectId": ids["project"], "parentId": "ROOT", "name": "sweeps"}
    assert send(client, "POST", nodes, folder)["node"]["id"] == ids["folder"]
    run = {"type": "EXPERIMENT", "name": "run-1", "parentId": ids["folder"],
           "projectSlug": "vision"}  # fmt: skip
    send(client, "PATCH", f"/api/nodes/{ids['node']}", {"status": "COMPLETED"})
    opened = send(client, "POST", nodes, run)
    assert opened["experiment"]["id"] == ids["experiment"]
    assert opened["experiment"]["status"] == "RUNNING"
    new = send(client, "POST", nodes, {**run, "parentId": "ROOT", "projectSlug": "New Proj.1",
                                       "writeProtected": True})  # fmt: skip
    assert new["project"]["slug"] == "New Proj.1"
    assert new["experiment"]["writeProtected"] is True


def test_only_who_wants_to_make_a_project_is_told_that_it_is_there(world: World) -> None:
    """R1 of `create` sends a description, and reads 409."""
    body = {"type": "PROJECT", "name": "vision", "slug": "vision", "description": ""}
    assert world.client.post(NODES, json=body).status_code == 409


def test_files_go_in_and_out(world: World) -> None:
    """R4, R5, R6: replaced under its name; flat; raw bytes, never a redirect."""
    client, ids = world.client, world.ids
    for name, parent in (("model.pt", ids["models"]), ("a/b.pt", "ROOT"), ("käse (1).pt", "ROOT")):
        node = upload(client, ids, name, parentId=parent).json()["node"]
        if name == "model.pt":
            assert node["id"] == ids["file"]
        shown = send(client, "GET", f"/api/nodes/{node['id']}")
        has(shown, {**FILE_NODE, "name": str, "type": str, "physicalFile": PHYSICAL})
        assert shown["name"] == name
        got = client.get(f"/api/nodes/{node['id']}/download")
        assert (got.status_code, got.content) == (200, CONTENT)
    assert "physicalFile" not in send(client, "GET", f"/api/nodes/{ids['node']}")


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED", "ARCHIVED", "RUNNING"])
def test_a_status_is_set_by_the_node(world: World, status: str) -> None:
    """R7."""
    path = f"/api/nodes/{world.ids['node']}"
    has(send(world.client, "PATCH", path, {"status": status}), {"id": str, "type": str})
    assert send(world.client, "GET", world.run)["status"] == status


def test_facts_of_a_file_are_changed_one_by_one(world: World) -> None:
    """R7 on a file: what is not named stays."""
    path = f"/api/nodes/{world.ids['file']}"
    before = send(world.client, "GET", path)
    changed = send(world.client, "PATCH", path, {"description": "final"})
    assert (changed["description"], changed["tags"]) == ("final", before["tags"])
    changed = send(world.client, "PATCH", path, {"tags": ["z"], "metadata": {"epoch": 9}})
    assert (changed["description"], changed["tags"]) == ("final", ["z"])
    assert changed["metadata"] == {"epoch": 9}


def test_what_is_deleted_says_so(world: World) -> None:
    """R8, R9: with JSON, also where there is nothing to say."""
    ids, client = world.ids, world.client
    gone = upload(client, ids, "gone.txt").json()["node"]["id"]
    has(send(client, "DELETE", f"/api/nodes/{gone}"), {"id": str, "deletedAt": str})
    body = {"type": "EXPERIMENT", "name": "r", "parentId": "ROOT", "projectSlug": "short"}
    project = send(client, "POST", NODES, body)["project"]["id"]
    told = send(client, "DELETE", f"/api/projects/{project}")
    has(told, {"projectId": str, "deleted": int, "experiments": int, "message": str})
    assert told["experiments"] == 1
    assert client.delete(f"/api/projects/{project}").status_code == 404


# --- R11 to R19 -----------------------------------------------------------------------------------


def test_logs_are_read_in_pages(world: World) -> None:
    """R11: as the downloader asks; times, levels and metadata as they were."""
    params = {"limit": 1, "offset": 0, "orderBy": "sequenceNumber", "order": "asc"}
    first = send(world.client, "GET", f"{world.run}/logs", params=params)
    has(first, {"logs": [{"message": str, "level": str, "timestamp": OPTIONAL, "id": str,
                          "sequenceNumber": int, "metadata": dict}], "hasMore": bool})  # fmt: skip
    assert first["hasMore"] is True
    assert first["logs"][0]["timestamp"] == "2026-02-01T09:15:31.000250Z"
    last = send(world.client, "GET", f"{world.run}/logs", params={**params, "offset": 1})
    assert (last["hasMore"], last["logs"][0]["timestamp"]) == (False, None)
    beyond = send(world.client, "GET", f"{world.run}/logs", params={**params, "offset": 2})
    assert (beyond["hasMore"], beyond["logs"]) == (False, [])


def test_parameters_are_merged(world: World) -> None:
    """R12, R13."""
    path = f"{world.run}/parameters"
    send(world.client, "POST", path, {"data": {"model.lr": 0.002}})
    data = send(world.client, "GET", path)["data"]
    assert data == {"model.lr": 0.002, "layers": [64, 64], "note": None}


def test_points_are_read_from_chunks_and_from_the_buffer(world: World) -> None:
    """R16, R17, R18, R19: nothing is missing and nothing is there twice while it is moved."""
    metric = f"{world.run}/metrics/train"
    while True:  # chunks are made in the background
        stats = send(world.client, "GET", f"{metric}/stats")
        if stats["totalChunks"]:
            break
    has(stats, {
        "metricId": str, "name": str, "description": OPTIONAL, "tags": [str], "metadata": dict,
        "totalDataPoints": (int, str), "bufferedDataPoints": (int, str), "totalChunks": int,
        "chunkedDataPoints": (int, str), "chunkSize": int, "firstDataAt": OPTIONAL,
        "lastDataAt": OPTIONAL, "createdAt": str, "updatedAt": str,
    })  # fmt: skip
    assert (stats["description"], stats["metadata"]) == ("train loss", {"unit": "nats"})
    assert int(stats["totalDataPoints"]) == CHUNK_POINTS + 50
    chunk = send(world.client, "GET", f"{metric}/chunks/0")
    has(chunk, {"chunkNumber": int, "startIndex": (int, str), "endIndex": (int, str),
                "dataCount": int, "data": [{"index": (int, str), "data": dict}]})  # fmt: skip
    waiting = send(world.client, "GET", f"{metric}/data", params={"bufferOnly": "true"})
    has(waiting, {"data": [{"index": (int, str), "data": dict}], "hasMore": bool, "total": int})
    indexes = [int(each["index"]) for each in chunk["data"] + waiting["data"]]
    assert indexes == list(range(CHUNK_POINTS + 50))
    params = {"startIndex": CHUNK_POINTS - 2, "limit": 4}
    across = send(world.client, "GET", f"{metric}/data", params=params)
    assert [int(each["index"]) for each in across["data"]] == indexes[-52:-48]
    assert (across["hasMore"], across["total"]) == (True, 4)
    assert len(send(world.client, "GET", f"{metric}/data")["data"]) == 1000
    most = send(world.client, "GET", f"{metric}/data", params={"limit": 10_000})
    assert (len(most["data"]), most["hasMore"]) == (10_000, True)
    listed = send(world.client, "GET", f"{world.run}/metrics")
    has(listed, {"metrics": [{"metricId": str, "name": str, "description": OPTIONAL, "tags": list,
                              "totalDataPoints": (int, str), "createdAt": str}]})  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name"),
    [("None", "None"), ("train/deep%20name", "train/deep name"), ("a/b/c", "a/b/c"),
     ("k%C3%A4se", "käse"), ("x%2Fy", "x/y"), ("append/data", "append/data"), ("50%25", "50%")],
)  # fmt: skip
def test_names_of_metrics_have_slashes(world: World, path: str, name: str) -> None:
    """R14 to R17: as the HTTP library of the clients writes them, the unnamed one too."""
    metric = f"{world.run}/metrics/{path}"
    send(world.client, "POST", f"{metric}/append-batch", {"dataPoints": [{"a": 1}]})
    send(world.client, "POST", f"{metric}/append", {"data": {"a": 2}})
    assert send(world.client, "GET", f"{metric}/stats")["name"] == name
    assert len(send(world.client, "GET", f"{metric}/data")["data"]) == 2


# --- R20 to R26 -----------------------------------------------------------------------------------


def test_tracks_are_read_by_time_and_columns(world: World) -> None:
    """R23, R24: ascending; nested fields have dotted names; times are numbers."""
    path = f"{world.run}/tracks/robot%2Fposition/data"
    params = {"format": "json", "start_timestamp": 0, "end_timestamp": 1, "columns": "q"}
    found = send(world.client, "GET", path, params=params)
    assert found == {"entries": [{"timestamp": 1.0, "q": [0.1, 0.2]}], "count": 1}
    whole = send(world.client, "GET", path)
    assert [each["timestamp"] for each in whole["entries"]] == [1.0, 2.0]
    mocap = send(world.client, "GET", path, params={"format": "mocap"})
    has(mocap, {"version": str, "channels": [str], "frames": [{"time": (int, float)}], "metadata": {
        "topic": str, "fps": (int, float), "duration": (int, float), "frameCount": int,
        "startTime": (int, float), "endTime": (int, float),
    }})  # fmt: skip
    jsonl = world.client.get(path, params={"format": "jsonl"}).text.splitlines()
    assert [json.loads(line) for line in jsonl] == whole["entries"]
    table = pq.read_table(
        io.BytesIO(world.client.get(path, params={"format": "parquet"}).content)
    )
    assert table["timestamp"].to_pylist() == [1.0, 2.0]
    assert world.client.get(path, params={"format": "mcap"}).content[1:5] == b"MCAP"
    for topic, count in (("robot/position", 1), ("robot/*", 1), ("cam/*", 1), ("r/*", 0)):
        listed = send(world.client, "GET", f"{world.run}/tracks", params={"topic": topic})
        assert len(listed["tracks"]) == count
    listed = send(world.client, "GET", f"{world.run}/tracks", params={"topic": "robot/*"})
    [shown] = listed["tracks"]
    has(shown, {"topic": str, "totalEntries": int, "columns": [str],
                "firstTimestamp": (int, float), "lastTimestamp": (int, float)})  # fmt: skip
    assert shown["columns"] == ["cam.p", "q"]
    described = send(world.client, "GET", f"{world.run}/tracks", params={"topic": "cam/rgb"})
    assert described["tracks"][0]["description"] == "front"
    assert described["tracks"][0]["columns"] == ["pose.x"]


def test_a_track_without_entries_has_no_times(world: World) -> None:
    """R20, R24: null, and an empty list of columns."""
    send(world.client, "POST", f"{world.run}/tracks", {"topic": "empty"})
    [shown] = send(world.client, "GET", f"{world.run}/tracks", params={"topic": "empty"})["tracks"]
    assert (shown["columns"], shown["firstTimestamp"], shown["totalEntries"]) == ([], None, 0)


def test_a_token_is_exchanged(world: World) -> None:
    """R25: without a body; 401 for a token of nobody."""
    token = world.live.token("bob")
    assert send(world.live.client(token), "POST", "/api/auth/exchange")["ml_dash_token"]
    assert world.live.client("nobody").post("/api/auth/exchange").status_code == 401


def test_files_are_found_by_their_name(world: World) -> None:
    """R26: the path has the name in it; ``**/`` is also no folder."""
    upload(world.client, world.ids, "top.txt", parentId=world.ids["node"])
    for name, path in (("model.pt", "models/model.pt"), ("top.txt", "top.txt")):
        params = {"pattern": f"**/{name}", "limit": 1, "offset": 0,
                  "experimentId": world.ids["experiment"]}  # fmt: skip
        found = send(world.client, "GET", "/api/search/files", params=params)
        has(found, {"files": [{"id": str, "name": str, "path": str}]})
        assert [each["path"] for each in found["files"]] == [path]


def test_nothing_is_ever_redirected(world: World) -> None:
    """Slashes too many are no path, in JSON; and idle connections live longer than a minute."""
    for path in (f"{world.run}/logs/", "/api/", "//graphql", "/graphql/"):
        reply = world.client.get(path)
        assert reply.status_code in (404, 405)
        assert reply.json()["error"]
    assert protocol.KEEP_ALIVE_S > 60
