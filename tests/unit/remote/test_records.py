"""Logs, parameters, metrics and tracks arrive as they were, or fail with a typed error."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    InvalidValueError,
    PartialAcceptError,
    RemoteNotFoundError,
    SerializationError,
    UsageError,
)
from tests.unit.remote.server import Fault, Server

LINE = {"timestamp": "2026-02-01T09:15:31Z", "level": "info", "message": "m"}


def test_logs_arrive(client: RemoteClient, server: Server) -> None:
    """Log lines are sent as the wire wants them; texts are texts, metadata are values."""
    lines = [{**LINE, "message": "NaN"}, {**LINE, "metadata": {"loss": math.nan, "word": "NaN"}}]
    assert client.create_log_entries("7", lines)["created"] == 2
    request = server.sent("POST", "/api/experiments/7/logs")[0]
    assert request.headers["content-type"] == "application/json"
    assert request.json["logs"][0] == lines[0]
    assert request.json["logs"][1]["metadata"] == {"loss": "NaN", "word": "~NaN"}
    back = client.query_logs("7")["logs"]
    assert back[0]["message"] == "NaN"
    assert math.isnan(back[1]["metadata"]["loss"])
    assert back[1]["metadata"]["word"] == "NaN"


def test_log_queries(client: RemoteClient, server: Server) -> None:
    """Only what was asked is in the query, under the names of the wire."""
    client.query_logs("7", limit=5, order_by="timestamp", level=["info", "warn"], search="a&b")
    assert server.requests[0].query == {
        "limit": "5", "orderBy": "timestamp", "level": "info,warn", "search": "a&b"
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply", [{}, {"created": 1}, {"created": True}, {"created": None}, [], {"created": "x"}]
)
def test_success_must_be_proven(client: RemoteClient, server: Server, reply: Any) -> None:
    """A yes that does not say that everything was taken is no success."""
    server.replies["POST /api/experiments/7/logs"] = reply
    with pytest.raises(PartialAcceptError):
        client.create_log_entries("7", [LINE, LINE])


def test_parameters(client: RemoteClient, server: Server) -> None:
    """Parameters are merged, converted and read back with their non-finite numbers."""
    client.set_parameters("7", {"lr": np.float32(0.5), "layers": (1, 2), "big": math.inf})
    assert server.params == {"lr": 0.5, "layers": [1, 2], "big": "Infinity"}
    assert client.get_parameters("7") == {"lr": 0.5, "layers": [1, 2], "big": math.inf}


@pytest.mark.parametrize(
    ("name", "path"),
    [("train", "train"), ("a/b", "a%2Fb"), ("x?y#z", "x%3Fy%23z"), (None, "None"),
     ("loss %", "loss%20%25"), ("..", "%2E%2E")],
)  # fmt: skip
def test_metric_names(client: RemoteClient, server: Server, name: str | None, path: str) -> None:
    """Any name reaches the server as one segment; the unnamed metric has the name of 0.6."""
    client.append_to_metric("7", name, {"loss": 0.5})
    assert server.requests[0].path == f"/api/experiments/7/metrics/{path}/append"
    assert client.read_metric_data("7", name)["data"][0]["data"] == {"loss": 0.5}


def test_points(client: RemoteClient, server: Server) -> None:
    """Points keep their order and values; empty facts are sent, missing ones are not."""
    points = [{"loss": math.nan}, {"loss": np.int64(3), "note": "NaN"}]
    reply = client.append_batch_to_metric("7", "train", points, description="", metadata={})
    assert reply["count"] == 2
    sent = server.requests[0].json
    assert (sent["description"], sent["metadata"], "tags" in sent) == ("", {}, False)
    back = [each["data"] for each in client.get_metric_data("7", "train", 0, 10)["data"]]
    assert math.isnan(back[0]["loss"])
    assert back[1] == {"loss": 3, "note": "NaN"}
    assert server.requests[1].query == {"startIndex": "0", "limit": "10"}
    client.get_metric_data("7", "train", buffer_only=True)
    assert server.requests[2].query == {"bufferOnly": "true"}


def test_bad_value_is_not_sent(client: RemoteClient, server: Server) -> None:
    """A value without a JSON form is refused before anything is sent, with its place."""
    with pytest.raises(SerializationError, match="loss"):
        client.append_batch_to_metric("7", "train", [{"loss": 1}, {"loss": object()}])
    with pytest.raises(InvalidValueError):
        client.set_parameters("7", [1])  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="timestamp"):
        client.append_batch_to_track("7", "pose", [{"x": 1}])
    assert server.requests == []


def test_metric_readers(client: RemoteClient, server: Server) -> None:
    """Statistics, chunks and the list of metrics are handed on; a missing list is a KeyError."""
    base = "GET /api/experiments/7/metrics"
    server.replies[base] = {"metrics": [{"name": "NaN"}]}
    server.replies[f"{base}/train/stats"] = {"totalChunks": 2}
    server.replies[f"{base}/train/chunks/0"] = {"data": [{"index": "0", "data": {"x": "NaN"}}]}
    assert client.list_metrics("7") == [{"name": "NaN"}]
    assert client.get_metric_stats("7", "train") == {"totalChunks": 2}
    chunk = client.download_metric_chunk("7", "train", 0)
    assert math.isnan(chunk["data"][0]["data"]["x"])
    server.replies[base] = {}
    with pytest.raises(KeyError, match="metrics"):
        client.list_metrics("7")


@pytest.mark.parametrize("spaced", [True, False])
def test_spaces_mean_nothing(client: RemoteClient, server: Server, spaced: bool) -> None:
    """Numbers that JSON lacks are read from an answer however the server spaces it."""
    data = {"data": {"a": "NaN", "b": "~NaN", "c": "Infinity", "d": 10**30, "e": "é"}}
    text = json.dumps(data, separators=None if spaced else (",", ":"))
    server.replies["GET /api/experiments/7/parameters"] = text.encode()
    got = client.get_parameters("7")
    assert math.isnan(got.pop("a"))
    assert got == {"b": "NaN", "c": math.inf, "d": 10**30, "e": "é"}


def test_tracks(client: RemoteClient, server: Server) -> None:
    """Entries arrive under their whole topic and come back parsed or as bytes."""
    entries = [{"timestamp": 1.0, "q": np.array([0.1, math.inf])}]
    client.append_batch_to_track("7", "robot/position", entries)
    assert server.requests[0].path.endswith("/tracks/robot%2Fposition/append_batch")
    assert server.entries == {"robot/position": [{"timestamp": 1.0, "q": [0.1, "Infinity"]}]}
    read = client.get_track_data("7", "robot/position", 0, 5, ["q", "r"])
    assert read["entries"] == [{"timestamp": 1.0, "q": [0.1, math.inf]}]
    assert server.requests[1].query == {
        "format": "json", "start_timestamp": "0", "end_timestamp": "5", "columns": "q,r"
    }  # fmt: skip
    lines = client.get_track_data("7", "robot/position", format="jsonl")
    assert json.loads(lines) == server.entries["robot/position"][0]


@pytest.mark.parametrize("how", [{"format": "csv"}, {"columns": ["a,b"]}])
def test_track_questions_that_the_wire_lacks(
    client: RemoteClient, server: Server, how: dict[str, Any]
) -> None:
    """An unknown format and a column with a comma are refused before anything is sent."""
    with pytest.raises(UsageError):
        client.get_track_data("7", "pose", **how)
    assert server.requests == []


def test_other_track_calls(client: RemoteClient, server: Server) -> None:
    """Describing a track, appending one entry and listing tracks use their own paths."""
    base = "/api/experiments/7/tracks"
    server.replies[f"POST {base}"] = {"id": "t"}
    server.replies[f"POST {base}/pose/append"] = {"timestamp": 1.5}
    server.replies[f"GET {base}"] = {"tracks": [{"topic": "pose"}]}
    assert client.create_track("7", "pose", tags=["cam"]) == {"id": "t"}
    assert client.append_to_track("7", "pose", 1.5, {"x": 1}) == {"timestamp": 1.5}
    assert client.list_tracks_or_raise("7", "cam/*") == [{"topic": "pose"}]
    assert [each.json for each in server.requests[:2]] == [
        {"topic": "pose", "tags": ["cam"]}, {"timestamp": 1.5, "data": {"x": 1}}
    ]  # fmt: skip
    assert server.requests[2].query == {"topic": "cam/*"}


def test_unknown_run(client: RemoteClient, server: Server) -> None:
    """A 404 is a RemoteNotFoundError in every call, also where 0.6 answered ``{}`` for less."""
    server.faults.extend([Fault(status=404)] * 3)
    for call in (client.get_parameters, client.list_tracks, client.list_metrics):
        with pytest.raises(RemoteNotFoundError):
            call("9")


def test_texts_with_half_characters(client: RemoteClient, server: Server) -> None:
    """A text that UTF-8 cannot hold is sent as an escape, not refused and not lost."""
    client.create_log_entries("7", [{**LINE, "message": "\ud800", "metadata": {"x": math.nan}}])
    assert server.logs == [{**LINE, "message": "\ud800", "metadata": {"x": "NaN"}}]
