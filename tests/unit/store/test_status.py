"""The run's document: who writes it, and how a run with several writers ends."""

from __future__ import annotations

import json
from pathlib import Path

from ml_dash._store.journal import Journal
from ml_dash._store.status import CANCELLED, COMPLETED, FAILED, RUNNING, RunDocument

GIVEN = {
    "name": "run", "project": "p", "prefix": "o/p/run", "description": None, "tags": None,
    "bindrs": None, "metadata": None, "write_protected": False,
}  # fmt: skip
BOOM = {"type": "ValueError", "message": "boom"}


def document(folder: Path) -> RunDocument:
    """Return the document as a process of its own would open it."""
    return RunDocument(folder, Journal(folder / ".ml-dash" / "journal.jsonl"))


def content(folder: Path) -> dict:
    """Return ``experiment.json``."""
    return json.loads((folder / "experiment.json").read_text())


def test_a_run_starts_and_ends(tmp_path: Path) -> None:
    """Status, start and end are in the document, after 0.6's keys."""
    run = document(tmp_path)
    run.open({**GIVEN, "tags": ["a"]})
    started = content(tmp_path)
    assert (started["status"], started["ended_at"], started["tags"]) == (RUNNING, None, ["a"])
    run.close(COMPLETED, None)
    ended = content(tmp_path)
    assert ended["status"] == COMPLETED
    assert ended["started_at"] <= ended["ended_at"]
    assert list(ended)[:9] == [
        "name", "project", "description", "tags", "bindrs", "prefix", "metadata", "created_at",
        "write_protected",
    ]  # fmt: skip


def test_the_last_writer_ends_the_run(tmp_path: Path) -> None:
    """While another writer is there the run goes on; one failure makes it failed."""
    first, second = document(tmp_path), document(tmp_path)
    first.open(GIVEN)
    second.open(GIVEN)
    first.close(FAILED, BOOM)
    assert content(tmp_path)["status"] == RUNNING
    second.close(COMPLETED, None)
    assert (content(tmp_path)["status"], content(tmp_path)["error"]) == (FAILED, BOOM)


def test_a_writer_that_vanished_does_not_keep_the_run_open(tmp_path: Path) -> None:
    """The lock of a killed process is gone with it."""
    vanished, other = document(tmp_path), document(tmp_path)
    vanished.open(GIVEN)
    other.open(GIVEN)
    vanished.detach_after_fork()
    other.close(COMPLETED, None)
    assert content(tmp_path)["status"] == COMPLETED


def test_a_new_session_starts_with_a_clean_slate(tmp_path: Path) -> None:
    """An earlier failure does not make a later session failed."""
    run = document(tmp_path)
    run.open(GIVEN)
    run.close(FAILED, BOOM)
    again = document(tmp_path)
    again.open(GIVEN)
    assert (content(tmp_path)["status"], content(tmp_path)["error"]) == (RUNNING, None)
    again.close(COMPLETED, None)
    assert content(tmp_path)["status"] == COMPLETED


def test_what_is_given_again_replaces_what_was_there(tmp_path: Path) -> None:
    """None leaves a field; an empty list replaces it, as in 0.6."""
    document(tmp_path).create({**GIVEN, "description": "first", "tags": ["a"]})
    document(tmp_path).create({**GIVEN, "tags": []})
    assert (content(tmp_path)["description"], content(tmp_path)["tags"]) == ("first", [])
    assert "updated_at" in content(tmp_path)


def test_a_damaged_document_is_made_again_from_the_journal(tmp_path: Path) -> None:
    """Description and creation time survive; the damaged file is kept."""
    first = document(tmp_path)
    first.open({**GIVEN, "description": "kept"})
    created = content(tmp_path)["created_at"]
    (tmp_path / "experiment.json").write_text('{"name": "ru')
    assert (document(tmp_path).read() or {})["description"] == "kept"
    again = document(tmp_path)
    again.open(GIVEN)
    assert (content(tmp_path)["description"], content(tmp_path)["created_at"]) == ("kept", created)
    assert list(tmp_path.glob("experiment.json.damaged-*"))


def test_a_signal_handler_needs_no_lock(tmp_path: Path) -> None:
    """The end is recorded although the interrupted code holds the journal."""
    run = document(tmp_path)
    run.open(GIVEN)
    with run._journal.transaction():
        run.close_in_signal_handler(CANCELLED, BOOM)
    assert content(tmp_path)["status"] == CANCELLED
