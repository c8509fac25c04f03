"""Cursors on disk, targets, leases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_dash._delivery.cursors import Cursor, CursorFile, InFlight
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.target import folder_of, runs_below, targets_of
from ml_dash.exceptions import CorruptDataError


def test_a_cursor_survives(tmp_path: Path) -> None:
    """What is saved is what is loaded, the batch in flight included."""
    file = CursorFile(tmp_path / "cursors", "metrics/\x00 träin/" + "x" * 300)
    assert file.load().number == 0
    cursor = Cursor("s", 10, 3, 2, 1, in_flight=InFlight(20, 4, "key", {"tags": ["a"]}, True))
    file.save(cursor)
    assert file.load() == cursor


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"name":"s"}', b'{"name":"s","number":3,"in_flight":null}']
)
def test_a_damaged_cursor_is_not_taken(tmp_path: Path, content: bytes) -> None:
    """A document that is no cursor, or whose account does not add up, stops its stream."""
    file = CursorFile(tmp_path, "s")
    file.path.write_bytes(content)
    with pytest.raises(CorruptDataError, match="ml-dash verify"):
        file.load()
    assert file.path.read_bytes() == content


def test_names_have_files_of_their_own(tmp_path: Path) -> None:
    """Names that differ only in what a file system drops or folds share no cursor."""
    names = ["a/b", "a-b", "A-B", "a-b ", "a", "x" * 50 + "1", "x" * 50 + "2"]
    assert len({CursorFile(tmp_path, name).path.name.casefold() for name in names}) == len(names)


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
