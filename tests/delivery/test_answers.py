"""Answers that 0.6 took for a yes, or did not read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._store.run_store import RunStore
from tests.delivery.loopback import Loopback
from tests.delivery.test_run_delivery import drain, lines, log, messages, point, steps

Deliver = Callable[..., RunDelivery]


def requests(server: Loopback, part: str) -> int:
    """Return how many requests of a kind there were."""
    return sum(part in path for _, path, _ in server.seen)


@pytest.mark.parametrize("after", [False, True], ids=["lost", "committed"])
def test_a_yes_that_counts_nothing_is_no_yes(
    deliver: Deliver, store: RunStore, server: Loopback, after: bool
) -> None:
    """An empty object is a failure: the batch is sent again under its name, and counted once."""
    delivery = deliver()
    log(store, 10)
    point(store, 10)
    server.fail("nothing", part="/logs", after=after)
    server.fail("nothing", part="/append-batch", after=after)
    for _ in range(4):
        drain(delivery)
    assert messages(server) == lines(10)
    assert steps(server) == list(range(10))
    assert requests(server, "/logs") == requests(server, "/append-batch") == 2


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_says(
    deliver: Deliver, store: RunStore, server: Loopback
) -> None:
    """After 429 with Retry-After nothing is sent before that time; 0.6 went on after 0.1 s."""
    delivery = deliver()
    log(store, 10)
    server.fail(status=429, headers={"Retry-After": "30"}, part="/logs")
    for _ in range(4):
        drain(delivery)
    assert requests(server, "/logs") == 1
    assert delivery.report().streams["logs"].pending == 10
    another = deliver()
    drain(another)
    assert messages(server) == lines(10)
