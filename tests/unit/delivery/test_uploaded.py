"""Notes of which file is which node of the server."""

from __future__ import annotations

from pathlib import Path

from ml_dash._delivery.uploaded import Uploaded


def record(file_id: str, at: str = "2026-01-01T00:00:00Z") -> dict[str, str]:
    """Return what the journal says of a file."""
    return {"id": file_id, "updatedAt": at}


def test_notes_are_read_again(tmp_path: Path) -> None:
    """Another object knows what was noted; a line that is not whole is no note."""
    noted = Uploaded(tmp_path / "notes")
    noted.note([(record("a"), "n1"), (record("b"), "n2")])
    noted.note([])
    noted.close()
    with (tmp_path / "notes").open("ab") as file:
        file.write(b'{"id":"c","node":"n3"')
    again = Uploaded(tmp_path / "notes")
    assert [again.node(each) for each in "abc"] == ["n1", "n2", None]
    assert again.is_told(record("a"))
    assert not again.is_told(record("a", "2026-02-02T00:00:00Z"))


def test_a_node_belongs_to_the_file_that_came_last(tmp_path: Path) -> None:
    """A file in the place of another one has its node, after a restart as before it."""
    noted = Uploaded(tmp_path / "notes")
    noted.note([(record("old"), "n1"), (record("other"), "n2")])
    assert noted.owns("old")
    noted.note([(record("new"), "n1")])
    for each in (noted, Uploaded(tmp_path / "notes")):
        assert [each.owns(name) for name in ("old", "new", "other", "none")] == [
            False, True, True, False,
        ]  # fmt: skip


def test_notes_of_earlier_releases_are_read(tmp_path: Path) -> None:
    """They do not say when a file was changed: it is told of again."""
    (tmp_path / "notes").write_bytes(b'{"id":"a","node":"n1"}\n')
    noted = Uploaded(tmp_path / "notes")
    assert noted.node("a") == "n1"
    assert noted.owns("a")
    assert not noted.is_told(record("a"))


def test_what_is_told_of_many_files_is_forgotten(tmp_path: Path) -> None:
    """Of the newest it is known, as they may come again; nodes are known of all."""
    noted = Uploaded(tmp_path / "notes")
    for start in range(0, 5000, 200):
        noted.note((record(str(n)), f"n{n}") for n in range(start, start + 200))
    assert not noted.is_told(record("0"))
    assert all(noted.is_told(record(str(n))) for n in range(4800, 5000))
    assert noted.node("0") == "n0"
