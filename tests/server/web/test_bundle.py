"""Records of many streams in one request: each part once, with an answer of its own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from ml_dash._record import codec
from ml_dash.server.parts import Parts
from ml_dash.server.tables import applied
from ml_dash.server.upkeep.collecting import forget_keys
from ml_dash.server.web.observed import BUNDLE_MAX
from tests.server.live import Live, experiment_of

Part = tuple[dict[str, Any], dict[str, Any] | bytes]


def bundled(client: httpx.Client, run: str, *parts: Part) -> httpx.Response:
    """Send parts in one request."""
    lines = [each if isinstance(each, bytes) else codec.encode(each) for p in parts for each in p]
    headers = {"content-type": "application/x-ndjson"}
    return client.post(f"{run}/bundle", content=b"\n".join(lines) + b"\n", headers=headers)


def points(name: str, key: str, *steps: Any) -> Part:
    """Return a part with points of a metric."""
    head = {"kind": "metrics", "name": name, "key": key}
    return head, {"dataPoints": [{"step": step} for step in steps]}


def test_each_kind_arrives(live_on_both: Live) -> None:
    """Logs, parameters, points and entries of one request are read back, NaN and its text too."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    line = b'{"logs":[{"message":"NaN","metadata":{"x":"NaN"}}]}'  # a text, and a number
    entries = {"entries": [{"timestamp": 1.5, "q": 2}]}
    reply = bundled(
        client, run,
        ({"kind": "logs", "key": "k/logs/0-0"}, line),
        ({"kind": "params"}, {"data": {"lr": float("inf")}}),
        points("train/a b?", "k/a/0-1", 0, float("nan")),
        ({"kind": "tracks", "name": "pose", "key": "k/t/0-0"}, entries),
    )  # fmt: skip
    assert reply.status_code == 200
    assert [part["status"] for part in reply.json()["parts"]] == [200] * 4
    assert reply.json()["parts"][2]["body"]["count"] == 2
    (found,) = client.get(f"{run}/logs").json()["logs"]
    assert (found["message"], found["metadata"]) == ("NaN", {"x": "NaN"})
    assert codec.decode(client.get(f"{run}/parameters").content)["data"] == {"lr": float("inf")}
    stats = client.get(f"{run}/metrics/train/a%20b%3F/stats").json()
    assert stats["totalDataPoints"] == "2"
    assert client.get(f"{run}/tracks/pose/data").json()["count"] == 1


def test_parts_are_applied_once_alone_or_together(live_on_both: Live) -> None:
    """A repeat gets the first answer, in a bundle or by a request of its own."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    parts = points("a", "k/a/0-1", 1, 2), points("b", "k/b/0-0", 3)
    first = bundled(client, run, *parts).json()
    again = bundled(client, run, points("c", "k/c/0-0", 4), *reversed(parts)).json()
    assert again["parts"][1:] == first["parts"][::-1]
    alone = client.post(
        f"{run}/metrics/a/append-batch", json=parts[0][1], headers={"idempotency-key": "k/a/0-1"}
    )
    assert alone.json() == first["parts"][0]["body"]
    totals = [client.get(f"{run}/metrics/{name}/stats").json()["totalDataPoints"] for name in "abc"]
    assert totals == ["2", "1", "1"]


def test_a_refused_part_leaves_the_others(live_on_both: Live) -> None:
    """Its answer is that of a request of its own, its key stays free, the others are stored."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    bad = {"kind": "metrics", "name": "bad", "key": "k/bad/0-0"}, {"dataPoints": [5]}
    odd = {"kind": "metrics", "name": "x" * 5000, "key": "k/odd/0-0"}, {"dataPoints": [{"a": 1}]}
    reply = bundled(client, run, points("a", "k/a/0-0", 1), bad, odd, points("b", "k/b/0-0", 2))
    assert [part["status"] for part in reply.json()["parts"]] == [200, 422, 413, 200]
    refusal = reply.json()["parts"][1]["body"]
    assert refusal["details"]["rejected"][0]["message"] == "it is no object"
    assert {"error", "message", "requestId"} <= set(refusal)
    mended = bundled(client, run, points("bad", "k/bad/0-0", 7)).json()
    assert mended["parts"][0]["status"] == 200
    names = [each["name"] for each in client.get(f"{run}/metrics").json()["metrics"]]
    assert names == ["a", "b", "bad"]


