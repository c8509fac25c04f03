"""All of a run reaches the server: in order, once, whatever the server does."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash._delivery import bulk
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.sinks import Server
from ml_dash._record import codec
from ml_dash._store.logs import LogStore
from ml_dash._store.run_store import RunStore
from tests.delivery.loopback import Loopback

Deliver = Callable[..., RunDelivery]


def log(store: RunStore, count: int, start: int = 0) -> None:
    """Write log lines with numbers."""
    for number in range(start, start + count):
        tail = LogStore.encode("info", f"line {number}", "2026-01-01T00:00:00Z", {"n": number})
        store.write(store.logs.stream, tail, "logs")


def point(store: RunStore, count: int, name: str | None = "train", start: int = 0) -> None:
    """Write points with numbers."""
    stream = store.metric_stream(name, {"tags": ["a"]})
    assert stream is not None
    for number in range(start, start + count):
        stream.append_point(codec.encode({"step": number, "loss": float("nan")}), 1.5)


def long_line(store: RunStore, size: int) -> None:
    """Write a log line of about so many bytes."""
    tail = LogStore.encode("info", "x" * size, "2026-01-01T00:00:00Z", {})
    store.write(store.logs.stream, tail, "logs")


def drain(delivery: RunDelivery) -> None:
    """Send until nothing moves."""
    while delivery.step(merge=True) or delivery.sends_files:
        delivery.wait_for_files(10.0)


def messages(server: Loopback) -> list[str]:
    """Return the texts of the log lines that arrived."""
    return [line["message"] for line in server.run.logs]


def lines(count: int) -> list[str]:
    """Return the texts of so many log lines."""
    return [f"line {number}" for number in range(count)]


def steps(server: Loopback, name: str = "train") -> list[int]:
    """Return the numbers of the points that arrived."""
    return [each["step"] for each in server.run.points.get(name, [])]


def test_a_step_ends_though_more_is_logged(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """What comes while it sends waits for the next one: not a request for every few records."""
    delivery = deliver()
    log(store, 3)
    drain(delivery)
    point(store, 2)
    log(store, 2, start=3)
    logged = iter(range(5, 1000))

    def busy() -> bool:
        log(store, 1, start=next(logged))
        return False

    before = len(server.seen)
    assert delivery.step(stop=busy)
    assert len(server.seen) - before <= 3
    assert steps(server) == [0, 1]
    assert messages(server) == lines(next(logged)) == lines(6)


def test_what_fills_a_batch_is_sent_at_once(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """A step goes on where as much has come meanwhile as goes in one request."""
    delivery = deliver()
    drain(delivery)
    more = iter([[], [600_000, 600_000], [], [9]])

    def busy() -> bool:
        for size in next(more, []):
            long_line(store, size)
        return False

    for size in (600_000, 9):
        long_line(store, size)
    delivery.step(stop=busy)
    assert list(map(len, messages(server))) == [600_000, 9, 600_000, 600_000]
    assert delivery.report().pending == 1


def test_what_is_new_does_not_wait_for_what_has_gathered(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """A step ends after a second, so that the next one sends from all streams again."""
    seconds = itertools.count()
    delivery = deliver(clock=lambda: float(next(seconds)))
    log(store, 5000)
    assert delivery.step()
    assert delivery.has_more
    assert len(messages(server)) == 2000
    point(store, 1)
    assert delivery.step()
    assert steps(server) == [0]
    assert len(messages(server)) == 4000
    drain(delivery)
    assert not delivery.has_more
    assert messages(server) == lines(5000)


def test_everything_of_a_run_arrives(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path
) -> None:
    """Logs, points, entries, parameters, files and the end of the run are on the server."""
    delivery = deliver()
    log(store, 3)
    point(store, 4)
    point(store, 2, None)
    store.write_track("robot/pose", b'{"timestamp":2.0,"x":1}', merged=True)
    store.write_track("robot/pose", b'{"timestamp":1.0,"x":0}', merged=True)
    store.params.set({"lr": 0.1, "name": "NaN"})
    store.params.set({"lr": 0.2})
    (tmp_path / "w.bin").write_bytes(b"weights")
    store.files.store(tmp_path / "w.bin", path="models/best", tags=["t"])
    drain(delivery)
    assert messages(server) == lines(3)
    assert steps(server) == [0, 1, 2, 3]
    assert server.run.points["train"][0]["loss"] == "NaN"
    assert steps(server, "None") == [0, 1]
    assert server.run.described["train"] == {"tags": ["a"]}
    assert [each["timestamp"] for each in server.run.entries["robot/pose"]] == [1.0, 2.0]
    assert server.run.params == {"lr": 0.2, "name": "~NaN"}
    assert server.files() == {"models/best/w.bin": b"weights"}
    assert server.run.statuses == ["RUNNING", "RUNNING"]
    store.close("FAILED", {"type": "ValueError", "message": "no"})
    drain(delivery)
    assert server.run.statuses[-1] == "FAILED"
    report = delivery.report()
    assert (report.pending, report.rejected) == (0, 0)
    assert report.accepted == report.delivered == 3 + 4 + 2 + 2 + 2 + 1 + 2


def test_the_end_comes_last(deliver: Deliver, store: RunStore, server: Loopback) -> None:
    """While a stream waits for a server that fails on it, the run is not called completed."""
    delivery = deliver()
    log(store, 1)
    store.close("COMPLETED")
    server.fail(part="/logs", times=2)
    delivery.step()
    assert "COMPLETED" not in server.run.statuses
    drain(delivery)
    drain(delivery)
    assert server.run.statuses[-1] == "COMPLETED"
    assert messages(server) == lines(1)


@pytest.mark.parametrize("kind", ["reset", "cut", "page"])
@pytest.mark.parametrize("after", [False, True], ids=["lost", "committed"])
def test_a_broken_answer_doubles_nothing(
    deliver: Deliver, store: RunStore, server: Loopback, kind: str, after: bool
) -> None:
    """A batch whose answer was lost is sent again under the same name and counted once."""
    delivery = deliver()
    log(store, 10)
    point(store, 10)
    server.fail(kind, part="/logs", after=after)
    server.fail(kind, part="/append-batch", after=after)
    for _ in range(4):
        drain(delivery)
    assert messages(server) == lines(10)
    assert steps(server) == list(range(10))
    keys = [key for _, path, key in server.seen if path.endswith("/logs")]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    report = delivery.report()
    assert report.streams["logs"].retries == 1
    assert report.maybe_duplicated == 0


def test_a_killed_deliverer_goes_on_where_it_was(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """Another deliverer sends the batch that was in flight under the name it had."""
    first = deliver()
    log(store, 10)
    server.fail("reset", part="/logs", after=True)
    first.step()
    log(store, 10, 10)
    drain(deliver())
    assert messages(server) == lines(20)


def test_a_poisoned_record_is_set_aside(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """One of a thousand points that the server refuses is kept with its words; the rest arrive."""
    delivery = deliver()
    point(store, 1000)
    server.refuses = lambda record: record.get("step") in (3, 700, 701)
    drain(delivery)
    assert steps(server) == [step for step in range(1000) if step not in (3, 700, 701)]
    kept = list(delivery.rejected.entries())
    assert [entry["number"] for entry in kept] == [3, 700, 701]
    assert all(entry["status"] == 422 and "poisoned" in entry["reason"] for entry in kept)
    assert codec.decode(kept[0]["record"].encode())["data"]["step"] == 3
    report = delivery.report().streams["metrics/train"]
    assert (report.accepted, report.delivered, report.pending) == (1000, 997, 0)
    assert report.rejected == {"remote-rejected": 3}
    assert server.count("append-batch") < 60


def test_a_batch_that_is_too_large_is_parted(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """A server that takes only small requests gets small ones."""
    delivery = deliver()
    log(store, 200)
    server.max_body_bytes = 2000
    drain(delivery)
    assert messages(server) == lines(200)
    assert delivery.report().rejected == 0


def test_a_damaged_line_is_set_aside(deliver: Deliver, store: RunStore, server: Loopback) -> None:
    """A stored line that is no record is refused on its own."""
    delivery = deliver()
    log(store, 5)
    with store.logs.stream.path.open("ab") as file:
        file.write(b'{"broken\n\n')
    log(store, 5, 5)
    drain(delivery)
    assert messages(server) == lines(10)
    assert delivery.report().streams["logs"].rejected == {"corrupt-data": 1}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_only_a_person_can_mend_stops_all(
    deliver: Deliver, store: RunStore, server: Loopback, status: int
) -> None:
    """Refused credentials and a deleted run stop the delivery, keep everything, and are resumed."""
    delivery = deliver()
    drain(delivery)
    log(store, 3)
    point(store, 3)
    server.fail(status=status, part="/experiments/", times=1)
    assert not delivery.step()
    assert delivery.halted is not None
    assert delivery.halted.context["status"] == status
    assert len([each for each in server.seen if "/experiments/" in each[1]]) == 1
    assert delivery.report().pending == 6
    delivery.resume()
    drain(delivery)
    assert messages(server) == lines(3)
    assert steps(server) == [0, 1, 2]


def test_files_follow_what_happens_to_them(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path
) -> None:
    """A replaced, described and deleted file is so on the server, once."""
    delivery = deliver()
    source = tmp_path / "a.txt"
    source.write_bytes(b"one")
    store.files.store(source, path="x")
    source.write_bytes(b"two")
    kept = store.files.store(source, path="x")
    drain(delivery)
    assert server.files() == {"x/a.txt": b"two"}
    store.files.update(kept["id"], description="better")
    drain(delivery)
    (node,) = (node for node in server.nodes.values() if node["type"] == "FILE")
    assert node["description"] == "better"
    source.write_bytes(b"three")
    last = store.files.store(source, path="x")
    drain(delivery)
    assert server.files() == {"x/a.txt": b"three"}
    store.files.delete(last["id"])
    drain(delivery)
    assert server.files() == {}
    assert delivery.report().pending == 0


def test_an_old_server_leaves_a_doubt(deliver: Deliver, store: RunStore, server: Loopback) -> None:
    """Without idempotency keys a lost answer doubles records, and the account says so."""
    server.honours_keys = False
    delivery = deliver()
    log(store, 4)
    drain(delivery)
    log(store, 2, 4)
    server.fail("reset", part="/logs", after=True)
    drain(delivery)
    drain(delivery)
    assert len(server.run.logs) == 8
    assert delivery.report().maybe_duplicated == 2


def test_a_server_that_takes_gzip_gets_it(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """Large batches are compressed once the server has said that it takes that."""
    server.takes_gzip = True
    delivery = deliver()
    drain(delivery)
    log(store, 500)
    drain(delivery)
    assert messages(server) == lines(500)
    assert server.body_bytes < 500 * 40


def test_the_account_says_for_how_long_records_wait(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """Each stream's lag is the age of its oldest pending record, whoever asks and when."""
    log(store, 2)  # of the first of January
    point(store, 1)  # of 1970
    store.write_track("pose", b'{"timestamp":1.0,"x":1}', merged=True)  # says no time of day
    streams = deliver().report().streams
    assert streams["metrics/train"].lag_s > streams["logs"].lag_s > 1e6
    assert 0.0 <= streams["run"].lag_s < 1000.0
    assert 0.0 <= streams["tracks/pose"].lag_s < 1000.0
    delivery = deliver()
    drain(delivery)
    report = delivery.report()
    assert (report.lag_s, report.pending) == (0.0, 0)
    assert report.size_bytes == sum(each.size_bytes for each in report.streams.values()) > 0
    assert report.as_dict()["size_bytes"] == report.size_bytes


