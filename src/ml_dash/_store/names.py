"""Names of metrics and tracks as directory names: safe, reversible, as in 0.6 where possible.

A plain name is its own directory, as in 0.6. Anything a file system could misread (a slash, a
control character, a leading dot) is percent-encoded; a name that differs from an existing one
only in case, or whose directory belongs to another name, is encoded byte by byte; one too long
for a directory gets a digest. Where the directory does not spell the name, the run's journal and
the directory's ``metadata.json`` do.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from ml_dash._store.reading import reading
from ml_dash.exceptions import PrefixError

_MAX_DIRECTORY_BYTES = 240
_UNSAFE = frozenset('/\\%:*?"<>|\x7f') | {chr(code) for code in range(32)}
UNNAMED = "None"
"""Directory of the metric without a name, as in 0.6."""


def encode(name: str) -> str:
    """Return the readable directory name: only what a file system could misread is encoded."""
    text = "".join(_percent(char) if char in _UNSAFE else char for char in name)
    if text.startswith((".", "~")):
        text = _percent(text[0]) + text[1:]
    if text.endswith((".", " ")):
        text = text[:-1] + _percent(text[-1])
    # A lone surrogate has no UTF-8 form and so no file name on most systems.
    return text if _is_utf8(text) else encode_fully(name)


def encode_fully(name: str) -> str:
    """Return the directory name in which every byte is encoded: unique whatever the case."""
    return "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass"))


def digest(name: str) -> str:
    """Return a directory name of bounded length; the name itself must be noted elsewhere."""
    data = name.encode("utf-8", "surrogatepass")
    start = "".join(char for char in name[:40] if char.isascii() and char.isalnum())
    return f"{start}%~{hashlib.sha256(data).hexdigest()}"


def decode(directory: str) -> str:
    """Return the name that a directory spells."""
    return unquote_to_bytes(directory).decode("utf-8", "surrogatepass")


def spells(directory: str, name: str) -> bool:
    """Tell whether the directory alone says the name."""
    return _MARK_OF_DIGEST not in directory and decode(directory) == name


_MARK_OF_DIGEST = "%~"


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _fold(directory: str) -> str:
    return unicodedata.normalize("NFC", directory).casefold()


class Names:
    """The directories of one kind of stream, and which name owns each.

    Args:
        folder: ``metrics`` or ``tracks`` of a run.
        owner_of: Returns the name noted for a directory (journal, ``metadata.json``), or None.
        legacy: The 0.6 directory of a name, preferred where it is free or already that name's.
    """

    def __init__(
        self,
        folder: Path,
        owner_of: Callable[[str], str | None],
        legacy: Callable[[str], str] = encode,
    ) -> None:
        self.folder = folder
        self._owner_of = owner_of
        self._legacy = legacy
        self._known: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._scanned = False

    def find(self, name: str) -> str | None:
        """Return the directory that holds a name, or None."""
        known = self._known.get(name)
        if known is None:
            known = next((c for c in self._candidates(name) if self._owns(c, name)), None)
            if known is not None:
                self.note(name, known)
        return known

    def choose(self, name: str) -> str:
        """Return the directory of a name: its own, or the first that is free.

        Raises:
            PrefixError: the directory is a symbolic link.
        """
        found = self.find(name)
        if found is not None:
            return found
        self._scan()
        # Another process may have made the name's own directory since the look above.
        return next(c for c in self._candidates(name) if self._is_free(c) or self._owns(c, name))

    def _is_free(self, directory: str) -> bool:
        return _fold(directory) not in self._taken and not os.path.lexists(self.folder / directory)

    def note(self, name: str, directory: str) -> None:
        """Remember that a directory belongs to a name."""
        path = self.folder / directory
        if path.is_symlink():
            raise PrefixError(
                f"{path} is a symbolic link; a run writes only to folders of its own",
                hint="Remove the link, or move the run to where it points",
                context={"path": str(path), "name": name},
            )
        self._known[name] = directory
        self._taken[_fold(directory)] = directory

    def directories(self) -> list[str]:
        """List all directories of this kind that hold data, nested ones of 0.6 included.

        Raises:
            FileReadError: one cannot be looked into; nothing is left out unseen.
        """
        found = []
        with reading(self.folder):
            for parent, folders, files in os.walk(self.folder, onerror=_raise_unless_missing):
                folders.sort()
                if {"data.jsonl", "metadata.json", ".pending.jsonl"} & set(files):
                    found.append(os.path.relpath(parent, self.folder))
        return [entry for entry in found if entry != "."]

    def _candidates(self, name: str) -> Iterator[str]:
        # 0.6 made nested directories when the parent happened to exist.
        if "/" in name and _stays_inside(name):
            if (self.folder / name / "data.jsonl").exists():
                yield name
        elif _stays_inside(name) and (self.folder / name).exists():
            yield name
        for candidate in (self._legacy(name), encode(name), encode_fully(name)):
            if len(candidate.encode("utf-8", "surrogatepass")) <= _MAX_DIRECTORY_BYTES:
                yield candidate
        yield digest(name)

    def _owns(self, directory: str, name: str) -> bool:
        if not (self.folder / directory).is_dir():
            return False
        self._taken.setdefault(_fold(directory), directory)
        if self._taken[_fold(directory)] != directory:
            return False
        owner = self._owner_of(directory)
        if owner is None:
            return spells(directory, name)
        return owner == name

    def _scan(self) -> None:
        # Once: what appears later is met by name. Listing for each new name would be quadratic.
        if not self._scanned and self.folder.is_dir():
            self._scanned = True
            for entry in os.listdir(self.folder):
                self._taken.setdefault(_fold(entry), entry)


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _stays_inside(name: str) -> bool:
    """Tell whether a name, taken as a path, is one that 0.6 can have stored below the folder."""
    if not _is_utf8(name) or "\0" in name:
        return False
    return all(
        part and not part.startswith(".") and len(part.encode()) <= _MAX_DIRECTORY_BYTES
        for part in name.split("/")
    )
