"""Bytes of files: stored whole under their hash or not at all, read in any part."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_dash.exceptions import (
    ChecksumMismatchError,
    ConfigurationError,
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidValueError,
)
from ml_dash.server.blobs import Blob, BlobStore, open_store


def put(blobs: BlobStore, *blocks: bytes) -> Blob:
    """Store some blocks as one blob."""
    with blobs.intake() as intake:
        for block in blocks:
            intake.write(block)
        return intake.commit()


def objects(blobs: BlobStore) -> list[str]:
    """Return the names of all that is stored, and of what is on its way in."""
    return [each.name for each in blobs.place.stored("")] + [
        each.name for each in blobs.place.incoming.iterdir()
    ]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=50), max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_bytes_come_back_whole_and_in_part(
    blobs: BlobStore, blocks: list[bytes], start: int, stop: int
) -> None:
    """Whatever the bytes and the range, what is read is that part of what was stored."""
    content = b"".join(blocks)
    blob = put(blobs, *blocks)
    assert blob == Blob(hashlib.sha256(content).hexdigest(), len(content))
    assert blobs.size(blob.sha256) == len(content)
    assert b"".join(blobs.read(blob.sha256)) == content
    assert b"".join(blobs.read(blob.sha256, start, stop)) == content[start:stop]


def test_equal_bytes_are_stored_once(blobs: BlobStore) -> None:
    """Eight uploads of the same bytes at once end in one object."""
    threads = [threading.Thread(target=put, args=(blobs, b"a" * 100_000, b"b")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digest = hashlib.sha256(b"a" * 100_000 + b"b").hexdigest()
    assert objects(blobs) == [f"{digest[:2]}/{digest}"]


@pytest.mark.parametrize("announced", [{"sha256": "0" * 64}, {"size_bytes": 4}])
def test_what_is_not_what_was_announced_is_not_stored(
    blobs: BlobStore, announced: dict[str, str | int]
) -> None:
    """Another hash or size than announced is an error, and nothing is left behind."""
    with blobs.intake() as intake:
        intake.write(b"abc")
        with pytest.raises(ChecksumMismatchError, match="nothing was stored"):
            intake.commit(**announced)  # type: ignore[arg-type]
    assert objects(blobs) == []


def test_what_was_announced_right_is_stored(blobs: BlobStore) -> None:
    """Hash, in any case, and size may be announced."""
    digest = hashlib.sha256(b"abc").hexdigest()
    with blobs.intake() as intake:
        intake.write(b"abc")
        assert intake.commit(digest.upper(), 3).sha256 == digest
    assert blobs.exists(digest)


def test_an_upload_that_ends_early_leaves_nothing(blobs: BlobStore) -> None:
    """Without a commit nothing is stored."""
    with blobs.intake() as intake:
        intake.write(b"abc")
    assert objects(blobs) == []


def test_what_does_not_exist_is_told(blobs: BlobStore) -> None:
    """Reading what is not there says so at once; what is no hash never becomes a path."""
    assert not blobs.exists("f" * 64)
    with pytest.raises(ExperimentFileNotFoundError):
        blobs.read("f" * 64)
    for bad in ("../" * 10, "F" * 64, "f" * 63, "f" * 64 + "\n"):
        with pytest.raises(InvalidValueError):
            blobs.read(bad)


def test_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    """A folder that went away is an error that says where the data is."""
    blobs = open_store(tmp_path / "files")
    blobs.place.incoming.rmdir()
    with pytest.raises(FileUploadError, match="sender's file"):
        blobs.intake()


def test_a_bucket_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str
) -> None:
    """A bucket that does not exist is an error for uploads and for reads, not an empty store."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    blobs = open_store(f"s3://nowhere?endpoint={s3_server}&region=us-east-1", tmp_path)
    with blobs.intake() as intake:
        intake.write(b"abc")
        with pytest.raises(FileUploadError):
            intake.commit()
    with pytest.raises(FileReadError, match="does not exist"):
        blobs.exists("f" * 64)


@pytest.mark.parametrize("where", ["ftp://host/x", "s3://", "s3://bucket?colour=red"])
def test_other_places_are_refused(where: str) -> None:
    """What is no folder and no bucket is refused with what it could be."""
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        open_store(where)


def test_many_bytes_are_stored_at_once(blobs: BlobStore) -> None:
    """Each is there under its hash, also one that was there before; nothing else is left."""
    every = {hashlib.sha256(each).hexdigest(): each for each in (b"", b"a" * 70_000, b"b", b"c")}
    put(blobs, b"b")
    blobs.store_all(every)
    assert {digest: b"".join(blobs.read(digest)) for digest in every} == every
    assert sorted(objects(blobs)) == sorted(f"{digest[:2]}/{digest}" for digest in every)


def test_many_bytes_for_which_there_is_no_room(tmp_path: Path) -> None:
    """One that cannot be written is an error, and of those on their way nothing is left behind."""
    blobs = open_store(tmp_path / "files")
    every = {hashlib.sha256(each).hexdigest(): each for each in (b"a", b"b", b"c")}
    blocked = blobs.place.incoming.parent / min(every)[:2]
    blocked.write_bytes(b"no folder")
    with pytest.raises(FileUploadError, match="could not be stored"):
        blobs.store_all(every)
    assert list(blobs.place.incoming.iterdir()) == []
