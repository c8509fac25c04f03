"""Tracks: merging at read and at flush, and merges whose writer was killed half way."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ml_dash._store.journal import Journal
from ml_dash._store.merging import merge_entries
from ml_dash._store.track_stores import TrackStores
from ml_dash._store.tracks import TrackStore

LINES = [
    b'{"timestamp":3.0,"x":3}',
    b'{"timestamp":1.0,"x":1}',
    b'{"timestamp":3.0,"y":33}',
    b'{"timestamp":2.0,"x":2}',
]
MERGED = [
    {"timestamp": 1.0, "x": 1},
    {"timestamp": 2.0, "x": 2},
    {"timestamp": 3.0, "x": 3, "y": 33},
]


def filled(folder: Path) -> TrackStore:
    """Return a track with unmerged entries."""
    track = TrackStore(folder, "robot", durable=False)
    track.open()
    for line in LINES:
        track.pending.append(line)
    return track


def stored(track: TrackStore) -> list[dict[str, object]]:
    """Return the merged lines on disk."""
    return [json.loads(line) for line in (track.folder / "data.jsonl").read_bytes().splitlines()]


def test_a_reader_sees_entries_merged_before_they_are(tmp_path: Path) -> None:
    """Entries of equal time are one for a reader at once."""
    track = filled(tmp_path / "robot")
    assert track.entries() == MERGED
    assert TrackStore(tmp_path / "robot", "robot", durable=False).entries() == MERGED
    assert not (tmp_path / "robot" / "data.jsonl").exists()


def test_a_merge_leaves_one_sorted_line_per_time(tmp_path: Path) -> None:
    """After a merge the file holds what the reader saw, and nothing is pending."""
    track = filled(tmp_path / "robot")
    track.merge()
    assert stored(track) == MERGED
    assert (tmp_path / "robot" / ".pending.jsonl").read_bytes() == b""
    assert track.entries() == MERGED
    summary = json.loads((tmp_path / "robot" / "metadata.json").read_text())
    assert (summary["totalEntries"], summary["columns"]) == (3, ["x", "y"])
    assert (summary["firstTimestamp"], summary["lastTimestamp"]) == (1.0, 3.0)


def test_merged_times_are_not_merged_again(tmp_path: Path) -> None:
    """An entry whose time is already in the file becomes a line of its own, as in 0.6."""
    track = filled(tmp_path / "robot")
    track.merge()
    track.pending.append(b'{"timestamp":2.0,"late":true}')
    track.merge()
    assert stored(track) == [*MERGED, {"timestamp": 2.0, "late": True}]


def test_a_value_that_another_replaces_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one time stamp and name the later value stays; the log says so once for a merge."""
    track = filled(tmp_path / "robot")
    track.merge()
    assert caplog.text == ""
    for value in (1, 1, 2, 3):
        track.pending.append(b'{"timestamp":7.5,"x":%d}' % value)
    track.merge()
    assert stored(track)[-1] == {"timestamp": 7.5, "x": 3}
    (record,) = caplog.records
    assert "'robot'" in record.getMessage()
    assert "name: 2, the first was 'x' at 7.5" in record.getMessage()


def test_times_that_are_no_numbers_come_last() -> None:
    """NaN has no place in an order; it goes to the end."""
    nan = float("nan")
    merged = merge_entries([{"timestamp": nan, "a": 1}, {"timestamp": 5.0}, {"timestamp": -1.0}])
    assert [entry["timestamp"] for entry in merged[:2]] == [-1.0, 5.0]


class Killed(BaseException):
    """Stands for the end of the process at one system call."""


