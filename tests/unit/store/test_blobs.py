"""The bytes of stored files: copied, hashed, verified."""

from __future__ import annotations

import hashlib
import os
import threading
from io import FileIO
from pathlib import Path

import pytest

from ml_dash._store import blobs
from ml_dash.exceptions import ChecksumMismatchError, InvalidFileError, InvalidValueError


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, blobs.CHUNK_BYTES, blobs.CHUNK_BYTES + 7])
def test_a_copy_has_size_and_checksum_of_its_bytes(tmp_path: Path, size: int) -> None:
    """Empty files, whole chunks and parts of chunks arrive whole."""
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    blob = blobs.copy_in(tmp_path / "source", tmp_path / "target", durable=True)
    assert blob == blobs.Blob(size, sha256(data))
    assert (tmp_path / "target").read_bytes() == data
    assert blobs.checksum_of(tmp_path / "target") == blob.checksum
    assert (tmp_path / "source").stat().st_ino != (tmp_path / "target").stat().st_ino


def test_time_and_permissions_go_along(tmp_path: Path) -> None:
    """As with 0.6, a copy has the time of its source; a script can still be run."""
    source = tmp_path / "run.sh"
    source.write_text("true")
    source.chmod(0o750)
    os.utime(source, ns=(1, 1_234_567_890_123_456_789))
    blobs.copy_in(source, tmp_path / "in")
    with open(tmp_path / "in", "rb", buffering=0) as stored:
        blobs.copy_out(stored, tmp_path / "out", "")
    for name in ("in", "out"):
        status = (tmp_path / name).stat()
        assert status.st_mtime_ns == 1_234_567_890_123_456_789
        assert status.st_mode & 0o777 == 0o750


def test_a_source_that_changes_once_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is the content after the change, not a mixture of both."""
    source = tmp_path / "source"
    source.write_bytes(b"a" * 3000)
    real, calls = blobs._copy, []

    def copy_then_change(reading: FileIO, writing: FileIO | None) -> blobs.Blob:
        blob = real(reading, writing)
        if not calls:
            source.write_bytes(b"b" * 2000)
        calls.append(blob.size_bytes)
        return blob

    monkeypatch.setattr(blobs, "_clone", lambda *_: False)
    monkeypatch.setattr(blobs, "_copy", copy_then_change)
    blob = blobs.copy_in(source, tmp_path / "target")
    assert calls == [3000, 2000]
    assert (tmp_path / "target").read_bytes() == b"b" * 2000
    assert blob == blobs.Blob(2000, sha256(b"b" * 2000))


def test_a_source_that_never_rests_is_taken_as_copied(tmp_path: Path) -> None:
    """While another thread goes on writing, the checksum is that of the bytes in the store."""
    source = tmp_path / "source"
    source.write_bytes(b"0" * 4_000_000)
    done = threading.Event()

    def write_on() -> None:
        with open(source, "r+b", buffering=0) as file:
            while not done.is_set():
                file.seek(0)
                file.write(os.urandom(1000))
                file.seek(0, os.SEEK_END)
                file.write(b"more")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        blob = blobs.copy_in(source, tmp_path / "target")
    finally:
        done.set()
        writer.join()
    stored = (tmp_path / "target").read_bytes()
    assert blob == blobs.Blob(len(stored), sha256(stored))
    assert len(stored) >= 4_000_000


def test_a_source_removed_while_copied_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was open can be read to its end."""
    source = tmp_path / "source"
    source.write_bytes(b"still here")
    real = blobs._clone

    def remove_first(*given: FileIO) -> bool:
        source.unlink()
        return real(*given)

    monkeypatch.setattr(blobs, "_clone", remove_first)
    assert blobs.copy_in(source, tmp_path / "target").checksum == sha256(b"still here")


def test_a_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    """A full disk leaves no part of a copy, and the source as it was."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "source").write_bytes(b"x" * 100)
    with (
        open(tmp_path / "source", "rb", buffering=0) as reading,
        open("/dev/full", "wb", buffering=0) as writing,
        pytest.raises(OSError, match="space"),
    ):
        blobs._copy(reading, writing)
    os.mkfifo(tmp_path / "taken")
    with pytest.raises(FileExistsError):
        blobs.copy_in(tmp_path / "source", tmp_path / "taken")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source", "taken"]


def test_an_interrupted_copy_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle takes the part back."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "source").write_bytes(b"x")
    monkeypatch.setattr(blobs, "_take_over_facts", interrupt)
    with pytest.raises(KeyboardInterrupt):
        blobs.copy_in(tmp_path / "source", tmp_path / "target")
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_sources_that_cannot_be_stored(tmp_path: Path) -> None:
    """Each is refused in words of its own, as the builtins that 0.6 raised."""
    os.mkfifo(tmp_path / "fifo")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(blobs.MAX_BYTES + 1)
    for source, words in [
        (tmp_path / "none", "File not found"),
        (tmp_path / "huge" / "x", "File not found"),
        (tmp_path, "Path is not a file"),
        (tmp_path / "fifo", "Path is not a file"),
        (tmp_path / "huge", "100GB limit"),
        (tmp_path / ("n" * 300), "Cannot read"),
        ("", "empty"),
        ("a\0b", "No file has the name"),
    ]:
        with pytest.raises(InvalidFileError, match=words) as caught:
            blobs.check_source(source)
        assert isinstance(caught.value, ValueError)
    with pytest.raises(InvalidValueError, match="not by int"):
        blobs.check_source(3)  # type: ignore[arg-type]


def test_a_sparse_file_is_read_as_zeros(tmp_path: Path) -> None:
    """Holes count as what they read as."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(3_000_000)
    blob = blobs.copy_in(tmp_path / "sparse", tmp_path / "target")
    assert blob == blobs.Blob(3_000_000, sha256(bytes(3_000_000)))


@pytest.mark.parametrize("there", [True, False])
def test_damaged_bytes_never_reach_the_destination(tmp_path: Path, there: bool) -> None:
    """The old destination stays as it was, or missing; no temporary file stays either."""
    (tmp_path / "stored").write_bytes(b"damaged")
    destination = tmp_path / "destination"
    if there:
        destination.write_bytes(b"precious")
    with (
        open(tmp_path / "stored", "rb", buffering=0) as stored,
        pytest.raises(ChecksumMismatchError, match="Checksum verification failed") as caught,
    ):
        blobs.copy_out(stored, destination, sha256(b"accepted"))
    assert isinstance(caught.value, ValueError)
    assert caught.value.context["found"] == sha256(b"damaged")
    expected = ["destination", "stored"] if there else ["stored"]
    assert sorted(p.name for p in tmp_path.iterdir()) == expected
    if there:
        assert destination.read_bytes() == b"precious"
