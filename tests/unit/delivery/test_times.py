"""The times of points, as they go over the wire."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._base.clock import stamp
from ml_dash._delivery.times import times_of
from ml_dash._store.points import PointStream

YEAR_9999_S = 253_402_300_799


@given(st.lists(st.floats(0.0, YEAR_9999_S), min_size=1, max_size=20))
def test_steps_add_up_to_what_is_stored(times_s: list[float]) -> None:
    """Each time comes back to the millisecond that stands in its line, also after a step back."""
    lines = [b'{"index":0,"data":{},"createdAt":"%b"}' % stamp(at).encode() for at in times_s]
    stored = [datetime.fromisoformat(stamp(at)[:-1] + "+00:00") for at in times_s]
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    expected = [(at - epoch) // timedelta(milliseconds=1) for at in stored]
    steps = times_of(lines)
    assert steps is not None
    assert list(accumulate(steps)) == expected


def test_lines_of_the_store(tmp_path: Path) -> None:
    """What the store writes is read, whatever the point holds."""
    stream = PointStream(tmp_path / "data.jsonl")
    for number in range(3):
        stream.append_point(b'{"createdAt":"x","n":%d}' % number, 1.0 + number / 4)
    stream.close()
    assert times_of((tmp_path / "data.jsonl").read_bytes().splitlines()) == [1000, 250, 250]


@pytest.mark.parametrize(
    "end",
    [b"2026-01-01T00:00:00Z", b"2026-01-01T00:00:00.12Z", b"2026-13-01T00:00:00.123456Z",
     b"1969-01-01T00:00:00.123456Z", b"2026-01-01T00:00:00.x23456Z",
     b"2026-01-01T00:00:0\xd9.123456Z"],
)  # fmt: skip
def test_other_lines_say_no_time(end: bytes) -> None:
    """A line that ends in another way has points sent without times, as 0.6 sends them."""
    good = b'{"index":0,"data":{},"createdAt":"2026-01-01T00:00:00.000000Z"}'
    assert times_of([good]) is not None
    assert times_of([good, b'{"index":1,"data":{},"createdAt":"%b"}' % end]) is None


def test_no_lines_have_no_times() -> None:
    """Nothing is nothing."""
    assert times_of([]) == []
