"""Signs of life: a quiet run and its account are heard of; what cannot be told fails nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.shipper import Shipper
from ml_dash._delivery.signs import REPORT_EVERY_S, Signs
from ml_dash._delivery.telling import Telling
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import MLDashError
from tests.clock import Clock
from tests.delivery.loopback import Loopback
from tests.delivery.test_run_delivery import drain, lines, log, messages

Deliver = Callable[..., RunDelivery]


@pytest.fixture
def signs(deliver: Deliver, store: RunStore, clock: Clock) -> Signs:
    """Return the signs of a run whose start is delivered."""
    log(store, 3)
    delivery = deliver()
    drain(delivery)
    return Signs(delivery, 30.0, clock)


def test_only_a_quiet_run_beats(signs: Signs, server: Loopback, clock: Clock) -> None:
    """Records are a sign of life, too: the heart beats after a while without any."""
    clock.now_s = 29.0
    signs.give(moved=False)
    clock.now_s = 31.0
    signs.give(moved=True)
    clock.now_s = 60.0
    signs.give(moved=False)
    assert server.run.beats == 0
    clock.now_s = 61.0
    signs.give(moved=False)
    signs.give(moved=False)
    assert server.run.beats == 1


def test_an_account_is_left_now_and_then(
    signs: Signs, server: Loopback, clock: Clock, store: RunStore
) -> None:
    """The server is told when something has changed since it was told last."""
    signs.give(moved=True)
    assert not server.run.reports
    clock.now_s = REPORT_EVERY_S
    signs.give(moved=False)
    signs.tell()
    (report,) = server.run.reports
    assert report["writer"]
    logs = report["streams"]["logs"]
    assert (logs["accepted"], logs["delivered"], logs["rejected"]) == (3, 3, 0)
    log(store, 2, 3)
    signs.tell()
    assert server.run.reports[-1]["streams"]["logs"]["pending"] == 2


def test_what_was_refused_is_told_with_its_reason(
    signs: Signs, server: Loopback, store: RunStore
) -> None:
    """A refused record is counted, and so is why."""
    server.refuses = lambda record: record.get("message") == "line 4"
    log(store, 3, 3)
    drain(signs._delivery)
    signs.tell()
    logs = server.run.reports[-1]["streams"]["logs"]
    assert (logs["delivered"], logs["rejected"]) == (5, 1)
    assert logs["reasons"] == [{"code": "remote-rejected", "count": 1}]


@pytest.mark.parametrize("status", [404, 405, 501, 403, 413])
def test_a_server_that_does_not_know_them_is_left_alone(
    signs: Signs, server: Loopback, clock: Clock, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first refusal neither is sent again, and nobody is told."""
    caplog.set_level(logging.INFO, "ml_dash")
    server.fail(status=status, part="heartbeat")
    server.fail(status=status, part="report", methods=("PUT",))
    for number in range(1, 5):
        clock.now_s = number * REPORT_EVERY_S
        signs.give(moved=False)
    assert (server.count("heartbeat"), server.count("report", "PUT")) == (1, 1)
    assert not caplog.records


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_what_passes_is_tried_again(
    signs: Signs, server: Loopback, clock: Clock, status: int
) -> None:
    """A failure that may pass delays a sign until its next turn."""
    server.fail(status=status, part="heartbeat")
    for number in range(1, 4):
        clock.now_s = number * 40.0
        signs.give(moved=False)
    assert server.count("heartbeat") == 3
    assert server.run.beats == 2


def test_a_server_that_is_away_is_not_asked(
    signs: Signs, server: Loopback, clock: Clock, store: RunStore
) -> None:
    """While records wait for the server to recover, no sign is sent."""
    log(store, 1, 3)
    server.fail(status=503, part="/logs", headers={"retry-after": "100"})
    signs._delivery.step()
    clock.now_s = 1000.0
    signs.give(moved=False)
    assert (server.run.beats, server.run.reports) == (0, [])


@pytest.fixture
def ship(deliver: Deliver, server: Loopback) -> Iterator[Callable[[], Shipper]]:
    """Return a function that makes a shipper whose heart beats at each look."""
    made: list[Shipper] = []

    def make() -> Shipper:
        def raised(error: MLDashError) -> None:
            raise AssertionError(error)

        telling = Telling(server.url, "all", ErrorHandlingMode.STRICT, raised)
        made.append(Shipper(deliver(told=telling), telling, poll_s=0.02, beat_every_s=0.001))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_the_thread_beats_and_tells_at_its_end(
    ship: Callable[[], Shipper], store: RunStore, server: Loopback
) -> None:
    """The delivery thread gives the signs; the last word is the account."""
    log(store, 3)
    shipper = ship()
    shipper.start()
    server.wait_for(lambda: bool(server.runs) and server.run.beats >= 2)
    assert messages(server) == lines(3)
    shipper.stop()
    assert server.run.reports[-1]["streams"]["logs"]["delivered"] == 3
    assert server.seen[-1][:2] == ("PUT", f"/api/experiments/{next(iter(server.runs))}/report")


def test_an_old_server_gets_everything(
    ship: Callable[[], Shipper], store: RunStore, server: Loopback
) -> None:
    """A server of 0.6 takes a run as before: no error, one sign of each kind."""
    server.knows_signs = False
    shipper = ship()
    shipper.start()
    server.wait_for(lambda: server.count("heartbeat") == 1)
    log(store, 3)
    assert shipper.hand_over(20.0)
    shipper.stop()
    assert messages(server) == lines(3)
    assert (server.count("heartbeat"), server.count("report", "PUT")) == (1, 1)
