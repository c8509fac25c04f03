"""What runs send arrives once, whole, and in order; what is bad is refused with a reason."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ml_dash._record import codec
from ml_dash.server.tables import experiments
from tests.server.live import Live, experiment_of


def send_values(client: httpx.Client, path: str, body: Any, **headers: str) -> httpx.Response:
    """Send logged values as 0.7 does."""
    return client.post(
        path, content=codec.encode(body), headers={"content-type": "application/json", **headers}
    )


def test_points_get_consecutive_indexes_and_come_back(live_on_both: Live) -> None:
    """Two batches and what is read of them, NaN and the infinities included."""
    client = live_on_both.as_user("alice")
    metric = experiment_of(client) + "/metrics/train/deep%20name"
    points = [{"loss": math.inf, "step": 0}, {"loss": math.nan, "step": 2**70}]
    first = send_values(client, f"{metric}/append-batch", {"dataPoints": points}).json()
    second = client.post(f"{metric}/append-batch", json={"dataPoints": [{"loss": 0.5}]}).json()
    assert (first["startIndex"], first["endIndex"], first["count"]) == ("0", "1", 2)
    assert (second["startIndex"], second["bufferedDataPoints"]) == ("2", "3")
    read = codec.decode(client.get(f"{metric}/data", params={"limit": 2}).content)
    assert read["hasMore"] is True
    assert [each["index"] for each in read["data"]] == ["0", "1"]
    assert codec.encode([each["data"] for each in read["data"]]) == codec.encode(points)
    stats = client.get(f"{metric}/stats").json()
    assert (stats["totalDataPoints"], stats["name"]) == ("3", "train/deep name")


def test_points_keep_the_times_that_they_come_with(live_on_both: Live) -> None:
    """Each point has its own; without any it has that of its arrival, as from a client of 0.6."""
    client = live_on_both.as_user("alice")
    metric = experiment_of(client) + "/metrics/train"
    body = {"dataPoints": [{"n": 0}, {"n": 1}, {"n": 2}], "times": [1_700_000_000_123, 1, -2]}
    assert client.post(f"{metric}/append-batch", json=body).status_code == 200
    read = client.get(f"{metric}/data").json()["data"]
    assert [each["createdAt"][-7:] for each in read] == ["20.123Z", "20.124Z", "20.122Z"]
    stats = client.get(f"{metric}/stats").json()
    assert stats["firstDataAt"] == "2023-11-14T22:13:20.123Z"
    client.post(f"{metric}/append-batch", json={"dataPoints": [{"n": 3}]})
    (last,) = client.get(f"{metric}/data", params={"startIndex": 3}).json()["data"]
    assert last["createdAt"] > "2024"
    assert client.get("/health").headers["ml-dash-point-times"] == "1"


@pytest.mark.parametrize(
    "times",
    [[1], [1, 2, 3], [-1, 5], [0, -1], [2**53, 0], [0, 2**80], [0.5, 1], ["0", 1], [True, 1]],
)  # fmt: skip
def test_times_that_are_none(alice: httpx.Client, times: list[Any]) -> None:
    """A number too few or too many, or one without a date, has the batch refused with a reason."""
    metric = experiment_of(alice) + "/metrics/train"
    body = {"dataPoints": [{"n": 0}, {"n": 1}], "times": times}
    refused = alice.post(f"{metric}/append-batch", json=body)
    assert refused.status_code == 422
    assert "times" in refused.json()["message"]
    assert alice.get(f"{metric}/data").status_code == 404


def test_times_of_points_of_which_some_are_bad(alice: httpx.Client) -> None:
    """The times stay with their points when others are left out."""
    metric = experiment_of(alice) + "/metrics/train"
    body = {"dataPoints": [{"n": 0}, 1, {"n": 2}], "times": [1_700_000_000_000, 1, 1]}
    reply = alice.post(f"{metric}/append-batch", json=body, headers={"ML-Dash-Partial": "1"})
    assert [each["position"] for each in reply.json()["rejected"]] == [1]
    read = alice.get(f"{metric}/data").json()["data"]
    assert [each["createdAt"][-7:] for each in read] == ["20.000Z", "20.002Z"]


def test_a_key_applies_a_batch_once(live_on_both: Live) -> None:
    """Sixteen senders of the same request at a time get one answer, and one batch is stored."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    path, body = f"{run}/logs", {"logs": [{"message": "once"}, {"message": "twice"}]}

    def send(_: int) -> bytes:
        reply = client.post(path, json=body, headers={"idempotency-key": "run/logs/0-1"})
        assert reply.status_code == 200
        return reply.content

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(send, range(16)))) == 1
    other = client.post(path, json=body, headers={"idempotency-key": "run/logs/2-3"}).json()
    assert other["startSequence"] == 2
    assert client.get(path).json()["total"] == 4


