"""Cursors on disk, targets, leases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_dash._delivery.cursors import Cursor, Cursors, InFlight, digest
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.target import folder_of, runs_below, targets_of
from ml_dash.exceptions import CorruptDataError

NAME = "metrics/\x00 träin/" + "x" * 300


def test_cursors_survive(tmp_path: Path) -> None:
    """What is saved is what another process loads, the batch in flight included."""
    mine, other = Cursors(path_in(tmp_path)), Cursors(path_in(tmp_path))
    assert other.load(NAME) == Cursor(NAME)
    cursor = Cursor(NAME, 10, 3, 2, 1, in_flight=InFlight(20, 4, "key", {"tags": ["a"]}, True))
    mine.save([Cursor(NAME, 5, 1, 1), cursor, Cursor("logs", 7, 2, 2)])
    assert (other.load(NAME), other.load("logs").number) == (cursor, 2)
    mine.save([Cursor(NAME, 20, 7, 6, 1)])
    assert other.load(NAME) == mine.load(NAME) == Cursor(NAME, 20, 7, 6, 1)
    assert other.load("params") == Cursor("params")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"number":3}', b'{"name":"s","number":3,"in_flight":null}']
)
def test_damaged_cursors_are_not_taken(tmp_path: Path, content: bytes) -> None:
    """A line that is no cursor, or whose account does not add up, stops the run."""
    path = path_in(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b'{"name":"logs"}\n' + content + b"\n")
    with pytest.raises(CorruptDataError, match=r"Restore the file.*may arrive twice"):
        Cursors(path).load("logs")


def test_a_torn_line_is_no_cursor(tmp_path: Path) -> None:
    """What a killed writer left half written was not said yet, and goes before the next line."""
    path = path_in(tmp_path)
    cursors = Cursors(path)
    cursors.save([Cursor("logs", 7, 2, 2)])
    with path.open("ab") as file:
        file.write(b'{"name":"logs","off')
    assert Cursors(path).load("logs").offset == 7
    again = Cursors(path)
    again.save([Cursor("logs", 9, 3, 3)])
    assert Cursors(path).load("logs").offset == cursors.load("logs").offset == 9


def test_the_file_stays_small(tmp_path: Path) -> None:
    """Lines that count no more are dropped; a reader that knew the file before sees the new one."""
    path = path_in(tmp_path)
    mine, other = Cursors(path), Cursors(path)
    for number in range(3_000):
        mine.save([Cursor(name, number, number, number) for name in ("x" * 400, "logs", NAME)])
        if number == 500:
            assert other.load("logs").number == 500
    assert path.stat().st_size < 1.1 * 2**20
    assert other.load("logs").number == other.load("x" * 400).number == 2_999


def test_a_removed_file_is_written_whole(tmp_path: Path) -> None:
    """Who removes the file under a run that is delivered makes it forget nothing."""
    path = path_in(tmp_path)
    mine = Cursors(path)
    mine.save([Cursor("logs", 7, 2, 2)])
    path.unlink()
    mine.save([Cursor("params", 9, 3, 3)])
    assert (Cursors(path).load("logs").offset, Cursors(path).load("params").offset) == (7, 9)


def path_in(tmp_path: Path) -> Path:
    """Return where the cursors of a test are."""
    return tmp_path / "notes" / "cursors.jsonl"


def test_names_have_files_of_their_own() -> None:
    """Names that differ only in what a file system drops or folds share no file."""
    names = ["a/b", "a-b", "A-B", "a-b ", "a", "x" * 50 + "1", "x" * 50 + "2"]
    assert len({digest(name).casefold() for name in names}) == len(names)


def test_one_holds_the_lease(tmp_path: Path) -> None:
    """While one has it nobody else gets it; a forked child does not have its parent's."""
    first, second = Lease(tmp_path / "lock"), Lease(tmp_path / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    child = os.fork()
    if not child:
        os._exit(0 if not first.is_held and not second.take() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert not second.take()
    first.give_back()
    assert second.take()
    second.give_back()


def test_targets(tmp_path: Path) -> None:
    """A run can go to several servers; what is noted for one is kept, and found again."""
    run = tmp_path / "o" / "p" / "n"
    one, two = folder_of(run, "http://one"), folder_of(run, "http://two")
    made = one.make("http://one", spool=True)
    two.make("http://two", spool=False)
    one.note(run_id="7")
    again = folder_of(run, "http://one").make("http://one", spool=False)
    assert (again.run_id, again.run_key, again.spool) == ("7", made.run_key, True)
    assert {folder.target.url for folder in targets_of(run)} == {"http://one", "http://two"}
    assert list(runs_below(tmp_path)) == [run]
    assert list(runs_below(run)) == [run]
