"""Looking after stored bytes: taking away what nobody refers to, and checking the rest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

from ml_dash.server.blobs.partial import Partials
from ml_dash.server.blobs.places import Stored
from ml_dash.server.blobs.store import TRASH, BlobStore, digest_of, name_of

A_DAY_S = 86_400.0
_AT_ONCE = 500

Referenced = Callable[[Collection[str]], Collection[str]]
"""Returns those of some SHA-256 that are referred to, as the database says at that moment."""


@dataclass
class Collected:
    """What a collection did: SHA-256 of what went where.

    Attributes:
        trashed: Put into the trash; gone at the collection after next, unless referred to.
        removed: Gone for good.
        restored: Taken out of the trash, since it is referred to again.
        left_behind: Pieces of uploads that never ended, removed.
    """

    trashed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    left_behind: int = 0


@dataclass
class Checked:
    """What a check found.

    Attributes:
        missing: Referred to, and not there.
        wrong: There, with another size or, where bytes were read, other bytes.
        unreferenced: There, and not referred to; a collection takes care of them.
        blobs: How many are there.
        size_bytes: How many bytes they are.
        unfinished: How much has arrived of each file of which more is awaited, in bytes.
    """

    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unreferenced: list[str] = field(default_factory=list)
    blobs: int = 0
    size_bytes: int = 0
    unfinished: list[int] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether all that is referred to is there and right."""
        return not self.missing and not self.wrong


def collect(store: BlobStore, referenced: Referenced, older_than_s: float = A_DAY_S) -> Collected:
    """Take away what nobody refers to; safe while uploads go on, and in several processes.

    Bytes that nobody refers to are put into a trash when they are older than ``older_than_s``, and
    removed from there by a collection that comes at least ``older_than_s`` later and finds them
    still not referred to. An upload whose bytes are trashed before its reference is stored loses
    nothing: readers look into the trash, and the next collection takes the bytes out of it.

    Args:
        store: The bytes.
        referenced: Asks the database.
        older_than_s: Must be longer than the longest upload.

    Raises:
        OSError: the place cannot be used; nothing that is referred to was touched.
    """
    before_s = time.time() - older_than_s  # taken before the database is asked
    done = Collected()
    for old, kept in _split(store, TRASH, before_s, referenced):
        for each in old:
            _settle(store, each, digest_of(each.name) in kept, done)
    for old, kept in _split(store, "", before_s, referenced):
        for each in old:
            if digest_of(each.name) not in kept and _trash(store, each):
                done.trashed.append(digest_of(each.name))
    done.left_behind = _sweep(store, before_s)
    return done


def check(store: BlobStore, sizes: Mapping[str, int], *, read_bytes: bool = False) -> Checked:
    """Compare what is stored with what is referred to.

    Args:
        store: The bytes.
        sizes: How many bytes each SHA-256 that is referred to has.
        read_bytes: Also read every byte and compare its SHA-256.

    Raises:
        OSError: the place cannot be read.
    """
    done, seen = Checked(), set()
    for each in store.place.stored(""):
        digest = digest_of(each.name)
        if digest in sizes:
            seen.add(digest)
            if not _is_right(store, each, sizes[digest], read_bytes):
                done.wrong.append(digest)
        elif not each.name.startswith(f"{TRASH}/"):
            done.unreferenced.append(digest)
        done.blobs += 1
        done.size_bytes += each.size_bytes
    done.missing = sorted(set(sizes) - seen)
    done.unfinished = Partials(store.place).unfinished()
    return done


def _split(
    store: BlobStore, prefix: str, before_s: float, referenced: Referenced
) -> Iterator[tuple[list[Stored], Collection[str]]]:
    """Yield old objects, some at a time, and those of their digests that are referred to."""
    old = (
        each
        for each in store.place.stored(prefix)
        if each.changed_s < before_s and (prefix or not each.name.startswith(f"{TRASH}/"))
    )
    while some := list(islice(old, _AT_ONCE)):
        yield some, referenced(_digests(some))


def _digests(objects: Iterable[Stored]) -> set[str]:
    return {digest_of(each.name) for each in objects}


def _settle(store: BlobStore, trashed: Stored, wanted: bool, done: Collected) -> None:
    """Restore or remove an object of the trash. Its name is its own: no other can be meant."""
    digest = digest_of(trashed.name)
    if wanted and store.place.look(name_of(digest)) is None:
        store.place.move(trashed.name, name_of(digest))
        done.restored.append(digest)
    else:
        store.place.remove(trashed.name)
        done.removed.append(digest)


def _trash(store: BlobStore, each: Stored) -> bool:
    try:
        store.place.move(each.name, f"{TRASH}/{digest_of(each.name)}.{uuid4().hex}")
    except FileNotFoundError:  # another collection was faster
        return False
    return True


def _sweep(store: BlobStore, before_s: float) -> int:
    """Remove pieces of uploads whose process was killed; only what an intake has made is there."""
    pieces = [each for each in store.place.incoming.iterdir() if each.stat().st_mtime < before_s]
    for piece in pieces:
        piece.unlink(missing_ok=True)
    return len(pieces)


def _is_right(store: BlobStore, each: Stored, size_bytes: int, read_bytes: bool) -> bool:
    if each.size_bytes != size_bytes:
        return False
    if not read_bytes:
        return True
    found = hashlib.sha256()
    for block in store.read(digest_of(each.name)):
        found.update(block)
    return found.hexdigest() == digest_of(each.name)
