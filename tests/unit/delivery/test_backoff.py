"""How long a stream waits."""

from __future__ import annotations

import pytest

from ml_dash._delivery.backoff import Backoff


def test_waits_grow_up_to_a_cap() -> None:
    """Without chance each wait is twice the last, up to the cap, for ever."""
    backoff = Backoff(base_s=0.5, cap_s=3.0, jitter=lambda: 1.0)
    assert [backoff.wait_s(failures) for failures in (1, 2, 3, 4, 1000)] == [0.5, 1, 2, 3, 3]


def test_chance_takes_the_whole_range() -> None:
    """Full jitter: a wait is between nothing and its ceiling."""
    assert Backoff(jitter=lambda: 0.0).wait_s(9) == 0
    assert Backoff(base_s=1.0, jitter=lambda: 0.5).wait_s(3) == 2.0


@pytest.mark.parametrize(("asked_s", "waited_s"), [(0.0, 0.5), (7.0, 7.5), (1e9, 300.5)])
def test_a_server_is_heard(asked_s: float, waited_s: float) -> None:
    """Never earlier than asked for, capped, and not all clients in the same instant."""
    assert Backoff(base_s=0.5, jitter=lambda: 1.0).wait_s(1, asked_s) == waited_s
