"""An experiment with a server: what a script sees, whatever the server does."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ml_dash import Experiment
from ml_dash._delivery import shipper
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.target import folder_of
from ml_dash.exceptions import (
    CredentialsRejectedError,
    DataLossWarning,
    DeliveryTimeoutError,
    FileUploadError,
    LocalWriteError,
    NotAuthenticatedError,
    RecoverableWarning,
    RemoteRejectedError,
    ServerUnreachableError,
)
from tests.delivery.loopback import TOKEN, Loopback, serving

PREFIX = "alice/vision/sweeps/first"
Make = Callable[..., Experiment]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give a token, and a spool of the test's own."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    monkeypatch.setenv("ML_DASH_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "20")


@pytest.fixture
def make(server: Loopback, tmp_path: Path) -> Make:
    """Return a function that makes experiments on their way to the server."""

    def made(**changes: Any) -> Experiment:
        settings = {"dash_url": server.url, "dash_root": tmp_path / "data", "echo": False}
        return Experiment(PREFIX, **{**settings, **changes})

    return made


def record(exp: Experiment, count: int = 20) -> None:
    """Log something of each kind."""
    for number in range(count):
        exp.metrics("train").log(step=number)
        exp.log(f"line {number}")
    exp.params.set(lr=0.1)
    exp.tracks("pose").append(x=1, _ts=1.0)


def is_whole(server: Loopback, count: int = 20) -> bool:
    """Tell whether the server has each of these once, in order."""
    run = server.run
    return (
        [point["step"] for point in run.points["train"]] == list(range(count))
        and [line["message"] for line in run.logs] == [f"line {n}" for n in range(count)]
        and run.params == {"lr": 0.1}
        and run.entries["pose"] == [{"timestamp": 1.0, "x": 1}]
    )


def test_a_run_is_delivered(make: Make, server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    """When the run is closed the server has all of it, its end too, and the log says so."""
    caplog.set_level(logging.INFO, "ml_dash")
    exp = make(readme="what", tags=["t"])
    with exp.run:
        record(exp)
    assert is_whole(server)
    assert server.run.facts["description"] == "what"
    assert server.run.statuses[-1] == "COMPLETED"
    assert exp.id == next(iter(server.runs))
    assert exp.delivery.is_complete
    assert "All data delivered" in caplog.text
    assert exp.folder.is_dir()


def test_flush_hands_over(make: Make, server: Loopback) -> None:
    """What was logged before a flush is on the server after it."""
    exp = make()
    with exp.run:
        record(exp)
        report = exp.flush()
        assert is_whole(server)
        assert report.pending == 0
        assert report.accepted == report.delivered


def test_a_spooled_run_leaves_no_trace(make: Make, server: Loopback, tmp_path: Path) -> None:
    """Without a folder of its own, a run is taken off the disk once the server has it."""
    exp = make(dash_root=None)
    (tmp_path / "w.bin").write_bytes(b"weights")
    with exp.run:
        record(exp)
        exp.files("models").save(str(tmp_path / "w.bin"))
        assert exp.folder.is_dir()
    assert is_whole(server)
    assert server.files() == {"models/w.bin": b"weights"}
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_spooled_run_stays_while_something_is_owed(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spool is pruned by acknowledgement only; a sync finishes it."""
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "0.2")
    exp = make(dash_root=None, error_mode="permissive")
    with exp.run:
        server.fail(part="/logs", times=1000)
        record(exp)
    assert exp.delivery.streams["logs"].pending == 20
    server.heal()
    done = sync(exp.folder, folder_of(exp.folder, server.url))
    assert (done.outcome, done.pruned) == (Outcome.DELIVERED, True)
    assert is_whole(server)
    assert not exp.folder.exists()


def test_an_offline_run_is_delivered_later(make: Make, server: Loopback) -> None:
    """An offline run sends nothing; a sync delivers it, its end too, and doubles nothing."""
    exp = make(offline=True)
    with exp.run:
        record(exp)
    assert server.seen == []
    for _ in range(2):
        done = sync(exp.folder, folder_of(exp.folder, server.url))
        assert done.outcome is Outcome.DELIVERED
    assert is_whole(server)
    assert server.run.statuses[-1] == "COMPLETED"