def test_a_refused_batch_leaves_its_key_free(live: Live, alice: httpx.Client) -> None:
    """The same key may be used again for the mended batch."""
    run = experiment_of(alice)
    headers = {"idempotency-key": "k"}
    bad = alice.post(f"{run}/logs", json={"logs": [{"no": "message"}]}, headers=headers)
    good = alice.post(f"{run}/logs", json={"logs": [{"message": "m"}]}, headers=headers)
    assert (bad.status_code, good.status_code) == (422, 200)
    assert alice.get(f"{run}/logs").json()["total"] == 1


def test_a_bad_record_refuses_its_batch_unless_parts_are_asked_for(alice: httpx.Client) -> None:
    """Without the header nothing is stored; with it the good ones are, and the bad are named."""
    metric = experiment_of(alice) + "/metrics/m"
    body = {"dataPoints": [{"a": 1}, 5, {"a": 2}]}
    whole = alice.post(f"{metric}/append-batch", json=body)
    assert whole.status_code == 422
    assert whole.json()["details"]["rejected"] == [
        {"position": 1, "code": "invalid", "message": "it is no object"}
    ]
    assert alice.get(f"{metric}/stats").status_code == 404
    parts = alice.post(f"{metric}/append-batch", json=body, headers={"ml-dash-partial": "1"})
    assert (parts.status_code, parts.json()["count"]) == (200, 2)
    assert [each["position"] for each in parts.json()["rejected"]] == [1]