def interrupted_states(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return copies of the track's folder as it is before each system call of a merge."""
    copies: list[Path] = []
    for point in range(40):
        work = folder / f"work{point}"
        track = filled(work)
        calls = 0

        def step(real, *args, point=point):
            nonlocal calls
            if calls == point:
                raise Killed
            calls += 1
            return real(*args)

        with monkeypatch.context() as patch:
            for name in ("write", "ftruncate"):
                real = getattr(os, name)
                patch.setattr(os, name, lambda *a, _real=real: step(_real, *a))
            try:
                track.merge()
            except Killed:
                copy = folder / f"copy{point}"
                shutil.copytree(work, copy)
                copies.append(copy)
            else:
                return copies
    raise AssertionError("the merge never ended")


def test_a_merge_killed_at_any_step_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done, a reader sees each entry once, and the next writer finishes the merge."""
    copies = interrupted_states(tmp_path, monkeypatch)
    assert len(copies) >= 4
    for copy in copies:
        assert TrackStore(copy, "robot", durable=False).entries() == MERGED
        track = TrackStore(copy, "robot", durable=False)
        track.open()
        track.merge()
        assert stored(track) == MERGED
        assert track.entries() == MERGED


def test_a_block_torn_anywhere_is_completed(tmp_path: Path) -> None:
    """A merged block of which only a part reached the file is completed, not doubled."""
    whole = filled(tmp_path / "whole")
    whole.merge()
    block = (tmp_path / "whole" / "data.jsonl").read_bytes()
    for cut in range(len(block)):
        folder = tmp_path / f"cut{cut}"
        track = filled(folder)
        (folder / "data.jsonl").write_bytes(block[:cut])
        track.pending.append(b'{"merge":0}')
        track.pending.append(b'{"timestamp":9.0,"young":1}')
        again = TrackStore(folder, "robot", durable=False)
        assert again.entries() == [*MERGED, {"timestamp": 9.0, "young": 1}]
        again.open()
        again.merge()
        assert stored(again) == [*MERGED, {"timestamp": 9.0, "young": 1}]


def test_topics_never_share_a_folder(tmp_path: Path) -> None:
    """The topics ``a/b`` and ``a_b`` are two tracks; the first keeps 0.6's folder."""
    stores = TrackStores(tmp_path, Journal(tmp_path / "journal.jsonl"))
    for topic in ("a/b", "a_b"):
        stores.writer(topic).pending.append(b'{"timestamp":1.0,"t":"%b"}' % topic.encode())
    assert (tmp_path / "tracks" / "a_b").is_dir()
    fresh = TrackStores(tmp_path, Journal(tmp_path / "journal.jsonl"))
    assert {t.topic: t.entries()[0]["t"] for t in fresh.readers()} == {"a/b": "a/b", "a_b": "a_b"}
    assert fresh.reader("a/b").entries()[0]["t"] == "a/b"


@pytest.mark.parametrize("announced", [False, True], ids=["pending", "announced"])
def test_damaged_pending_lines_are_kept_aside(
    announced: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A merge goes on with the rest, and says where the damaged lines are."""
    track = filled(tmp_path / "robot")
    damaged = [b'{"timestamp":1.5,"x"', b"[1]", b'{"x":1}']
    mark = [b'{"merge":0}'] if announced else []
    with open(track.pending.path, "ab") as file:
        file.write(b"".join(line + b"\n" for line in [*damaged, *mark]))
    track.pending.close()
    again = TrackStore(tmp_path / "robot", "robot", durable=False)
    again.open()
    again.merge()
    assert stored(again) == again.entries() == MERGED
    (kept,) = (tmp_path / "robot").glob(".pending.jsonl.damaged-*")
    assert kept.read_bytes().splitlines() == damaged
    assert f"3 lines that are no readable records; they are kept in {kept.name}" in caplog.text


def test_a_damaged_summary_is_made_again(tmp_path: Path) -> None:
    """Counts come from the entries; the damaged file is kept."""
    track = filled(tmp_path / "robot")
    track.merge()
    (tmp_path / "robot" / "metadata.json").write_text("{")
    again = TrackStore(tmp_path / "robot", "robot", durable=False)
    again.open()
    assert json.loads((tmp_path / "robot" / "metadata.json").read_text())["totalEntries"] == 3
    assert list((tmp_path / "robot").glob("metadata.json.damaged-*"))
