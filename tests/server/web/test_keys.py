"""Answers under idempotency keys have an age, and no batch is stored twice after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, update

from ml_dash import Experiment
from ml_dash.server.parts import Parts
from ml_dash.server.records import keys
from ml_dash.server.tables import applied
from ml_dash.server.upkeep.collecting import forget_keys, recurring
from ml_dash.server.upkeep.recurring import Recurring
from tests.server.live import Live, experiment_of


@pytest.fixture
def parts(live_on_both: Live) -> Iterator[Parts]:
    """Return the parts of another process of the server."""
    made = Parts.open(live_on_both.settings)
    yield made
    made.close()


def send(client: httpx.Client, run: str, key: str, message: str = "m") -> httpx.Response:
    """Send one log line under a key."""
    headers = {"idempotency-key": key}
    return client.post(f"{run}/logs", json={"logs": [{"message": message}]}, headers=headers)


def age(live: Live, days: float) -> None:
    """Let all that was answered have been answered some days earlier."""
    earlier = applied.c.applied_ms - int(days * keys.A_DAY_MS)
    with live.writing() as (connection, _):
        connection.execute(update(applied).values(applied_ms=earlier))


def kept(parts: Parts) -> int:
    """Return how many answers are kept."""
    with parts.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(applied)).scalar_one())


def test_old_answers_go_and_the_newest_of_a_stream_stays(live_on_both: Live, parts: Parts) -> None:
    """What a client may still wait for is answered exactly, at any age; what is gone is refused."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    first = [send(client, run, f"r/logs/{n}-{n}").content for n in range(5)]
    send(client, run, "opaque")
    age(live_on_both, parts.settings.key_days - 0.1)
    assert forget_keys(parts) == 0
    age(live_on_both, 0.2)
    assert forget_keys(parts) == 5  # four of the stream, and the one without numbers
    assert kept(parts) == 1
    assert send(client, run, "r/logs/4-4").content == first[4]
    gone = send(client, run, "r/logs/2-2")
    assert (gone.status_code, gone.json()["error"]) == (409, "key-expired")
    assert gone.json()["details"] == {"first": 2, "last": 2, "taken_up_to": 4}
    assert client.get(f"{run}/logs").json()["total"] == 6
    assert kept(parts) == 1
    assert send(client, run, "r/logs/5-5").status_code == 200


def test_within_the_age_the_order_does_not_matter(live_on_both: Live, parts: Parts) -> None:
    """Batches of a stream may come in any order, as from several senders."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    for number in (5, 3, 4, 1):
        assert send(client, run, f"r/logs/{number}-{number}").status_code == 200
    other = experiment_of(client, "alice/vision/run-2")
    age(live_on_both, 8)
    assert send(client, other, "r/logs/0-0").status_code == 200  # of another run
    assert send(client, run, "s/logs/0-0").status_code == 200  # of another stream
    assert forget_keys(parts) == 3


def test_a_folder_from_an_old_backup_neither_doubles_nor_loses(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has delivered is not sent again, and what it logs then is not taken for a repeat."""
    token = live.token("alice")
    monkeypatch.setenv("ML_DASH_TOKEN", token)
    monkeypatch.setenv("ML_DASH_ECHO", "0")
    folder, backup = tmp_path / "runs", tmp_path / "backup"

    def log(words: str, *, then: Callable[[], object] = lambda: None) -> None:
        run = Experiment("alice/vision/r", dash_url=live.url, dash_root=str(folder))
        with run.run:
            for word in words:
                run.log(word)
                run.flush()
                then()

    log("a", then=lambda: shutil.copytree(folder, backup))
    log("bc")
    age(live, 8)
    parts = Parts.open(live.settings)
    assert forget_keys(parts) > 0
    parts.close()
    shutil.rmtree(folder)
    backup.rename(folder)
    log("de")
    client = live.client(token)
    lines = client.get(experiment_of(client, "alice/vision/r") + "/logs").json()["logs"]
    assert [each["message"] for each in lines] == list("abcde")


def test_many_are_forgotten_a_thousand_at_a_time(live_on_both: Live, parts: Parts) -> None:
    """All of them in the end."""
    rows = [
        {"digest": f"{n:064}", "experiment_id": 1, "reply": "{}", "applied_ms": 0}
        for n in range(2500)
    ]
    with parts.database.write() as connection:
        connection.execute(applied.insert(), rows)
    assert forget_keys(parts) == 2500
    assert kept(parts) == 0


def test_a_server_forgets_by_itself(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and keys are looked after from time to time, and stop with the server."""
    monkeypatch.setattr("ml_dash.server.upkeep.collecting.KEYS_EVERY_S", 0.01)
    parts = Parts.open(live.settings)
    with parts.database.write() as connection:
        old = {"digest": "0" * 64, "experiment_id": 1, "reply": "{}", "applied_ms": 0}
        connection.execute(applied.insert().values(old))
    _, worker = recurring(parts)
    worker.start()
    while kept(parts):
        pass
    worker.stop()
    parts.close()


def test_work_that_fails_is_told_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    """A warning with the reason; the thread lives on."""
    tries = iter([OSError("the disk is gone"), None])
    worker: Recurring

    def work() -> None:
        failure = next(tries)
        if failure is not None:
            raise failure
        worker._end.set()

    worker = Recurring("tidying", 0.0, work)
    worker.start()
    worker._thread.join(20)
    assert not worker._thread.is_alive()
    assert "tidying is not possible now" in caplog.text
    assert "the disk is gone" in caplog.text
