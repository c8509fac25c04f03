"""What an upload accepted is what is stored, and a user's file is never touched."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.reading import RawRun
from tests.durability.running import Finished, Room
from tests.durability.scenarios.stored_files import contents, measure

_BIG = 2 * 2**30
_MAY_GROW_KIB = 64 * 1024


def assert_sound(done: Finished, run: RawRun) -> None:
    """Check that every listed file is there whole, with its own checksum and size."""
    assert done.exit_code == 0, done.stderr[-2000:]
    assert done.report["warnings"] == []
    assert run.bad_documents() == []
    for record in run.files():
        content = run.content_path(record).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["checksum"]
        assert len(content) == record["sizeBytes"]
    for shown in done.report["stored"]:
        assert shown["error"] is None, shown
    assert len(done.report["stored"]) == len(run.files())


def test_a_path_rewritten_between_uploads(room: Room) -> None:
    """Three uploads of one path, rewritten between the calls, are three files with own content."""
    done = measure(room, "rewritten")

    assert_sound(done, room.run())
    assert contents(done) == {f"{n}.txt": f"content {n}" * 1000 for n in range(3)}
    checksums = [hashlib.sha256((f"content {n}" * 1000).encode()).hexdigest() for n in range(3)]
    assert [answer["checksum"] for answer in done.report["answers"]] == checksums


def test_a_source_that_goes_or_changes_after_the_call(room: Room) -> None:
    """Removing, rewriting in place or replacing the source afterwards changes nothing stored."""
    done = measure(room, "gone")

    assert_sound(done, room.run())
    assert contents(done) == {"removed.txt": "first" * 1000, "changed.txt": "second" * 1000,
                              "replaced.txt": "third" * 1000}


def test_a_users_file_is_never_deleted(room: Room) -> None:
    """Files below the system's temporary directory are still there after upload and close."""
    done = measure(room, "kept_sources")

    assert done.report["left"] == 2
    assert_sound(done, room.run())


def test_results_of_saving_can_be_duplicated(room: Room) -> None:
    """`duplicate` takes a listed record and the answer of every `save_*` and of `upload`."""
    done = measure(room, "duplicates")

    failed = {name: error for name, error in done.report["duplicated"].items() if error}
    assert failed == {}
    assert_sound(done, room.run())
    copies = {f["name"]: f["content"] for f in done.report["stored"] if "copies" in f["path"]}
    assert copies == {"text": "text", "json": '{\n  "a": 1\n}', "blob": "blob",
                      "upload": "source" * 100, "listed": "text"}


@pytest.mark.parametrize("spoil", ["cut", "removed"])
def test_a_spoilt_index_is_made_again(spoil: str, room: Room) -> None:
    """After the index was cut or removed, one more upload leaves all six files listed."""
    done = measure(room, "spoilt_index", spoil=spoil)

    assert sorted(contents(done)) == [f"{n}.txt" for n in range(6)]
    run = room.run()
    assert sorted(record["filename"] for record in run.files()) == [f"{n}.txt" for n in range(6)]
    assert run.bad_documents() == []
    if spoil == "cut":
        kept = [p.name for p in (run.folder / "files").iterdir() if p.name != ".files_metadata.json"
                and p.name.startswith(".files_metadata.json")]
        assert kept, "the damaged index was not kept aside"
        named = [r["text"] for r in done.report["records"] if ".files_metadata.json" in r["text"]]
        assert named, "no log line names the damaged index"


@pytest.fixture
def large_room(room: Room) -> Iterator[Room]:
    """Return a room that is emptied at once, not when pytest gets to it."""
    yield room
    shutil.rmtree(room.folder)


def test_memory_stays_flat_for_two_gibibytes(large_room: Room) -> None:
    """Uploading 2 GiB makes the process grow by less than 64 MiB, and the copy is whole."""
    done = measure(large_room, "large", size=_BIG)

    assert done.exit_code == 0, done.stderr[-2000:]
    run = large_room.run()
    record = next(r for r in run.files() if r["path"].strip("/") == "big")
    path = run.content_path(record)
    assert (path.stat().st_size, record["sizeBytes"]) == (_BIG, _BIG)
    with path.open("rb") as file:
        file.seek(_BIG // 2)
        assert file.read(13) == b"in the middle"
    assert record["checksum"] == checksum(large_room.folder / "source.bin")
    assert done.report["grown_kib"] < _MAY_GROW_KIB


def checksum(path: Path) -> str:
    """Return the SHA-256 of a large file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()
