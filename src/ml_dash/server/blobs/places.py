"""What a place for bytes must be able to do: a folder or a bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """An object in a place: its name, its size, and when it was written (s since the epoch)."""

    name: str
    size_bytes: int
    changed_s: float


class Place(Protocol):
    """A flat store of named bytes. Every method raises OSError when the place cannot be used."""

    @property
    def incoming(self) -> Path:
        """A folder on this machine where bytes are collected until they are known to be whole."""

    def adopt(self, source: Path, name: str) -> None:
        """Make a file of ``incoming`` an object, replacing one of that name; whole or not at all.

        When it returns, the object survives a power cut; ``source`` may still exist.
        """

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Make objects of bytes, replacing those of the same names; each whole or not at all.

        When it returns, all of them survive a power cut.
        """

    def look(self, name: str) -> Stored | None:
        """Return what is known of an object; None if there is none of that name."""

    def read(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """Open an object at once, and yield its bytes from ``start`` to before ``stop``.

        Raises:
            FileNotFoundError: there is none of that name.
        """

    def stored(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects whose names begin with a folder's name and a slash; all if empty."""

    def move(self, name: str, new: str) -> None:
        """Rename an object; it has been written now.

        Raises:
            FileNotFoundError: there is none of that name.
        """

    def remove(self, name: str) -> None:
        """Remove an object; that there is none is no error."""
