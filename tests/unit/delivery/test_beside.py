"""Sending beside the other streams: whatever ends the thread is told, and nobody waits for it."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from ml_dash._delivery.beside import Beside


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, MemoryError])
def test_what_ends_the_thread_is_raised_where_it_is_asked(kind: type[BaseException]) -> None:
    """It does not look busy for ever, says that it paused, and gives the error once."""

    def step() -> None:
        raise kind("unforeseen")

    lane: Any = SimpleNamespace(
        is_due=True, step=step,
        source=SimpleNamespace(size=lambda: 1), cursor=SimpleNamespace(offset=0),
    )  # fmt: skip
    paused = threading.Event()
    beside = Beside(lane, paused.set)
    beside.start()
    assert paused.wait(20)
    assert not beside.is_running
    assert beside.is_busy
    with pytest.raises(kind, match="unforeseen"):
        beside.verdicts()
    assert beside.verdicts() == []
    assert not beside.is_busy
