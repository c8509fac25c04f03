"""What nobody refers to goes, what somebody refers to stays, whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from ml_dash.server.blobs import BlobStore, check, collect, open_store
from ml_dash.server.blobs.places import Stored
from tests.server.blobs.test_store import objects, put

NOW = -1.0
"""An age that everything has."""


def nothing(_: Collection[str]) -> list[str]:
    """Say that nothing is referred to."""
    return []


def test_unreferenced_bytes_go_by_way_of_the_trash(blobs: BlobStore) -> None:
    """The first collection trashes them, still readable; the second removes them."""
    kept, dropped = put(blobs, b"kept").sha256, put(blobs, b"dropped").sha256
    first = collect(blobs, lambda _: [kept], NOW)
    assert (first.trashed, first.removed) == ([dropped], [])
    assert b"".join(blobs.read(dropped)) == b"dropped"
    second = collect(blobs, lambda _: [kept], NOW)
    assert (second.trashed, second.removed) == ([], [dropped])
    assert not blobs.exists(dropped)
    assert b"".join(blobs.read(kept)) == b"kept"


def test_young_bytes_stay(blobs: BlobStore) -> None:
    """What was uploaded lately may not have its reference yet."""
    digest = put(blobs, b"young").sha256
    assert collect(blobs, nothing, older_than_s=3600).trashed == []
    assert blobs.exists(digest)


def test_an_upload_during_a_collection_loses_nothing(blobs: BlobStore) -> None:
    """Equal bytes that arrive after the database was asked are readable, and come back."""
    digest = put(blobs, b"again").sha256

    def asked(_: Collection[str]) -> list[str]:
        assert put(blobs, b"again").sha256 == digest
        return []

    assert collect(blobs, asked, NOW).trashed == [digest]
    assert b"".join(blobs.read(digest)) == b"again"
    assert collect(blobs, lambda _: [digest], NOW).restored == [digest]
    assert objects(blobs) == [f"{digest[:2]}/{digest}"]


def test_an_upload_while_the_trash_is_emptied_loses_nothing(blobs: BlobStore) -> None:
    """Bytes that arrive while equal ones are removed from the trash stay."""
    digest = put(blobs, b"again").sha256
    collect(blobs, nothing, NOW)
    turns = []

    def asked(_: Collection[str]) -> list[str]:
        if not turns:  # the question about the trash
            turns.append(put(blobs, b"again"))
            return []
        return [digest]

    assert collect(blobs, asked, NOW).removed == [digest]
    assert b"".join(blobs.read(digest)) == b"again"


def test_two_collections_at_once_agree(blobs: BlobStore) -> None:
    """A collection within a collection takes what the outer one wanted to take, and no more."""
    digest = put(blobs, b"once").sha256
    inner = []

    def asked(_: Collection[str]) -> list[str]:
        if not inner:
            inner.append(collect(blobs, nothing, NOW))
        return []

    outer = collect(blobs, asked, NOW)
    assert sorted([*inner[0].trashed, *outer.trashed]) == [digest]
    assert blobs.exists(digest)


def test_a_reader_is_not_disturbed(tmp_path: Path) -> None:
    """Bytes trashed between a look and a read are read from the trash."""
    blobs = open_store(tmp_path / "files")
    digest = put(blobs, b"moving").sha256
    look = blobs.place.look

    def look_then_move(name: str) -> Stored | None:
        found = look(name)
        blobs.place.look = look  # type: ignore[method-assign]
        collect(blobs, nothing, NOW)
        return found

    blobs.place.look = look_then_move  # type: ignore[method-assign]
    assert b"".join(blobs.read(digest)) == b"moving"


def test_pieces_of_killed_uploads_are_swept(blobs: BlobStore) -> None:
    """An upload whose process was killed leaves a piece, which goes when it is old."""
    intake = blobs.intake()
    intake.write(b"abc")
    assert collect(blobs, nothing, older_than_s=3600).left_behind == 0
    assert collect(blobs, nothing, NOW).left_behind == 1
    with intake:
        pass
    assert objects(blobs) == []


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[BlobStore, list[str]]:
    """Return a store with bytes that are right, short, changed, and trashed; and their hashes."""
    blobs = open_store(tmp_path / "files")
    digests = [put(blobs, text).sha256 for text in (b"right", b"short", b"changed", b"trashed")]
    for digest, text in zip(digests[1:3], (b"shor", b"changeD"), strict=True):
        (tmp_path / "files" / digest[:2] / digest).write_bytes(text)
    collect(blobs, lambda _: digests[:3], NOW)
    return blobs, digests


def test_check_finds_what_is_missing_and_wrong(damaged: tuple[BlobStore, list[str]]) -> None:
    """Sizes are compared, and bytes if asked; what is in the trash is not missing."""
    blobs, digests = damaged
    sizes = dict(zip(digests, (5, 5, 7, 7), strict=True)) | {"0" * 64: 1}
    found = check(blobs, sizes)
    assert (found.missing, found.wrong, found.sound) == (["0" * 64], [digests[1]], False)
    assert (found.blobs, found.size_bytes) == (4, 5 + 4 + 7 + 7)
    deep = check(blobs, sizes, read_bytes=True)
    assert sorted(deep.wrong) == sorted(digests[1:3])


def test_check_of_a_sound_store(blobs: BlobStore) -> None:
    """All that is referred to is there; what is not is named."""
    first, second = put(blobs, b"1"), put(blobs, b"22")
    found = check(blobs, {first.sha256: 1}, read_bytes=True)
    assert found.sound
    assert found.unreferenced == [second.sha256]
    assert os.listdir(blobs.place.incoming) == []