def test_no_token_at_the_start(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a token the start is refused and nothing is recorded."""
    monkeypatch.delenv("ML_DASH_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotAuthenticatedError, match="ml-dash login"):
        make().run.start()
    assert not (tmp_path / "data" / "alice").exists()


@pytest.mark.parametrize("mode", ["strict", "default"])
def test_a_refused_token_at_the_start(make: Make, server: Loopback, mode: str) -> None:
    """A token that the server refuses stops the start at once, and it says that nothing is kept."""
    server.token = "another"
    with pytest.raises(CredentialsRejectedError, match="offline=True") as caught:
        make(error_mode=mode).run.start()
    assert caught.value.kept == "nothing was recorded"


def test_permissive_goes_on_without_credentials(
    make: Make, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """In PERMISSIVE mode the run is recorded all the same, and delivered when that works."""
    server.token = "another"
    exp = make(error_mode="permissive")
    with exp.run:
        record(exp)
    assert "Kept: what is logged from now on stays in the run's folder" in caplog.text
    assert "nothing was recorded" not in caplog.text
    assert exp.delivery.pending
    server.token = TOKEN
    assert sync(exp.folder, folder_of(exp.folder, server.url)).outcome is Outcome.DELIVERED
    assert is_whole(server)


@pytest.mark.parametrize("mode", ["strict", "default"])
def test_an_unreachable_server_at_the_start(
    make: Make, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the deadline the start fails, and says what to do."""
    monkeypatch.setenv("ML_DASH_CONNECT_TIMEOUT", "0.3")
    with serving() as gone:
        url = gone.url
    with pytest.raises(ServerUnreachableError, match="offline=True") as caught:
        make(dash_url=url, error_mode=mode).run.start()
    assert caught.value.__cause__ is not None
    assert caught.value.kept == "nothing was recorded"


def test_a_server_that_comes_up_during_the_start(
    make: Make, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """A start is tried again until the server answers."""
    server.fail(status=503, times=2)
    exp = make()
    with exp.run:
        record(exp)
    assert is_whole(server)


def test_permissive_goes_on_without_a_server(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """In PERMISSIVE mode an unreachable server costs nothing but time; it gets all later."""
    monkeypatch.setenv("ML_DASH_CONNECT_TIMEOUT", "0.1")
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "0.1")
    with serving() as gone:
        url, port = gone.url, gone.server_port
    exp = make(dash_url=url, error_mode="permissive")
    with exp.run:
        record(exp)
    assert exp.delivery.delivered == 0
    with serving(port) as back:
        assert sync(exp.folder, folder_of(exp.folder, url)).outcome is Outcome.DELIVERED
        assert is_whole(back)
        assert back.run.statuses[-1] == "COMPLETED"


def test_strict_raises_at_the_next_call(make: Make, server: Loopback) -> None:
    """A record that is refused in the background raises in a later call of the script, once."""
    heard = threading.Event()
    exp = make(error_mode="strict", on_delivery_error=lambda _: heard.set())
    server.refuses = lambda record: record.get("message") == "poison"
    with exp.run:
        exp.log("good")
        exp.log("poison")
        exp._courier._shipper.wake()  # type: ignore[union-attr]
        assert heard.wait(20)
        with pytest.raises(RemoteRejectedError, match="422"):
            exp.log("not taken")
        exp.log("taken")
    assert [line["message"] for line in server.run.logs] == ["good", "taken"]
    assert exp.delivery.rejected == 1


def test_the_end_says_what_is_left(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close that cannot deliver all says how much is left, where it is and what to do."""
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "0.2")
    exp = make()
    exp.run.start()
    server.fail(part="/logs", times=1000)
    exp.log("one")
    with pytest.warns(RecoverableWarning, match=r"[23] of 3 records .*ml-dash sync"):
        exp.run.complete()
    exp = make(error_mode="strict")
    exp.run.start()
    with pytest.raises(DeliveryTimeoutError, match="not delivered"):
        exp.run.complete()


def test_nothing_stays_open_after_the_end(make: Make, server: Loopback) -> None:
    """Neither a connection nor a thread outlives the run that needed it."""
    with make().run as exp:
        record(exp)
    assert is_whole(server)
    connections = psutil.Process().net_connections("tcp")
    assert [c for c in connections if c.raddr and c.raddr.port == server.server_port] == []
    assert [t for t in threading.enumerate() if t.name.startswith("ml-dash")] == []


def test_nothing_stays_open_after_a_start_that_fails(
    make: Make, server: Loopback, tmp_path: Path
) -> None:
    """Where the folder refuses the run, the connection that announced it is closed."""
    exp = make()
    (tmp_path / "data" / "alice" / "vision" / "sweeps" / "first").mkdir(parents=True)
    (exp.folder / "logs").touch()
    with pytest.raises(LocalWriteError):
        exp.run.start()
    connections = psutil.Process().net_connections("tcp")
    assert [c for c in connections if c.raddr and c.raddr.port == server.server_port] == []


def test_the_account_can_be_asked_for(make: Make, server: Loopback) -> None:
    """What a thread has met is raised by the next call that uses the run, not by ``ledger()``."""
    heard = threading.Event()
    exp = make(error_mode="strict", on_delivery_error=lambda _: heard.set())
    server.refuses = lambda record: record.get("message") == "poison"
    with exp.run:
        exp.log("poison")
        exp._courier._shipper.wake()  # type: ignore[union-attr]
        assert heard.wait(20)
        assert exp.ledger().streams["logs"].accepted == 1
        with pytest.raises(RemoteRejectedError):
            exp.log("not taken")


def test_a_flush_with_a_deadline(make: Make, server: Loopback) -> None:
    """A flush that was given a time raises when it is over; the data is kept and comes later."""
    exp = make(error_mode="permissive")
    with exp.run:
        server.fail(part="/logs", times=1000)
        record(exp)
        with pytest.raises(DeliveryTimeoutError) as caught:
            exp.flush(timeout_s=0.2)
        assert str(exp.folder) in caught.value.kept
        server.heal()
    assert is_whole(server)


def test_what_the_thread_warns_of_is_about_the_users_line(make: Make, server: Loopback) -> None:
    """A warning of the delivery thread names the line that started the run."""
    server.refuses = lambda record: record.get("message") == "poison"
    exp = make()
    exp.run.start()
    exp.log("poison")
    with pytest.warns(DataLossWarning, match="422") as seen:
        exp.flush()
    exp.run.complete()
    assert {warned.filename for warned in seen} == {__file__}


def test_a_refused_record_is_told(make: Make, server: Loopback) -> None:
    """In DEFAULT mode a record that the server refuses is a warning of data loss, with a count."""
    exp = make()
    server.refuses = lambda record: record.get("step") in (3, 4)
    with exp.run:
        record(exp)
        with pytest.warns(DataLossWarning, match=r"422.*rejected\.jsonl") as seen:
            report = exp.flush()
    assert len(seen) == 1
    assert report.rejected == 2
    assert [point["step"] for point in server.run.points["train"]] == [
        step for step in range(20) if step not in (3, 4)
    ]


def test_an_account_that_is_old_already_is_no_delay(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives while the account is added up has arrived: nobody is told of a delay."""
    exp = make()
    real = shipper.Shipper.report

    def slow(self: shipper.Shipper) -> DeliveryReport:
        account = real(self)
        with self._round_over:
            assert self._round_over.wait_for(
                lambda: len(server.run.logs) == 1 and not real(self).pending, 20
            )
        return account

    with exp.run:
        exp.flush()
        with monkeypatch.context() as slowed:
            slowed.setattr(shipper.Shipper, "report", slow)
            exp.log("one")
            exp.flush()
        assert exp.delivery.pending == 0


def test_a_full_spool_refuses(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too much waits, further records are refused and counted; delivery makes room again."""
    monkeypatch.setenv("ML_DASH_SPOOL_MAX_BYTES", "2000")
    exp = make(dash_root=None)
    with exp.run:
        room = exp._courier._shipper.delivery.room  # type: ignore[union-attr]
        # Its own thread looks, too: it shall not meet the limit while the lines are written.
        room._max_bytes = 1 << 30  # type: ignore[union-attr]
        server.fail(part="/logs", times=1000)
        for number in range(50):
            exp.log(f"line {number}")
        room._max_bytes = 2000  # type: ignore[union-attr]
        room.look()  # type: ignore[union-attr]
        with pytest.warns(DataLossWarning, match="ML_DASH_SPOOL_MAX_BYTES"):
            exp.log("too much")
        with pytest.raises(LocalWriteError, match="ML_DASH_SPOOL_MAX_BYTES allows 2000"):
            exp.params.set(lr=0.1)
        assert exp.ledger().streams["logs"].refused == 1
        server.heal()
        exp.flush()
        room.look()  # type: ignore[union-attr]
        exp.log("line 50")
        exp.params.set(lr=0.2)
    assert [line["message"] for line in server.run.logs] == [f"line {n}" for n in range(51)]
    assert server.run.params == {"lr": 0.2}


def test_a_spool_has_room_for_so_many_bytes_of_files(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files that wait count with their size; what is replaced, deleted or delivered does not."""
    monkeypatch.setenv("ML_DASH_SPOOL_MAX_BYTES", "119000")
    (tmp_path / "w.bin").write_bytes(b"w" * 40_000)
    source = str(tmp_path / "w.bin")
    exp = make(dash_root=None)
    with exp.run:
        server.fail(status=503, when=b"w" * 100, times=10**6)
        for _ in range(5):  # of the same name
            exp.files("models").save(source, to="w.bin")
        exp.files("models").save(source, to="x.bin")
        with pytest.raises(FileUploadError, match="40000 more are to, and ML_DASH_SPOOL_MAX_BYTES"):
            exp.files("models").save(source, to="y.bin")
        with pytest.raises(FileUploadError, match="ML_DASH_SPOOL_MAX_BYTES"):
            exp.files("models").save_text("z" * 40_000, to="y.txt")
        assert not [path for path in exp.folder.rglob("*") if path.name in ("y.bin", "y.txt")]
        exp.files("models/x.bin").delete()
        exp.files("models").save(source, to="y.bin")
        server.heal()
        exp.flush()
        exp.files("models").save(source, to="z.bin")
    assert set(server.files()) == {"models/w.bin", "models/y.bin", "models/z.bin"}


def test_a_killed_run_is_delivered_by_the_next(
    make: Make, server: Loopback, tmp_path: Path
) -> None:
    """What a killed process left is on the server after the next start of the same run, once."""
    script = tmp_path / "train.py"
    script.write_text(
        "from ml_dash import Experiment\n"
        f"root, url = {str(tmp_path / 'data')!r}, {server.url!r}\n"
        f"exp = Experiment({PREFIX!r}, dash_url=url, dash_root=root, echo=False)\n"
        "exp.run.start()\n"
        "for number in range(10_000_000):\n"
        "    exp.metrics('train').log(step=number)\n"
        "    if number == 2000:\n"
        "        print('there', flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    server.wait_for(lambda: bool(server.run.points.get("train")))
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with make().run as exp:
        stored = exp.metrics("train").stats()["totalDataPoints"]
    steps = [point["step"] for point in server.run.points["train"]]
    assert steps == list(range(int(stored)))
    assert len(steps) > 2000


def test_a_child_that_outlives_nothing(make: Make, server: Loopback) -> None:
    """What a forked child logs is delivered with its parent's run."""
    exp = make()
    with exp.run:
        exp.log("parent")
        child = os.fork()
        if not child:
            exp.log("child")
            os._exit(0)
        os.waitpid(child, 0)
    assert [line["message"] for line in server.run.logs] == ["parent", "child"]


def test_a_child_that_outlives_its_parent(make: Make, server: Loopback, tmp_path: Path) -> None:
    """A forked child that writes delivers by itself once its parent, who did, is gone."""
    script = tmp_path / "train.py"
    script.write_text(
        "import os, sys\n"
        "from ml_dash import Experiment\n"
        f"root, url = {str(tmp_path / 'data')!r}, {server.url!r}\n"
        f"exp = Experiment({PREFIX!r}, dash_url=url, dash_root=root, echo=False)\n"
        "exp.run.start()\n"
        "exp.log('parent')\n"
        "exp.flush()\n"
        "if os.fork():\n"
        "    os._exit(0)\n"
        "sys.stdin.readline()\n"
        "exp.log('child')\n"
        "sys.stdin.readline()\n"
        "os._exit(0)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE)
    assert parent.wait() == 0
    assert parent.stdin is not None
    parent.stdin.write(b"\n")
    parent.stdin.flush()
    server.wait_for(lambda: len(server.run.logs) == 2)
    parent.stdin.write(b"\n")
    parent.stdin.close()
    assert [line["message"] for line in server.run.logs] == ["parent", "child"]


def test_the_script_is_not_held_up(make: Make, server: Loopback) -> None:
    """A server that hangs costs the training loop nothing."""
    exp = make(error_mode="permissive")
    exp.run.start()
    server.fail("hang", part="/logs", times=1000)
    exp.log("first")
    began = time.monotonic()
    for number in range(1000):
        exp.metrics("train").log(step=number)
    assert time.monotonic() - began < 10.0  # a request hangs for 30 s
    server.released.set()
    server.heal()
    exp.run.complete()


def deliverers() -> list[threading.Thread]:
    """Return the delivery threads of this process."""
    return [each for each in threading.enumerate() if each.name == "ml-dash-delivery"]


def test_a_thread_is_there_while_it_is_needed(make: Make, server: Loopback, tmp_path: Path) -> None:
    """Neither an experiment that is only built nor one without a server has one."""
    exp = make()
    with Experiment("alice/vision/local", dash_root=tmp_path / "data", echo=False).run:
        assert not deliverers()
    with exp.run:
        assert len(deliverers()) == 1
    assert not deliverers()


def test_a_close_may_wait_for_ever(
    make: Make, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an infinite patience the end waits until the server recovers."""
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", "inf")
    exp = make(error_mode="permissive")
    with exp.run:
        server.fail(part="/logs", times=3)
        record(exp)
    assert is_whole(server)
    assert exp.delivery.is_complete
