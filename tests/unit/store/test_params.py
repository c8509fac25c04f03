"""Parameters: the journal is the truth, the document a snapshot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ml_dash._base.clock import stamp
from ml_dash._store.journal import Journal
from ml_dash._store.params import ParamStore
from ml_dash.exceptions import CorruptDataError, SerializationError


def params(folder: Path) -> ParamStore:
    """Return the parameters of a run as a new process would see them."""
    return ParamStore(folder, Journal(folder / "journal.jsonl"))


def document(folder: Path) -> dict:
    """Return ``parameters.json``."""
    return json.loads((folder / "parameters.json").read_text())


def test_sets_are_merged_and_counted(tmp_path: Path) -> None:
    """Each set adds one to the version and keeps what was there."""
    store = params(tmp_path)
    assert store.read() is None
    store.set({"a": 1, "b": 1})
    store.set({"b": 2})
    assert params(tmp_path).read() == {"a": 1, "b": 2}
    assert document(tmp_path)["version"] == 2
    assert list(document(tmp_path)) == ["version", "data", "createdAt", "updatedAt"]


def test_the_creation_time_stays(tmp_path: Path) -> None:
    """Through later sets and later processes; 0.6 dropped it at the second."""
    params(tmp_path).set({"a": 1})
    created = document(tmp_path)["createdAt"]
    for number in range(2):
        params(tmp_path).set({"a": number})
    assert document(tmp_path)["createdAt"] == created < document(tmp_path)["updatedAt"]


def test_two_writers_keep_each_others_parameters(tmp_path: Path) -> None:
    """Writers that take turns merge."""
    first, second = params(tmp_path), params(tmp_path)
    for i in range(5):
        first.set({f"first.{i}": i})
        second.set({f"second.{i}": i})
    assert len(params(tmp_path).read() or {}) == 10
    assert document(tmp_path)["version"] == 10


@pytest.mark.parametrize("damage", ["", "{", "[]", None])
def test_a_damaged_or_missing_snapshot_is_made_again(tmp_path: Path, damage: str | None) -> None:
    """The journal has everything; the damaged file is kept aside."""
    params(tmp_path).set({"a": 1})
    path = tmp_path / "parameters.json"
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    store = params(tmp_path)
    assert store.read() == {"a": 1}
    store.set({"b": 2})
    assert document(tmp_path)["data"] == {"a": 1, "b": 2}
    assert len(list(tmp_path.glob("parameters.json.damaged-*"))) == (damage is not None)


def test_parameters_of_0_6_are_taken_over(tmp_path: Path) -> None:
    """A folder of 0.6 has no journal; its parameters are kept and noted."""
    (tmp_path / "parameters.json").write_text(
        '{"version": 3, "data": {"lr": NaN, "n": 1}, "updatedAt": "t"}')  # fmt: skip
    store = params(tmp_path)
    found = store.read()
    assert found is not None
    assert found["lr"] != found["lr"]
    store.set({"n": 2})
    assert document(tmp_path)["version"] == 4
    (tmp_path / "parameters.json").unlink()
    assert (params(tmp_path).read() or {})["n"] == 2


def test_what_0_6_wrote_in_between_is_taken_over(tmp_path: Path) -> None:
    """A snapshot that is ahead of the journal was written by 0.6."""
    params(tmp_path).set({"a": 1})
    later = {"version": 2, "data": {"a": 1, "old": True}, "updatedAt": stamp()}
    (tmp_path / "parameters.json").write_text(json.dumps(later))
    store = params(tmp_path)
    assert store.read() == {"a": 1, "old": True}
    store.set({"b": 2})
    (tmp_path / "parameters.json").unlink()
    assert params(tmp_path).read() == {"a": 1, "old": True, "b": 2}


def test_a_clock_that_goes_back_brings_no_old_value_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of ours that could not be replaced is not taken for a later one of 0.6."""
    store = params(tmp_path)
    store.set({"a": 1})
    monkeypatch.setattr("ml_dash._base.clock.time.time", lambda: 1e9)
    monkeypatch.setattr(os, "replace", _refuse)
    store.set({"a": 2})
    monkeypatch.undo()
    assert params(tmp_path).read() == {"a": 2}


def test_damage_that_nothing_replaces_is_an_error(tmp_path: Path) -> None:
    """Damaged parameters of 0.6 do not read as none."""
    (tmp_path / "parameters.json").write_text("{")
    with pytest.raises(CorruptDataError, match=r"parameters\.json"):
        params(tmp_path).read()


def test_a_bad_value_changes_nothing(tmp_path: Path) -> None:
    """What cannot be stored leaves journal and snapshot as they were."""
    params(tmp_path).set({"a": 1})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(SerializationError):
        params(tmp_path).set({"b": object()})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_snapshot_that_cannot_be_written_is_made_up_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The parameters are safe in the journal; flush writes the snapshot when it can."""
    store = params(tmp_path)
    store.set({"a": 1})
    real, os.replace = os.replace, _refuse
    try:
        store.set({"b": 2})
    finally:
        os.replace = real
    assert "journal holds" in caplog.text
    assert params(tmp_path).read() == {"a": 1, "b": 2}
    store.flush()
    assert document(tmp_path)["data"] == {"a": 1, "b": 2}


def _refuse(*_args: object) -> None:
    raise OSError(28, "No space left on device")
