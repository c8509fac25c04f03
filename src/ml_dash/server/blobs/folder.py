"""Bytes in a folder of this machine, or of a file system that several machines share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ml_dash._base.fsio import sync_folder
from ml_dash.server.blobs.places import Stored

BLOCK_BYTES = 1 << 20
_INCOMING = "incoming"
_SYNCS_AT_ONCE = 4


class Folder:
    """A place in a folder, which is made when it does not exist.

    Args:
        root: The folder. Nothing else may be in it.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / _INCOMING
        self.incoming.mkdir(parents=True, exist_ok=True)

    def adopt(self, source: Path, name: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        target = self.root / name
        self._make_folder(target.parent)
        os.replace(source, target)
        sync_folder(target.parent)

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        arriving = {name: self.incoming / uuid4().hex for name in contents}
        try:
            # Several at a time, so that they share what the file system does to be durable.
            with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
                list(pool.map(_write, arriving.values(), contents.values()))
                folders = {(self.root / name).parent for name in contents}
                for folder in folders:
                    self._make_folder(folder)
                for name, path in arriving.items():
                    os.replace(path, self.root / name)
                # Only now, so that each of them is synced once.
                list(pool.map(sync_folder, folders))
        except BaseException:
            for path in arriving.values():
                path.unlink(missing_ok=True)
            raise

    def look(self, name: str) -> Stored | None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        try:
            found = os.stat(self.root / name)
        except FileNotFoundError:
            return None
        return Stored(name, found.st_size, found.st_mtime)

    def read(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        # Opened here and not in the generator: once open, it can be read whatever happens to it.
        return _blocks(open(self.root / name, "rb", buffering=0), start, stop)

    def stored(self, prefix: str) -> Iterator[Stored]:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        folders = [prefix] if prefix else sorted(entry.name for entry in os.scandir(self.root))
        for folder in folders:
            if folder == _INCOMING and not prefix:
                continue
            with suppress(FileNotFoundError):  # a folder appears with its first object
                for entry in sorted(os.listdir(self.root / folder)):
                    found = self.look(f"{folder}/{entry}")
                    if found is not None:
                        yield found

    def move(self, name: str, new: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        target = self.root / new
        self._make_folder(target.parent)
        os.utime(self.root / name)
        os.replace(self.root / name, target)

    def remove(self, name: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with suppress(FileNotFoundError):
            os.unlink(self.root / name)

    def _make_folder(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            sync_folder(self.root)


def _write(path: Path, content: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(opened, left) :]
        os.fsync(opened)
    finally:
        os.close(opened)


def _blocks(opened: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with opened:
        opened.seek(start)
        left = stop - start
        while left > 0:
            block = opened.read(min(BLOCK_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block
