"""The delivery thread: delivers what is written, tells what the mode promises, never dies."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.shipper import Shipper
from ml_dash._delivery.telling import Telling
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import CorruptDataError, MLDashError, RecoverableWarning, ServerError
from tests.delivery.loopback import Loopback
from tests.delivery.test_run_delivery import lines, log, messages

Ship = Callable[..., Shipper]


@pytest.fixture
def ship(deliver: Callable[..., RunDelivery], store: RunStore, server: Loopback) -> Iterator[Ship]:
    """Return a function that makes shippers of the run; their threads end with the test."""
    made: list[Shipper] = []

    def make(mode: str = "permissive", **changes: object) -> Shipper:
        telling = Telling(
            server.url, "all of it", ErrorHandlingMode.parse(mode), tell_after_s=0.0,
            **{k: v for k, v in changes.items() if k == "on_error"},  # type: ignore[arg-type]
        )  # fmt: skip
        delivery = deliver(told=telling, timeout_s=changes.get("timeout_s", 5.0))
        made.append(Shipper(delivery, telling, poll_s=0.05))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_what_is_written_is_delivered(ship: Ship, store: RunStore, server: Loopback) -> None:
    """Records reach the server without anybody asking, those of later rounds too."""
    shipper = ship()
    shipper.start()
    log(store, 5)
    server.wait_for(lambda: bool(server.runs) and len(server.run.logs) == 5)
    log(store, 5, 5)
    server.wait_for(lambda: len(server.run.logs) == 10)
    assert messages(server) == lines(10)


def test_handing_over_waits(ship: Ship, store: RunStore, server: Loopback) -> None:
    """When the wait is over, the server has everything that was written before it."""
    shipper = ship()
    for number in range(3):
        log(store, 100, 100 * number)
        store.write_track("pose", b'{"timestamp":%d.0,"x":1}' % number, merged=True)
        assert shipper.hand_over(20.0)
        assert messages(server) == lines(100 * (number + 1))
        assert len(server.run.entries["pose"]) == number + 1
        assert shipper.report().pending == 0


def test_handing_over_ends_in_time(ship: Ship, store: RunStore, server: Loopback) -> None:
    """A server that hangs holds nobody up for longer than asked."""
    log(store, 1)
    server.fail("hang", part="/logs", times=100)
    began = time.monotonic()
    shipper = ship()
    assert not shipper.hand_over(0.3)
    assert time.monotonic() - began < 3
    assert shipper.report().streams["logs"].pending == 1


def test_an_outage_is_told_once(
    ship: Ship, store: RunStore, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """Many failures in a row are one warning; that it works again is logged."""
    caplog.set_level(logging.WARNING, "ml_dash")
    heard: list[MLDashError] = []
    shipper = ship("default", on_error=heard.append)
    log(store, 1)
    server.fail(part="/logs", times=5)
    with pytest.warns(RecoverableWarning, match="tried again by itself") as seen:
        shipper.hand_over(20.0)
    assert len(seen) == 1
    assert [type(error).__mro__[1] for error in heard] == [ServerError]
    assert messages(server) == lines(1)
    assert "works again after" in caplog.text
    assert "5 failures" in caplog.text


def test_strict_raises_on_the_users_thread(ship: Ship, store: RunStore, server: Loopback) -> None:
    """In STRICT mode the error of the thread is raised by whoever hands over, once."""
    shipper = ship("strict")
    log(store, 1)
    server.fail(part="/logs", times=2)
    with pytest.raises(ServerError, match="500") as caught:
        shipper.hand_over(20.0)
    assert caught.value.__traceback__ is not None
    assert shipper.hand_over(20.0)
    assert messages(server) == lines(1)


@pytest.mark.parametrize("mode", ["default", "permissive", "strict"])
def test_refused_credentials_halt(
    ship: Ship, store: RunStore, server: Loopback, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that is refused halts the delivery, which says so; a new hand-over goes on."""
    shipper = ship("permissive")
    shipper.hand_over(20.0)
    shipper.telling._mode = ErrorHandlingMode.parse(mode)
    server.token = "another"
    log(store, 1)
    if mode == "strict":
        with pytest.raises(MLDashError, match="401"):
            shipper.hand_over(20.0)
    elif mode == "default":
        with pytest.warns(RecoverableWarning, match="401"):
            assert not shipper.hand_over(20.0)
    else:
        assert not shipper.hand_over(20.0)
    assert [record for record in caplog.records if record.levelno == logging.CRITICAL]
    server.token = "secret-token-of-the-tests"
    assert shipper.hand_over(20.0)
    assert messages(server) == lines(1)


