"""A folder that refuses writes: loud, typed, nothing torn, and over when the cause is over."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import pytest

from tests.durability.running import Room
from tests.durability.scenarios.disk import (
    CAUSES,
    KINDS,
    LATE,
    STREAM_OF,
    Cause,
    Outage,
    SmallDisk,
    measure,
    measure_cause,
    measure_full,
    measure_removed,
    run_folder,
    without_override,
)

STRICT = {"ML_DASH_ERROR_MODE": "strict"}
_MOST_WARNINGS = 10
"""Of one outage and kind: the 1st, 10th, 100th ... that waits, the same for what is refused."""


def assert_readable(outage: Outage) -> None:
    """Check that no reader met a torn line or document, in the outage or after it."""
    assert outage.during_bad_lines == []
    assert outage.during_early == 20
    assert outage.report["reading"]["error"] is None
    assert outage.report["reading"]["points"] == 20
    assert outage.run.bad_lines == []
    assert outage.run.bad_documents() == []
    assert outage.run.numbering_faults() == []


def assert_told(outage: Outage, path: Path, key: str = "told") -> None:
    """Check the warning and the log record: what, where, what is kept; neither often."""
    warned = outage.warned(key)
    assert warned, "no warning"
    assert len(warned) <= _MOST_WARNINGS * len(outage.report["refused"])
    assert str(path) in warned[0]
    assert "Kept:" in warned[0]
    assert re.search(r"\d+ records?", warned[-1])
    names = {name for w in outage.report[key]["warnings"] for name in w["types"]}
    assert "DataLossWarning" in names
    levels = {(r["name"], r["level"]) for r in outage.report[key]["records"]}
    assert ("ml_dash.store", "ERROR") in levels


def assert_stored_once(outage: Outage, kind: str) -> None:
    """Check that each accepted item is on disk once, and nothing that was refused."""
    tally = outage.tally(kind)
    assert (tally.lost, tally.twice) == (0, 0)
    assert len(outage.stored[kind]) == tally.accepted


def account(outage: Outage, kind: str, key: str = "ledger") -> dict[str, int]:
    """Return the ledger's row of one kind."""
    assert outage.report[key] is not None, "the run has no ledger"
    row: dict[str, int] = outage.report[key]["streams"][STREAM_OF[kind]]
    return row


