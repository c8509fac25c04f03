"""Records that wait: in order, bounded, counted, written when the disk takes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash._store.stream import Stream
from ml_dash._store.waiting import Waiting
from ml_dash.exceptions import DataLossWarning, LocalWriteError

BODY = b',"data":{"n":%d}}'


class Disk:
    """A folder that can be made to refuse writes: its place is taken by a file meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = Stream(folder / "data.jsonl", "index")

    def refuse(self) -> None:
        """Take the folder away."""
        self.stream.close()
        if self.folder.exists():
            self.folder.rename(self.folder.with_suffix(".away"))
        self.folder.touch()

    def take(self) -> None:
        """Bring it back."""
        self.folder.unlink()
        away = self.folder.with_suffix(".away")
        if away.exists():
            away.rename(self.folder)

    def numbers(self) -> list[int]:
        """Return what is stored, in order."""
        lines = self.stream.path.read_bytes().splitlines()
        return [json.loads(line)["data"]["n"] for line in lines]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """Return a folder that refuses writes."""
    disk = Disk(tmp_path / "run")
    disk.refuse()
    return disk


def test_what_waits_is_written_in_order(disk: Disk) -> None:
    """Nothing is lost or doubled by attempts in between."""
    waiting = Waiting(10_000)
    for n in range(600):
        waiting.max_bytes += 100
        assert waiting.hold(disk.stream, BODY % n, "metrics")
    with pytest.raises(OSError, match="Not a directory"):
        waiting.drain(now=True)
    assert waiting.drain() == 0
    assert (len(waiting), waiting.counts["metrics"]) == (600, 600)
    disk.take()
    assert waiting.drain(now=True) == 600
    assert disk.numbers() == list(range(600))
    assert (len(waiting), waiting.size_bytes, waiting.counts["metrics"]) == (0, 0, 0)


def test_the_bound_holds(disk: Disk) -> None:
    """What does not fit is refused, and what is there stays."""
    waiting = Waiting(3 * len(BODY % 1))
    taken = [waiting.hold(disk.stream, BODY % n, "logs") for n in range(5)]
    assert taken == [True, True, True, False, False]
    disk.take()
    waiting.drain(now=True)
    assert disk.numbers() == [0, 1, 2]


def test_a_forked_child_leaves_it_to_its_parent(disk: Disk) -> None:
    """Otherwise both would write it."""
    waiting = Waiting(1_000)
    waiting.hold(disk.stream, BODY % 1, "logs")
    waiting.reset_after_fork()
    assert (len(waiting), waiting.size_bytes) == (0, 0)


def blocked(exp: Experiment) -> Callable[[], None]:
    """Put a file where the folder of the metrics belongs; return what puts the folder back."""
    place = exp.folder / "metrics"
    place.rename(exp.folder / "away")
    place.touch()

    def unblock() -> None:
        place.unlink()
        (exp.folder / "away").rename(place)

    return unblock


def log(exp: Experiment, numbers: Iterable[int]) -> None:
    """Log one point for each number."""
    for n in numbers:
        exp.metrics("new").log(n=n)


def test_a_run_whose_disk_refuses(tmp_path: Path) -> None:
    """One warning at the first and the tenth; all is written when it can be; the ledger adds up."""
    exp = Experiment("o/p/n", dash_root=tmp_path)
    exp.run.start()
    unblock = blocked(exp)
    with pytest.warns(DataLossWarning, match="wait") as told:
        log(exp, range(12))
    assert len(told) == 2
    row = exp.ledger().streams["metrics"]
    assert (row.accepted, row.stored, row.waiting, row.refused) == (12, 0, 12, 0)
    unblock()
    exp.flush()
    exp.metrics("new").log(n=12)
    assert [p["data"]["n"] for p in exp.metrics("new").read()["data"]] == list(range(13))
    row = exp.ledger().streams["metrics"]
    assert (row.accepted, row.stored, row.waiting) == (13, 13, 0)
    exp.run.complete()


def test_what_memory_cannot_hold_is_refused_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never dropped unseen."""
    monkeypatch.setenv("ML_DASH_BACKLOG_MAX_BYTES", "0")
    exp = Experiment("o/p/n", dash_root=tmp_path)
    exp.run.start()
    unblock = blocked(exp)
    with pytest.warns(DataLossWarning, match="not kept"):
        exp.metrics("new").log(n=1)
    row = exp.ledger().streams["metrics"]
    assert (row.accepted, row.refused) == (0, 1)
    unblock()
    exp.metrics("new").log(n=2)
    assert exp.ledger().streams["metrics"].stored == 1
    exp.run.complete()


def test_a_record_without_room_does_not_overtake_or_stay_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk takes writes again, what waits goes first, then the record at hand."""
    monkeypatch.setenv("ML_DASH_BACKLOG_MAX_BYTES", "150")
    with Experiment("o/p/n", dash_root=tmp_path).run as exp:
        unblock = blocked(exp)
        with pytest.warns(DataLossWarning):
            log(exp, range(2))
        unblock()
        log(exp, range(2, 8))
        row = exp.ledger().streams["metrics"]
        assert (row.stored, row.waiting, row.refused) == (8, 0, 0)
        assert [p["data"]["n"] for p in exp.metrics("new").read()["data"]] == list(range(8))


def test_strict_raises_at_the_call(tmp_path: Path) -> None:
    """Nothing waits; the error names the path and is an OSError."""
    exp = Experiment("o/p/n", dash_root=tmp_path, error_mode="strict")
    exp.run.start()
    unblock = blocked(exp)
    with pytest.raises(LocalWriteError, match="metrics") as caught:
        exp.metrics("new").log(n=1)
    assert isinstance(caught.value, OSError)
    unblock()
    exp.metrics("new").log(n=2)
    assert exp.ledger().streams["metrics"].accepted == 1
    exp.run.complete()