def test_parameters_are_merged(live_on_both: Live) -> None:
    """Keys of both calls are there; eight at a time lose none."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    assert client.get(f"{run}/parameters").status_code == 404

    def send(number: int) -> int:
        body = {"data": {f"key-{number}": number, "nan": math.nan}}
        return send_values(client, f"{run}/parameters", body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(24))) == {200}
    found = codec.decode(client.get(f"{run}/parameters").content)
    assert found["version"] == 24
    assert set(found["data"]) == {"nan", *(f"key-{number}" for number in range(24))}
    assert math.isnan(found["data"]["nan"])


def test_logs_are_numbered_filtered_and_paged(live_on_both: Live) -> None:
    """Order, level, time and text; also a text with NUL, which PostgreSQL does not take."""
    client = live_on_both.as_user("alice")
    path = experiment_of(client) + "/logs"
    lines = [
        {"message": f"line {n}\0 50%", "level": "warn" if n % 2 else "info",
         "timestamp": f"2026-02-01T09:15:3{n}.5Z", "metadata": {"n": n}}
        for n in range(6)
    ]  # fmt: skip
    reply = client.post(path, json={"logs": [*lines, {"message": "late", "timestamp": None}]})
    assert reply.json()["endSequence"] == 6
    page = client.get(path, params={"limit": 2, "offset": 1, "order": "desc"}).json()
    assert [each["sequenceNumber"] for each in page["logs"]] == [5, 4]
    assert page["hasMore"] is True
    assert page["logs"][0]["message"] == "line 5\0 50%"
    assert client.get(path, params={"level": "warn,fatal"}).json()["total"] == 3
    assert client.get(path, params={"search": "LATE"}).json()["total"] == 1
    since = {"startTime": "2026-02-01T09:15:33.5Z", "endTime": "2026-02-01T09:15:34.5Z"}
    assert client.get(path, params=since).json()["total"] == 2
    assert client.get(path, params={"startTime": "soon"}).status_code == 422


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet", "mcap", "mocap"])
def test_tracks_come_back_in_every_form(alice: httpx.Client, form: str) -> None:
    """Entries of equal time are one; nested fields have dotted names."""
    run = experiment_of(alice)
    entries = [{"timestamp": 2.0, "cam": {"p": 1}}, {"timestamp": 1, "q": [0.5]},
               {"timestamp": 2.0, "z": "b"}]  # fmt: skip
    path = f"{run}/tracks/robot%2Fposition"
    assert alice.post(f"{path}/append_batch", json={"entries": entries}).json()["count"] == 3
    reply = alice.get(f"{path}/data", params={"format": form, "start_timestamp": 1})
    assert reply.status_code == 200
    assert len(reply.content) > 20
    if form == "json":
        expected = [{"timestamp": 1, "q": [0.5]}, {"timestamp": 2.0, "cam.p": 1, "z": "b"}]
        assert reply.json() == {"entries": expected, "count": 2}
    listed = alice.get(f"{run}/tracks", params={"topic": "robot/*"}).json()["tracks"]
    assert [(each["topic"], each["totalEntries"]) for each in listed] == [("robot/position", 2)]
    assert listed[0]["columns"] == ["cam.p", "q", "z"]


def test_late_data_of_a_closed_run_is_taken_and_shows_life(alice: httpx.Client) -> None:
    """The status stays, the records are there, and reports of writers are shown."""
    run = experiment_of(alice)
    shown = alice.get(run).json()
    node = alice.post(
        "/graphql",
        json={"query": "query($e:ID!){experimentNode(experimentId:$e){id}}",
              "variables": {"e": shown["id"]}},
    ).json()["data"]["experimentNode"]["id"]  # fmt: skip
    assert alice.patch(f"/api/nodes/{node}", json={"status": "COMPLETED"}).status_code == 200
    assert alice.post(f"{run}/logs", json={"logs": [{"message": "late"}]}).status_code == 200
    assert alice.post(f"{run}/heartbeat").json()["status"] == "COMPLETED"
    found = alice.get(run).json()
    assert (found["status"], found["logs"]) == ("COMPLETED", 1)
    assert found["lastSeenAt"] >= found["endedAt"]


def test_reports_of_writers_are_shown_with_the_run(live_on_both: Live) -> None:
    """One of each writer, the last it left; by REST and by GraphQL."""
    alice = live_on_both.as_user("alice")
    run = experiment_of(alice)
    reasons = [{"code": "invalid", "message": "it has no message", "count": 1}]
    ledger = {"logs": {"accepted": 3, "delivered": 1, "pending": 1, "rejected": 1,
                       "reasons": reasons}}  # fmt: skip
    for writer, streams in (("w1", {}), ("w2", {}), ("w1", ledger)):
        told = alice.put(f"{run}/report", json={"writer": writer, "streams": streams})
        assert (told.status_code, told.json()["writer"]) == (200, writer)
    found = {each["writer"]: each["streams"] for each in alice.get(run).json()["reports"]}
    assert found == {"w1": ledger, "w2": {}}
    query = "query($e:ID!){experimentById(id:$e){lastSeenAt reports{writer streams toldAt}}}"
    body = {"query": query, "variables": {"e": run.rpartition("/")[2]}}
    shown = alice.post("/graphql", json=body).json()["data"]["experimentById"]
    assert {each["writer"]: each["streams"] for each in shown["reports"]} == found
    bad = {"writer": "w1", "streams": {"logs": {"accepted": -1}}}
    assert alice.put(f"{run}/report", json=bad).status_code == 422
    mallory = live_on_both.as_user("mallory")
    assert mallory.put(f"{run}/report", json={"streams": {}}).status_code == 404
    assert mallory.post(f"{run}/heartbeat").status_code == 404


def test_reports_have_a_most(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run can always be shown; those who are known go on reporting."""
    monkeypatch.setattr("ml_dash.server.web.ingest.MOST_WRITERS", 2)
    alice = live.as_user("alice")
    path = experiment_of(alice) + "/report"
    for writer in ("w1", "w2", "w1"):
        assert alice.put(path, json={"writer": writer, "streams": {}}).status_code == 200
    with live.nothing_stored():
        assert alice.put(path, json={"writer": "w3", "streams": {}}).status_code == 413


def test_a_dead_run_is_told_from_a_quiet_one(live_on_both: Live) -> None:
    """By when it was last seen: a record and a heart-beat count, reading it does not."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)

    def seen() -> str:
        return str(client.get(run).json()["lastSeenAt"])

    def long_ago() -> str:
        with live_on_both.writing() as (connection, _):
            connection.execute(experiments.update().values(last_seen_ms=1))
        return "1970-01-01T00:00:00.001Z"

    assert long_ago() == seen()
    assert client.post(f"{run}/heartbeat").json()["lastSeenAt"] > "2026"
    assert seen() > "2026"
    long_ago()
    client.post(f"{run}/metrics/m/append", json={"data": {"a": 1}}).raise_for_status()
    assert seen() > "2026"


def test_a_chart_says_how_many_points_stand_behind_it(alice: httpx.Client) -> None:
    """Few points with both extremes, of many."""
    metric = experiment_of(alice) + "/metrics/m"
    values = [math.sin(n / 50) for n in range(5000)]
    values[1234] = 9.0
    body = {"dataPoints": [{"v": value} for value in values]}
    alice.post(f"{metric}/append-batch", json=body).raise_for_status()
    chart = alice.get(f"{metric}/series", params={"key": "v", "points": 100}).json()
    assert chart["totalPoints"] == chart["numbers"] == 5000
    assert len(chart["values"]) <= 100
    assert 9.0 in chart["values"]
    assert chart["exact"] is False