# --- 1 MB, 20,000 items, then room again --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_loses_nothing(kind: str, room: Room, small_disk: SmallDisk) -> None:
    """20,000 items on 1 MB: warned of, kept in memory, and written when there is room."""
    outage = measure_full(room, small_disk, kind)

    assert outage.exit_code == 0, outage.stderr[-2000:]
    assert outage.report["first"] == outage.report["late"] == {}
    assert 0 < len(outage.during[kind]) < 20_000
    assert_told(outage, small_disk.folder)
    assert_readable(outage)
    assert_stored_once(outage, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ledger_equals_the_truth(kind: str, room: Room, small_disk: SmallDisk) -> None:
    """In the outage and after it the ledger says what is on disk and what waits."""
    outage = measure_full(room, small_disk, kind)

    early = 20 if kind == "metric" else 0
    stored = len(outage.during[kind]) + early
    assert account(outage, kind, "waited") == {
        "accepted": 20_000 + early, "stored": stored, "waiting": 20_000 + early - stored,
        "refused": 0}
    after = 20_000 + LATE + early
    assert account(outage, kind) == {
        "accepted": after, "stored": after, "waiting": 0, "refused": 0}
    assert outage.report["ledger"]["lost"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_memory_cannot_hold_is_refused_and_counted(
    kind: str, room: Room, small_disk: SmallDisk
) -> None:
    """With 100 kB for waiting records the rest is refused; the count is the true one."""
    outage = measure_full(room, small_disk, kind, env={"ML_DASH_BACKLOG_MAX_BYTES": "100000"})

    early = 20 if kind == "metric" else 0
    kept = len(outage.stored[kind])
    row = account(outage, kind)
    assert len(set(outage.stored[kind])) == kept < 20_000
    assert row == {"accepted": kept + early, "stored": kept + early, "waiting": 0,
                   "refused": 20_000 + LATE - kept}
    assert set(range(20_100, 20_110)) <= set(outage.stored[kind])
    assert outage.report["ledger"]["lost"] == 0
    assert_told(outage, small_disk.folder)
    assert_readable(outage)


@pytest.mark.parametrize("kind", KINDS)
def test_strict_mode_raises_at_the_call(kind: str, room: Room, small_disk: SmallDisk) -> None:
    """Each call that cannot be stored raises LocalWriteError; disk and calls agree exactly."""
    outage = measure_full(room, small_disk, kind, env=STRICT)

    error = outage.report["first"][kind]
    assert {"LocalWriteError", "DataLossError", "OSError"} <= set(error["types"])
    assert error["errno"] == errno.ENOSPC
    assert str(small_disk.folder) in error["text"]
    assert error["kept"]
    assert outage.report["late"] == {}
    assert_readable(outage)
    assert_stored_once(outage, kind)


def test_each_outage_is_told(room: Room, small_disk: SmallDisk) -> None:
    """A second full disk in the same process is warned of again, and loses nothing either."""
    outage = measure_full(
        room, small_disk, "metric", again=(small_disk.fill, small_disk.free))

    assert outage.exit_code == 0, outage.stderr[-2000:]
    assert len(outage.warned("told_again")) > len(outage.warned("told_at_all"))
    assert set(range(20_110, 20_210)) <= set(outage.stored["metric"])
    assert_readable(outage)


# --- every cause --------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_an_outage_of_any_cause_loses_nothing(
    cause: Cause, room: Room, small_disk: SmallDisk
) -> None:
    """1,000 items of each kind, to streams first used in the outage, are stored after it."""
    outage = measure_cause(room, small_disk, cause)

    assert outage.exit_code == 0, outage.stderr[-2000:]
    assert outage.report["first"] == outage.report["late"] == {}
    if cause.refuses_all:
        assert_told(outage, run_folder(small_disk.root))
    assert_readable(outage)
    for kind in KINDS:
        assert_stored_once(outage, kind)
        assert account(outage, kind)["waiting"] == account(outage, kind)["refused"] == 0


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_strict_mode_raises_for_any_cause(
    cause: Cause, room: Room, small_disk: SmallDisk
) -> None:
    """The typed error has the system's number, the path and what was kept."""
    outage = measure_cause(room, small_disk, cause, env=STRICT, n=100)

    assert outage.report["late"] == {}
    errors = outage.report["first"]
    assert set(errors) == set(KINDS) or not cause.refuses_all
    for kind in KINDS:
        assert_stored_once(outage, kind)
    for error in errors.values():
        assert {"LocalWriteError", "OSError"} <= set(error["types"])
        assert error["errno"] == cause.errno
        assert str(run_folder(small_disk.root)) in error["text"]
        assert error["kept"]
    assert_readable(outage)


@pytest.mark.parametrize("mode", ["strict", "default", "permissive"])
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_parameters_are_set_or_raise(
    cause: Cause, mode: str, room: Room, small_disk: SmallDisk
) -> None:
    """In every mode `params.set` is in force when it returns, or raises and changes nothing.

    On a full disk it has to raise. Elsewhere the library may reach a file that it holds open.
    """
    outage = measure_cause(room, small_disk, cause, env={"ML_DASH_ERROR_MODE": mode}, n=1)

    wanted: dict[str, Any] = {"first": 1, "second": 2}
    if outage.report["params"] is None and cause.errno != errno.ENOSPC:
        wanted["big"] = "x" * 200_000
    else:
        assert_typed(outage.report["params"], cause, "LocalWriteError")
    assert outage.during_params.items() >= {"first": 1, "second": 2}.items()
    assert outage.report["reading"]["params"] == wanted
    assert outage.report["late_params"] is None
    assert outage.run.params() == {**wanted, "third": 3}
    assert outage.run.bad_documents() == []


@pytest.mark.parametrize("mode", ["strict", "default", "permissive"])
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_a_file_is_stored_or_raises(
    cause: Cause, mode: str, room: Room, small_disk: SmallDisk
) -> None:
    """`upload` raises in every mode, keeps the user's source, and leaves no partial copy."""
    outage = measure_cause(room, small_disk, cause, env={"ML_DASH_ERROR_MODE": mode}, n=1)

    assert_typed(outage.report["upload"], cause, "FileUploadError", "LocalWriteError")
    assert (room.folder / "source.bin").read_bytes() == b"\x01weights" * 40_000
    assert outage.run.files() == []
    everything = [path for path in outage.run.folder.rglob("*") if path.is_file()]
    assert [path for path in everything if path.read_bytes()[:8] == b"\x01weights"] == []


def assert_typed(error: dict[str, Any] | None, cause: Cause, *names: str) -> None:
    """Check an error's class, its number, and that an old `except OSError` catches it."""
    assert error is not None, "no error"
    assert set(names) & set(error["types"])
    assert "OSError" in error["types"]
    assert error["errno"] == cause.errno


@pytest.mark.parametrize("cause", ["read-only folder", "permission lost"])
def test_opening_where_nothing_can_be_written_is_an_error(
    cause: str, room: Room, small_disk: SmallDisk
) -> None:
    """A run in a folder without write access cannot be opened, in any mode; the path is named."""
    small_disk.root.mkdir()
    wrapper: tuple[str, ...] = ()
    if cause == "read-only folder":
        small_disk.read_only(small_disk.root)
    else:
        small_disk.root.chmod(0o500)
        wrapper = without_override()

    done = room.finish("opening", root=small_disk.root, wrapper=wrapper)

    error = done.report["error"]
    assert error is not None
    assert {"MLDashError", "OSError"} <= set(error["types"])
    assert str(small_disk.root) in error["text"]


# --- the folder goes away -----------------------------------------------------------------------


def test_a_removed_folder_is_told_and_made_again(room: Room) -> None:
    """What is logged after the folder was removed is warned of and stored in a new folder."""
    outage = measure_removed(room)

    assert outage.exit_code == 0, outage.stderr[-2000:]
    assert outage.warned(), "no warning"
    assert str(run_folder(room.root)) in outage.warned()[0]
    for kind in KINDS:
        assert set(range(100, 1_110)) <= set(outage.stored[kind])
    assert outage.run.bad_lines == []


def test_a_removed_folder_raises_in_strict_mode(room: Room) -> None:
    """Strict mode raises LocalWriteError for the first record after the removal."""
    outage = measure_removed(room, env=STRICT, n=100)

    for kind in KINDS:
        error = outage.report["first"][kind]
        assert "LocalWriteError" in error["types"]
        assert error["errno"] == errno.ENOENT
        accepted = set(range(100, 210)) - set(outage.report["refused"][kind])
        assert accepted <= set(outage.stored[kind])


# --- descriptors --------------------------------------------------------------------------------


def test_more_names_than_descriptors(room: Room) -> None:
    """200 metrics and 200 tracks under a limit of 64 open files: all stored, nothing to tell."""
    done = room.finish("many_names", names=200, limit=64)

    run = room.run()
    assert done.exit_code == 0, done.stderr[-2000:]
    assert done.report["warnings"] == []
    for name in range(200):
        assert [p["data"]["n"] for p in run.points(f"m{name:03}")] == [0, 1, 2]
        assert [e["n"] for e in run.entries(f"t{name:03}")] == [0, 1, 2]
    assert run.bad_lines == []


def test_a_worker_that_never_meets_an_outage_warns_of_nothing(room: Room) -> None:
    """The same calls on a healthy disk warn of nothing and refuse nothing."""
    outage = measure(room, n=100)

    assert outage.warned("told_at_all") == []
    assert outage.report["params"] is None
    for kind in KINDS:
        assert_stored_once(outage, kind)