def test_parts_of_one_metric_are_stored_in_order(live_on_both: Live) -> None:
    """A metric may come several times among others; its points stand as the parts did."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    reply = bundled(
        client, run, points("a", "k/a/0-1", 0, 1), points("b", "k/b/0-0", 7),
        points("c", "k/c/0-0", 8), points("a", "k/a/2-2", 2),
    )  # fmt: skip
    assert [part["status"] for part in reply.json()["parts"]] == [200] * 4
    assert [part["body"]["startIndex"] for part in reply.json()["parts"]] == ["0", "0", "0", "2"]
    found = client.get(f"{run}/metrics/a/data").json()["data"]
    assert [each["data"]["step"] for each in found] == [0, 1, 2]


def test_a_forgotten_part_leaves_the_others(live_on_both: Live) -> None:
    """What may have been stored long ago is refused, and nothing of it is stored again."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    parts = Parts.open(live_on_both.settings)
    for step in range(2):
        bundled(client, run, points("a", f"k/a/{step}-{step}", step))
    with live_on_both.writing() as (connection, _):
        connection.execute(update(applied).values(applied_ms=0))
    assert forget_keys(parts) == 1
    parts.close()
    again = points("a", "k/a/0-0", 0), points("b", "k/b/0-0", 1), points("c", "k/c/0-0", 2)
    assert [part["status"] for part in bundled(client, run, *again).json()["parts"]] == [
        409, 200, 200,
    ]  # fmt: skip
    totals = [client.get(f"{run}/metrics/{name}/stats").json()["totalDataPoints"] for name in "abc"]
    assert totals == ["2", "1", "1"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b'{"kind":"logs"}\n', 422),
        (b'{"kind":"files"}\n{}\n', 422),
        (b'{"kind":"logs"\n{"logs":[{"message":"m"}]}\n', 400),
        (b'[]\n{"logs":[{"message":"m"}]}\n', 422),
        (b'{"kind":"logs"}\n{"logs":[{"message":"m"}]}\n' * (BUNDLE_MAX + 1), 413),
        (b'{"kind":"logs","key":""}\n{"logs":[{"message":"m"}]}\n', 422),
    ],
)
def test_a_bundle_that_is_none_is_refused_whole(
    alice: httpx.Client, content: bytes, status: int
) -> None:
    """Nothing is stored, and the answer says why."""
    run = experiment_of(alice)
    headers = {"content-type": "application/x-ndjson"}
    reply = alice.post(f"{run}/bundle", content=content, headers=headers)
    assert reply.status_code == status
    assert reply.json()["message"]
    assert alice.get(f"{run}/logs").json()["total"] == 0


def test_a_body_that_is_no_json_concerns_its_part_only(alice: httpx.Client) -> None:
    """The part is answered with 400, the next one is stored."""
    run = experiment_of(alice)
    content = b'{"kind":"logs"}\n{"logs"\n{"kind":"logs"}\n{"logs":[{"message":"m"}]}\n'
    headers = {"content-type": "application/x-ndjson"}
    reply = alice.post(f"{run}/bundle", content=content, headers=headers).json()
    assert [part["status"] for part in reply["parts"]] == [400, 200]
    assert alice.get(f"{run}/logs").json()["total"] == 1


def test_json_is_asked_for_as_lines(alice: httpx.Client) -> None:
    """A body of another kind is refused; every answer says how many parts a bundle may have."""
    run = experiment_of(alice)
    reply = alice.post(f"{run}/bundle", json={"parts": []})
    assert reply.status_code == 415
    assert reply.headers["ml-dash-bundle"] == str(BUNDLE_MAX)


def test_a_bundle_for_others_runs_is_not_found(live: Live, alice: httpx.Client) -> None:
    """A token that may not write to a run learns nothing of it, and stores nothing."""
    run = experiment_of(alice)
    assert bundled(live.as_user("bob"), run, points("a", "k", 1)).status_code == 404
    assert alice.get(f"{run}/metrics").json()["metrics"] == []
