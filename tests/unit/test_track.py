"""Tracks: entries, times, formats, slices."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ml_dash import Experiment
from ml_dash.exceptions import (
    CorruptDataError,
    InvalidValueError,
    MLDashDeprecationWarning,
    StorageError,
    TrackNotFoundError,
)
from ml_dash.storage import LocalStorage


def entries(exp: Experiment, topic: str = "t") -> list[dict[str, Any]]:
    """Return a track's entries."""
    return exp.tracks(topic).list_entries()


def test_entries_of_one_time_are_one(exp: Experiment) -> None:
    """At once for a reader, and on disk after a flush, sorted."""
    track = exp.tracks("t")
    assert track.append(_ts=2, x=1).append(_ts=1, x=0) is track
    track.append(_ts=2, camera={"pos": [1, 2]}, v=np.float32(0.5))
    expected = [{"timestamp": 1.0, "x": 0},
                {"timestamp": 2.0, "x": 1, "camera.pos": [1, 2], "v": 0.5}]  # fmt: skip
    assert entries(exp) == expected
    assert track.flush() is track
    lines = (exp.folder / "tracks" / "t" / "data.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert exp.tracks.flush() is None


def test_unbuffered_entries_are_lines_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In call order, unmerged, as in 0.6."""
    monkeypatch.setenv("ML_DASH_BUFFER_ENABLED", "false")
    with Experiment("o/p/n", dash_root=tmp_path).run as exp:
        exp.tracks("t").append(_ts=2, a={"x": 1}).append(_ts=1, a={}).append(_ts=2, b=1)
        assert entries(exp) == [{"timestamp": 2.0, "a.x": 1}, {"timestamp": 1.0},
                                {"timestamp": 2.0, "b": 1}]  # fmt: skip
        assert exp._buffer_manager is None


def test_times(exp: Experiment) -> None:
    """Given, inherited, or automatic and strictly rising."""
    exp.tracks("a").append(_ts=5)
    exp.tracks("b").append(_ts=-1, x=1)
    for _ in range(100):
        exp.tracks("c").append(x=1)
    times = [entry["timestamp"] for entry in entries(exp, "c")]
    assert [entry["timestamp"] for entry in entries(exp, "b")] == [5.0]
    assert len(set(times)) == 100
    assert times == sorted(times)


@pytest.mark.parametrize("odd", [True, "12", float("nan"), float("inf"), float("-inf")], ids=repr)
def test_odd_times(exp: Experiment, odd: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Taken with a warning as in 0.6; refused, with nothing written, where values are checked."""
    with pytest.warns(MLDashDeprecationWarning, match="MLD005"):
        exp.tracks("t").append(_ts=odd, x=1)
    assert [entry["x"] for entry in entries(exp, "t")] == [1]
    assert caplog.records[-1].name == "ml_dash.deprecation"
    folder = exp.folder.parent
    with Experiment("o/p/new", dash_root=folder, future="values_checked").run as checked:
        with pytest.raises(InvalidValueError, match="finite"):
            checked.tracks("t").append(_ts=odd, x=1)
        checked.tracks("t").append(_ts=-1, x=2)
        assert [entry["x"] for entry in entries(checked, "t")] == [2]


@pytest.mark.parametrize("bad", ["noon", None, [1], 10**400], ids=["text", "None", "list", "huge"])
def test_times_that_are_none(exp: Experiment, bad: Any) -> None:
    """Refused in every release, as in 0.6; nothing is written."""
    with pytest.raises(InvalidValueError, match="must be numeric"):
        exp.tracks("t").append(_ts=bad, x=1)
    assert entries(exp, "t") == []


def test_windows_and_columns(exp: Experiment) -> None:
    """Bounds are inclusive; columns keep the time."""
    for i in range(5):
        exp.tracks("t").append(_ts=i, x=i, y=-i)
    found = exp.tracks("t").read(1, 3, columns=["y"])
    assert found == {"entries": [{"timestamp": float(i), "y": -i} for i in (1, 2, 3)], "count": 3}
    assert exp.tracks("t").read(columns=[])["entries"][0] == {"timestamp": 0.0, "x": 0, "y": 0}


def test_formats(exp: Experiment) -> None:
    """JSON lines, parquet with every column, mocap."""
    exp.tracks("t").append(_ts=0, a=1).append(_ts=1, b="x").append(_ts=2, a=1.5, c=[1, 2])
    assert [json.loads(line) for line in exp.tracks("t").read(format="jsonl").split(b"\n")] == (
        entries(exp))  # fmt: skip
    table = pq.read_table(io.BytesIO(exp.tracks("t").read(format="parquet")))
    assert table.to_pydict() == {"timestamp": [0.0, 1.0, 2.0], "a": [1.0, None, 1.5],
                                 "b": [None, "x", None], "c": [None, None, [1, 2]]}  # fmt: skip
    mocap = exp.tracks("t").read(format="mocap")
    assert (mocap["channels"], mocap["metadata"]["frameCount"]) == (["a", "b", "c"], 3)
    assert (mocap["metadata"]["duration"], mocap["metadata"]["fps"]) == (2.0, 30)
    assert mocap["frames"][1] == {"time": 1.0, "b": "x"}


def test_an_absent_track_is_empty(exp: Experiment) -> None:
    """Each format has its empty value; the siblings raise."""
    track = exp.tracks("none")
    assert track.read() == {"entries": [], "count": 0}
    assert track.read(format="jsonl") == b""
    assert pq.read_table(io.BytesIO(track.read(format="parquet"))).num_rows == 0
    assert track.read(format="mocap")["metadata"] == {
        "topic": "none", "frameCount": 0, "duration": 0}  # fmt: skip
    for call in (track.read_or_raise, track.list_entries_or_raise):
        with pytest.raises(TrackNotFoundError, match="none"):
            call()


def test_a_damaged_line(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, loudly; the sibling raises."""
    exp.tracks("t").append(_ts=1, x=1)
    exp.flush()
    with open(exp.folder / "tracks" / "t" / "data.jsonl", "ab") as file:
        file.write(b"nonsense\n")
    with pytest.warns(MLDashDeprecationWarning, match="MLD004"):
        assert entries(exp) == [{"timestamp": 1.0, "x": 1}]
    assert "nonsense" in caplog.text
    with pytest.raises(CorruptDataError, match="nonsense"):
        exp.tracks("t").read_or_raise()
    (exp.folder / "tracks" / "t" / "data.jsonl").write_bytes(b'{"timestamp":1.0,"x":1}\n')


def test_what_is_said_about_a_track_is_kept(
    exp: Experiment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With its entries, whenever it is said; of each key what was said first stays."""
    exp.tracks("a", description="left arm", tags=["arm"]).append(x=1)
    exp.tracks("a", metadata={"hz": 30}, description="right arm").append(x=1)
    exp.tracks("a", description="right arm")
    exp.tracks("robot/b", tags=["late"]).append(x=1)
    said = {"description": "left arm", "tags": ["arm"], "metadata": {"hz": 30}}
    (told,) = caplog.records
    assert "'left arm' as first given; 'right arm' is not taken" in told.getMessage()
    exp.flush()
    for row in LocalStorage(tmp_path).list_tracks("o", "p", "o/p/n"):
        folder = tmp_path / "o/p/n/tracks" / row["topic"].replace("/", "_")
        for found in (row, json.loads((folder / "metadata.json").read_text())):
            kept = {key: found[key] for key in ("description", "tags", "metadata") if key in found}
            assert kept == (said if row["topic"] == "a" else {"tags": ["late"]})
    with pytest.raises(InvalidValueError, match="tags"):
        exp.tracks("a", tags="arm")  # type: ignore[arg-type]


def test_slices(exp: Experiment) -> None:
    """Sorted whatever the order of flushes; the floor of a time is found."""
    for times in ((5, 6, 7), (1, 2, 6)):
        for time in times:
            exp.tracks("t").append(_ts=time, n=time)
        exp.tracks.flush()
    part = exp.tracks("t").slice(2, 7)
    assert repr(part) == "TrackSlice(topic='t', start=2, end=7)"
    assert [entry["n"] for entry in part] == [entry["n"] for entry in part] == [2, 5, 6, 6, 7]
    assert (len(part), bool(part), next(iter(part))["n"]) == (5, True, 2)
    assert part.findByTime(8)["n"] == 7
    assert part.findByTime(4.9)["n"] == 2
    assert [entry["n"] for entry in part.findByTime([2, 6.5], 3)] == [2, 6]
    assert part.findByTime([]) == []
    with pytest.raises(StorageError, match="No entry found with timestamp"):
        part.findByTime(1)
    with pytest.raises(StorageError, match="No entries in track slice"):
        exp.tracks("none").slice().findByTime(1)
    assert not exp.tracks("t").slice(9, 3)


def test_topics_share_nothing(exp: Experiment) -> None:
    """The topics ``a/b`` and ``a_b`` are two tracks."""
    exp.tracks("a/b").append(_ts=1, x=1)
    exp.tracks("a_b").append(_ts=1, x=2)
    assert [entries(exp, topic)[0]["x"] for topic in ("a/b", "a_b")] == [1, 2]


def test_fields_without_a_place_are_told(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """Of two values of one dotted name the later stays, and of an empty dictionary nothing."""
    exp.tracks("t").append(_ts=1, **{"a": {"b": 1}, "a.b": 2, "c": {}})
    exp.tracks("t").append(_ts=2, a={"b": 3}, c=4)
    assert [entry["a.b"] for entry in exp.tracks("t").read()["entries"]] == [2, 3]
    told = sorted(record.getMessage() for record in caplog.records)
    assert [text[:40] for text in told] == [
        "'c' of an entry of track 't' is an empty", "An entry of track 't' has two values nam"
    ]  # fmt: skip
