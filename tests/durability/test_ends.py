"""However the process ends, what was accepted is there, once, and the run says how it ended."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.durability.reading import entry_numbers, point_numbers
from tests.durability.running import Room
from tests.durability.scenarios.ends import ENDS, RATES, End, Ended, measure, measure_rates

Measured = Callable[[End], Ended]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, interpreter: str) -> Measured:
    """Return a function that ends a process in one way, once, for all tests that look at it."""

    @functools.cache
    def run(end: End) -> Ended:
        return measure(Room(tmp_path_factory.mktemp("end"), interpreter), end)

    return run


def assert_nothing_lost(ended: Ended) -> None:
    """Compare the counts, and look at every line and document."""
    faults = {kind: t for kind, t in ended.tallies.items() if t.lost or t.twice}
    assert not faults, ended.stderr[-2000:]
    assert ended.run.bad_lines == []
    assert ended.run.bad_documents() == []
    assert ended.run.numbering_faults() == []


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_nothing_is_lost(end: End, measured: Measured) -> None:
    """Each of 10,000 points, logs and entries is stored, once, however the process ends."""
    assert_nothing_lost(measured(end))


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_the_exit_code_is_pythons(end: End, measured: Measured) -> None:
    """Recording the end changes nothing in what the shell sees of it."""
    ended = measured(end)

    assert ended.exit_code == end.exit_code, ended.stderr[-2000:]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.name)
def test_the_end_is_recorded(end: End, measured: Measured) -> None:
    """The run's document has its status, its times, and the exception that ended it."""
    document = measured(end).run.document("experiment.json")

    assert document is not None
    assert document.get("status") == end.status
    assert_times(document, still_running=end.status == "RUNNING")
    assert_error(document, end.error)


def assert_times(document: dict[str, Any], *, still_running: bool) -> None:
    """Check the start, and the end where there was one."""
    started = datetime.fromisoformat(document["started_at"].replace("Z", "+00:00"))
    if still_running:
        assert document.get("ended_at") is None
    else:
        ended = datetime.fromisoformat(document["ended_at"].replace("Z", "+00:00"))
        assert started <= ended


def assert_error(document: dict[str, Any], error: tuple[str, str] | None) -> None:
    """Check the exception that ended the run."""
    found = document.get("error")
    if error is None and document["status"] == "CANCELLED":
        assert found is None or found["type"] == "SIGTERM"
    elif error is None:
        assert found is None
    else:
        assert (found["type"], found["message"]) == error


@pytest.mark.parametrize("how", ["os_exit", "kill", "close"])
def test_the_readers_show_everything(how: str, room: Room) -> None:
    """After any end the public readers show every record once, in call order."""
    room.finish("end", how=how, n=3_000)

    seen = room.finish("read_run", metrics=["train"], tracks=["pose"])

    assert seen.report["errors"] == {}
    points = seen.report["seen"]["metric:train"]
    assert point_numbers(points) == list(range(3_000))
    assert [point["index"] for point in points] == list(range(3_000))
    assert entry_numbers(seen.report["seen"]["track:pose"]) == list(range(3_000))
    assert int(seen.report["seen"]["stats:train"]["totalDataPoints"]) == 3_000


def test_a_normal_end_leaves_one_sorted_line_per_entry(room: Room) -> None:
    """After close the track's own file holds every entry, in order of time."""
    room.finish("end", how="close", n=3_000, kinds=["track"])

    merged = room.run().merged_entries()

    assert entry_numbers(merged) == list(range(3_000))


def test_no_rate_loses_anything(room: Room) -> None:
    """From 50 to 5,000 items a second of each kind, a normal close keeps all of them."""
    rooms = {rate: Room(room.folder / str(rate), room.python) for rate, _ in RATES}

    results = measure_rates(rooms)

    for ended in results.values():
        assert ended.exit_code == 0, ended.stderr[-2000:]
        assert_nothing_lost(ended)


def test_completing_inside_the_block_is_no_error(room: Room) -> None:
    """A run that its own block completed is closed once and loses nothing."""
    end = End("complete inside", "complete_twice", 0, "COMPLETED", n=500)

    ended = measure(room, end)

    assert_nothing_lost(ended)
    assert ended.exit_code == 0
    assert (ended.run.document("experiment.json") or {}).get("status") == "COMPLETED"


def test_handles_kept_after_close_refuse(room: Room) -> None:
    """A metric, log, track, file or parameter handle of a closed run raises, and writes nothing."""
    done = room.finish("end", how="kept_handles:started", n=10)

    late = done.report["late"]
    assert set(late) == {"metric", "track", "log", "exp.log", "file", "params"}
    for name, error in late.items():
        assert error is not None, f"{name} was taken after close"
        assert {"NotOpenError", "RuntimeError"} <= set(error["types"]), name
    assert len(room.run().points()) == len(room.run().logs()) == len(room.run().entries()) == 10
    assert room.run().files() == []


def test_values_never_summarised_are_told(room: Room) -> None:
    """Closing with 1,000 buffered and 1,000 cached values summarises them or says they are lost."""
    done = room.finish("end", how="unsummarised:started", n=1)

    stored = {name for name, _ in room.run().metrics()}
    told = " ".join(w["text"] for w in done.report["warnings"] if "DataLossWarning" in w["types"])
    for name in ("buffered", "cached"):
        assert name in stored or ("1000" in told.replace(",", "") and name in told)