def test_a_server_that_is_busy_is_left_alone_by_all(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """While it asks for time no stream is sent, whoever wants all to be handed over."""
    now_s = 0.0
    delivery = deliver(clock=lambda: now_s)
    drain(delivery)
    log(store, 3)
    point(store, 3)
    server.fail(status=503, headers={"Retry-After": "30"})
    drain(delivery)
    asked = len(server.seen)
    for now_s in (0.0, 29.0):  # noqa: B007 - the clock shows it
        delivery.resume()
        drain(delivery)
        assert len(server.seen) == asked
    now_s = 30.0
    delivery.resume()
    drain(delivery)
    assert messages(server) == lines(3)
    assert steps(server) == [0, 1, 2]


def test_another_token_is_looked_for(
    deliver: Deliver, store: RunStore, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 401 delivery goes on by itself, within 30 s after there is another token."""
    now_s = 0.0
    monkeypatch.setenv("ML_DASH_TOKEN", server.token)
    delivery = deliver(clock=lambda: now_s, api_key=None)
    drain(delivery)
    server.token = "another"
    log(store, 3)
    drain(delivery)
    asked = len(server.seen)
    assert delivery.halted is not None
    now_s = 31.0
    drain(delivery)
    assert len(server.seen) == asked
    monkeypatch.setenv("ML_DASH_TOKEN", "another")
    now_s = 60.0
    drain(delivery)
    assert len(server.seen) == asked
    now_s = 62.0
    drain(delivery)
    assert delivery.halted is None
    assert messages(server) == lines(3)


def test_a_conflict_that_stays_is_a_refusal(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path
) -> None:
    """Two processes may make the same node; a name that is taken for good holds nothing up."""
    delivery = deliver()
    drain(delivery)
    source = tmp_path / "a.txt"
    for name, times in (("passes", 4), ("stays", 1000)):
        source.write_bytes(name.encode())
        store.files.store(source, path=name)
        server.fail(status=409, times=times, when=name.encode())
    log(store, 3)
    for _ in range(12):
        drain(delivery)
    report = delivery.report()
    assert (report.pending, report.rejected) == (0, 1)
    assert server.files() == {"passes/a.txt": b"passes"}
    assert messages(server) == lines(3)


def test_a_file_that_is_stored_and_deleted_at_once(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path
) -> None:
    """What becomes of a file in the same batch as its storing is not passed over."""
    (tmp_path / "w.bin").write_bytes(b"weights")
    gone = store.files.store(tmp_path / "w.bin", filename="gone.bin")
    store.files.store(tmp_path / "w.bin", filename="kept.bin")
    described = store.files.store(tmp_path / "w.bin", filename="described.bin")
    store.files.delete(gone["id"])
    store.files.update(described["id"], description="best")
    drain(deliver())
    assert set(server.files()) == {"kept.bin", "described.bin"}
    assert "best" in [node.get("description") for node in server.nodes.values()]


def test_a_file_that_is_replaced_while_it_is_looked_at(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The first one is gone when it is opened: nothing is lost, and nothing is refused."""
    (tmp_path / "w.bin").write_bytes(b"first")
    store.files.store(tmp_path / "w.bin")
    upload = Server.upload_once

    def replaced_first(*args: Any) -> Any:
        monkeypatch.undo()
        (tmp_path / "w.bin").write_bytes(b"second")
        store.files.store(tmp_path / "w.bin")
        return upload(*args)

    monkeypatch.setattr(Server, "upload_once", replaced_first)
    delivery = deliver()
    drain(delivery)
    assert server.files() == {"w.bin": b"second"}
    assert (delivery.report().rejected, delivery.report().pending) == (0, 0)


def test_a_sync_ends_that_is_refused_while_a_file_is_on_its_way(
    deliver: Deliver, store: RunStore, server: Loopback, tmp_path: Path
) -> None:
    """What became of the file is noted all the same; nothing is waited for that has ended."""
    delivery = deliver()
    drain(delivery)
    source = tmp_path / "a.txt"
    source.write_bytes(b"one")
    store.files.store(source, path="x")
    log(store, 3)
    began = server.count("/nodes")
    server.fail("hang", part="/nodes")
    server.fail(status=403, part="/logs", times=1000)
    delivery.step()
    assert delivery.halted is not None
    server.wait_for(lambda: server.count("/nodes") > began)
    server.released.set()
    delivery.wait_for_files(20.0)
    stop = threading.Event()
    sync = threading.Thread(target=bulk._drain, args=(delivery, 0.0, stop))
    sync.start()
    sync.join(20.0)
    ended = not sync.is_alive()
    stop.set()
    sync.join()
    assert ended
    assert not delivery.sends_files
