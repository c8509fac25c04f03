"""The stream of a metric's points: the same lines as any stream writes, on a shorter path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._store.points import PointStream

POINT = b'{"loss":0.5}'
NOW_S = 1_767_225_600.25


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=5))
def test_the_short_path_writes_the_same_line(
    tmp_path_factory: pytest.TempPathFactory, times: list[float]
) -> None:
    """At any time, also when the clock is set back, it is what the long path writes."""
    folder = tmp_path_factory.mktemp("points")
    short, long = PointStream(folder / "short"), PointStream(folder / "long")
    for now_s in times:
        assert short.append_point(POINT, now_s) == long.append(long.tail(POINT, now_s))
    assert short.path.read_bytes() == long.path.read_bytes()
    short.close()
    long.close()


def test_a_second_of_many_points(tmp_path: Path) -> None:
    """Every fraction of a second has six digits, at the end of a second as well."""
    stream = PointStream(tmp_path / "data.jsonl")
    for now_s in (NOW_S, NOW_S + 2**-10, NOW_S + 0.7499995, NOW_S + 0.75):
        stream.append_point(POINT, now_s)
    stream.close()
    stamps = [json.loads(line)["createdAt"] for line in stream.path.read_text().splitlines()]
    assert [stamp[17:] for stamp in stamps] == [
        "00.250000Z", "00.250976Z", "00.999999Z", "01.000000Z",
    ]  # fmt: skip


@pytest.mark.parametrize("passed_s", [0.05, 3600.0, -3600.0])
def test_a_removed_file_is_noticed(passed_s: float, tmp_path: Path) -> None:
    """50 ms later at the latest, whichever way the clock went."""
    stream = PointStream(tmp_path / "data.jsonl")
    stream.append_point(POINT, NOW_S)
    stream.path.unlink()
    with pytest.raises(FileNotFoundError, match="removed"):
        stream.append_point(POINT, NOW_S + passed_s)
    assert stream.append_point(POINT, NOW_S + passed_s) == 1
    stream.close()


def test_only_its_own_points_count_as_appended(tmp_path: Path) -> None:
    """What another writer added moves the numbers on, not the count."""
    ours, theirs = PointStream(tmp_path / "data.jsonl"), PointStream(tmp_path / "data.jsonl")
    numbers = [stream.append_point(POINT, NOW_S) for stream in (ours, theirs, theirs, ours)]
    assert numbers == [0, 1, 2, 3]
    assert (ours.appended, theirs.appended) == (2, 2)
    later = PointStream(tmp_path / "data.jsonl")
    later.expect(ours.size_bytes, ours.next_number)
    assert (later.append_point(POINT, NOW_S), later.appended) == (4, 1)
    for stream in (ours, theirs, later):
        stream.close()
