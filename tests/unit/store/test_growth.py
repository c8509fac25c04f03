"""Whoever delivers a run is told when much has come."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_dash._store import points
from ml_dash._store.growth import MUCH_BYTES, MUCH_OF_EACH_BYTES, Growth
from ml_dash._store.points import PointStream


def test_much_is_told_once() -> None:
    """It is told each time that as much again has come, of all streams together."""
    growth, told = Growth(), []
    growth.add(5 * MUCH_BYTES)  # nobody listens yet
    growth.on_much = lambda: told.append(1)
    growth.add(0)
    assert told == [1]
    for _ in range(4):
        growth.add(MUCH_BYTES // 2)
    assert told == [1] * 3


def test_many_streams_tell_less_often() -> None:
    """What is much for one stream is little for a thousand."""
    growth, told = Growth(), []
    growth.on_much = lambda: told.append(1)
    growth.streams = 1000
    growth.add(MUCH_BYTES)
    assert told == []
    growth.add(MUCH_OF_EACH_BYTES * 1000)
    assert told == [1]


def test_a_stream_tells_what_it_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each look at its folder it says by how much it has grown since the look before."""
    monkeypatch.setattr(points, "LOOK_AT_FOLDER_EVERY_S", 1.0)
    growth, told = Growth(), []
    growth.on_much = lambda: told.append(1)
    stream = PointStream(tmp_path / "data.jsonl")
    stream.growth = growth
    data = b'{"x":"%b"}' % (b"x" * (MUCH_BYTES // 4))
    for number in range(8):
        stream.append_point(data, 1000.0 + number)
    stream.close()
    assert told == [1]  # of the eighth it is said at the next look