def test_the_thread_survives(ship: Ship, store: RunStore, server: Loopback) -> None:
    """An error that no stream can deal with is told and counted; the thread goes on."""
    shipper = ship("strict")
    log(store, 1)
    note = shipper.delivery.folder.path / "target.json"
    kept = note.read_bytes()
    note.write_bytes(b"{")
    shipper.start()
    server.wait_for(lambda: shipper.crashes > 0)
    assert shipper.is_running
    note.write_bytes(kept)
    server.wait_for(lambda: bool(server.runs) and messages(server) == lines(1))
    with pytest.raises(CorruptDataError, match="damaged"):
        shipper.telling.raise_deferred()
    assert shipper.hand_over(20.0)
    assert shipper.report().pending == 0
    assert shipper.report().crashes


def test_a_forked_child_has_no_thread_until_it_needs_one(
    ship: Ship, store: RunStore, server: Loopback
) -> None:
    """After a fork the parent goes on; the child starts anew, and nothing comes twice."""
    shipper = ship()
    log(store, 3)
    shipper.hand_over(20.0)
    child = os.fork()
    if not child:
        failed = 1
        try:
            alone = not shipper.is_running and not shipper.delivery.lease.is_held
            log(store, 3, 3)
            failed = 0 if alone else 2
        finally:
            os._exit(failed)
    assert os.waitpid(child, 0)[1] == 0
    assert shipper.is_running
    assert shipper.delivery.lease.is_held
    log(store, 3, 6)
    shipper.hand_over(20.0)
    assert messages(server) == lines(9)


def test_two_deliver_one_run_in_turn(ship: Ship, store: RunStore, server: Loopback) -> None:
    """While one process delivers another waits; when it ends, the other goes on, once."""
    first, second = ship(), ship()
    log(store, 3)
    first.hand_over(20.0)
    second.start()
    assert second.hand_over(20.0)
    assert not second.delivery.lease.is_held
    first.stop()
    log(store, 3, 3)
    assert second.hand_over(20.0)
    assert second.delivery.lease.is_held
    assert messages(server) == lines(6)


def test_a_callback_that_exits_does_not_end_the_thread(
    ship: Ship, store: RunStore, server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ``on_delivery_error`` raises is logged; the delivery goes on."""

    def leave(error: MLDashError) -> None:
        raise SystemExit(3)

    shipper = ship(on_error=leave)
    log(store, 1)
    server.fail(part="/logs", times=2)
    shipper.start()
    server.wait_for(lambda: bool(server.runs) and messages(server) == lines(1))
    assert shipper.is_running
    assert "calling on_delivery_error: 3" in caplog.text


@pytest.mark.parametrize("error", [MemoryError(), SystemExit(1), ZeroDivisionError("by zero")])
def test_the_thread_survives_whatever_it_meets(
    ship: Ship, store: RunStore, server: Loopback, error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """An error that nobody foresaw is told, counted, and passes."""
    heard: list[MLDashError] = []
    shipper = ship("permissive", on_error=heard.append)
    step, met = shipper.delivery.step, [error]

    def failing(**how: Any) -> bool:
        if met:
            raise met.pop()
        return step(**how)

    monkeypatch.setattr(shipper.delivery, "step", failing)
    log(store, 1)
    with warnings.catch_warnings(record=True):
        shipper.start()
        server.wait_for(lambda: bool(server.runs) and messages(server) == lines(1))
    assert shipper.report().crashes == 1
    (told,) = heard
    assert told.__cause__ is error
    assert type(error).__name__ in str(told)


def test_an_idle_thread_looks_once_a_second(
    deliver: Callable[..., RunDelivery], store: RunStore, server: Loopback
) -> None:
    """It rests a second between its looks, and at once no longer when it is woken."""
    telling = Telling(server.url, "all", ErrorHandlingMode.PERMISSIVE)
    shipper = Shipper(deliver(told=telling), telling)
    rests: list[float] = []

    class Counted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(float(timeout or 0.0))
            if len(rests) == 5:
                shipper._stop.set()
            return True

    shipper._wake = Counted()
    log(store, 1)
    shipper.start()
    assert shipper._thread is not None
    shipper._thread.join(20.0)
    assert rests == [1.0] * 5
    assert messages(server) == lines(1)


def test_a_thread_that_hangs_holds_nobody_up(
    ship: Ship, store: RunStore, server: Loopback
) -> None:
    """Who ends the delivery waits a second for a request that hangs, and no longer."""
    log(store, 1)
    server.fail("hang", part="/logs")
    shipper = ship(timeout_s=30.0)
    shipper.start()
    server.wait_for(lambda: server.count("/logs") == 1)
    began_s = time.monotonic()
    shipper.stop()
    assert time.monotonic() - began_s < 5.0
    assert shipper.is_running  # with the lease, until it knows what became of the batch
    assert shipper.delivery.lease.is_held
    server.released.set()
    assert shipper._thread is not None
    shipper._thread.join(20.0)
    assert not shipper.delivery.lease.is_held
