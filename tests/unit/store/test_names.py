"""Names: safe, reversible directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._store import names as naming
from ml_dash._store.names import Names
from ml_dash.exceptions import PrefixError

ANY_TEXT = st.text(st.characters(), min_size=1, max_size=300)
AWKWARD = [
    "a/b", "a_b", "..", ".", ".hidden", "Train", "train", "TRAIN", "x" * 400, "X" * 400, "sp ace",
    "tab\t", "new\nline", "nul\0", "\ud800", "ünï/cödé", "50%", "50%25", "con:", "~back", "end.",
    "end ", "\\back", "日本語" * 60,
]  # fmt: skip


@given(ANY_TEXT)
def test_an_encoded_name_is_one_safe_component(name: str) -> None:
    """No separator, no NUL, no dot directory, and the name can be read back from it."""
    directory = naming.encode(name)
    assert "/" not in directory
    assert "\0" not in directory
    assert directory not in ("", ".", "..")
    assert not directory.startswith(".")
    assert naming.decode(directory) == name
    assert naming.decode(naming.encode_fully(name)) == name


def test_plain_names_are_their_own_directory() -> None:
    """What 0.6 could store stays where 0.6 stored it."""
    for name in ("train", "val loss", "eval-2", "Überprüfung", "None", "a.b"):
        assert naming.encode(name) == name


def test_awkward_names_get_directories_of_their_own(tmp_path: Path) -> None:
    """Names that differ only in case, or look like paths, never share a directory."""
    noted: dict[str, str] = {}
    names = Names(tmp_path, noted.get)
    chosen = {}
    for name in AWKWARD:
        directory = names.choose(name)
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "data.jsonl").touch()
        noted[directory] = name
        names.note(name, directory)
        chosen[name] = directory
    assert len({directory.casefold() for directory in chosen.values()}) == len(AWKWARD)
    assert all(len(os.fsencode(directory)) <= 255 for directory in chosen.values())
    fresh = Names(tmp_path, noted.get)
    assert {name: fresh.find(name) for name in AWKWARD} == chosen
    assert sorted(fresh.directories()) == sorted(chosen.values())


def test_a_missing_name_has_no_directory(tmp_path: Path) -> None:
    """Looking up changes nothing on disk."""
    assert Names(tmp_path / "metrics", lambda _: None).find("train") is None
    assert not (tmp_path / "metrics").exists()


def test_nested_directories_of_0_6_are_found(tmp_path: Path) -> None:
    """A metric that 0.6 stored in nested directories is read from there."""
    nested = tmp_path / "val" / "loss"
    nested.mkdir(parents=True)
    (nested / "data.jsonl").touch()
    assert Names(tmp_path, lambda _: None).find("val/loss") == "val/loss"


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    """A directory that is a link to elsewhere is not written to."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "train").symlink_to(tmp_path / "elsewhere")
    names = Names(tmp_path / "metrics", lambda _: None)
    with pytest.raises(PrefixError, match="symbolic link"):
        names.note("train", names.choose("train"))
