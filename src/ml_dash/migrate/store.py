"""Folders that 0.6 has written: what is damaged in them, what of it can be mended, what is lost.

Each file is copied into the run's ``.ml-dash/backup-...`` before it is changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ml_dash._base import fsio
from ml_dash._base.clock import stamp
from ml_dash._store import layout
from ml_dash.exceptions import LocalWriteError, MLDashError
from ml_dash.migrate import damage
from ml_dash.migrate.damage import Damage
from ml_dash.upload import LocalRun, find_runs

BACKUP: Final = ".ml-dash/backup-"


@dataclass
class Checked:
    """A run's folder that was looked through.

    Attributes:
        folder: Where it is.
        found: What is damaged.
        mended: Which of it was mended.
        backup: Where the files are as they were; None when nothing was changed.
    """

    folder: Path
    found: list[Damage] = field(default_factory=list)
    mended: list[Damage] = field(default_factory=list)
    backup: Path | None = None

    @property
    def left(self) -> list[Damage]:
        """What is still damaged."""
        return [each for each in self.found if each not in self.mended]


def check_store(root: Path, *, mend: bool, numbers: bool = False) -> Iterator[Checked]:
    """Yield each run below a folder, looked through and, if told so, mended.

    Runs that 0.7 has written, or uploaded, are left alone: it mends them by itself, and what is
    noted of their delivery would no longer fit.

    Args:
        root: The folder; it may be a run itself.
        mend: Whether what can be mended is mended, after a copy was made.
        numbers: Whether a bare NaN is mended, too: 0.6 reads what is written instead as a text.

    Raises:
        FileReadError: there is no such folder.
        LocalWriteError: a file cannot be copied or written; the files before are mended.
    """
    for run in find_runs(root):
        checked = Checked(run.folder)
        if (run.folder / layout.JOURNAL).exists():
            yield checked
            continue
        seen = _sizes(run.folder)
        try:
            if not isinstance(run, LocalRun):
                checked.found += _of_document(root, run.folder, run.error)
            checked.found += damage.of_run(run.folder)
        except OSError as error:
            what = f"it cannot be read: {error.strerror or error}"
            checked.found.append(Damage("folder", Path(str(error.filename or run.folder)), what))
        if mend:
            backup = checked.folder / f"{BACKUP}{stamp().replace(':', '')}"
            if _mend(checked, seen, backup) and numbers:
                _mend_numbers(checked, backup)
        yield checked


def _sizes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of all files of a run, to see whether a program writes them."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            found[path] = status.st_size, status.st_mtime_ns
    return found


def _of_document(root: Path, folder: Path, error: MLDashError) -> list[Damage]:
    path = folder / layout.DOCUMENT
    if not path.exists():
        return [Damage("folder", folder, error.message)]
    return [Damage(
        "document", path, "it is damaged", made=_document_of(root, folder, path),
        lost="what cannot be read in it any more: description, tags, metadata",
    )]  # fmt: skip


def _document_of(root: Path, folder: Path, path: Path) -> bytes | None:
    """Return a document made of what can be read, and of where the run lies."""
    found = damage.readable_part(path.read_text("utf-8", "replace"))
    prefix = found.get("prefix") or "/".join(folder.relative_to(root).parts)
    parts = [part for part in str(prefix).split("/") if part]
    if len(parts) < 2:
        return None  # it cannot be told whose it is
    made = {
        "prefix": "/".join(parts),
        "name": parts[-1], "project": parts[1], "description": None, "tags": [], "bindrs": [],
        "metadata": None, "created_at": stamp(), "write_protected": False, **found,
    }  # fmt: skip
    return json.dumps(made, indent=2).encode()


def _mend_numbers(checked: Checked, backup: Path) -> None:
    """Mend bare numbers in what is whole by now."""
    for number, each in enumerate(checked.found):
        if each.kind == "numbers":
            checked.found[number] = replace(each, made=damage.without_bare_numbers(each.path))
    _write(checked, [each for each in checked.found if each.kind == "numbers"], backup)


def _mend(checked: Checked, seen: dict[Path, tuple[int, int]], backup: Path) -> bool:
    """Mend what can be mended, the numbers apart; return whether nobody writes the run."""
    if seen != _sizes(checked.folder):
        checked.found.append(Damage("folder", checked.folder, "a program writes it right now"))
        return False
    _write(checked, checked.found, backup)
    return True


def _write(checked: Checked, damages: list[Damage], backup: Path) -> None:
    for each in damages:
        if each.made is None:
            continue
        try:
            if each.path.exists():
                _keep(checked, each.path, backup)
            fsio.write_atomic(each.path, each.made)
        except OSError as error:
            raise LocalWriteError(
                f"Cannot mend {each.path}: {error.strerror or error}", cause=error,
                kept=f"the file as it was; what was mended before is in {backup}, too",
                hint="Make the folder writable", context={"path": str(each.path)},
            ) from error  # fmt: skip
        checked.mended.append(each)


def _keep(checked: Checked, path: Path, backup: Path) -> None:
    kept = backup / path.relative_to(checked.folder)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, kept)
    checked.backup = backup


def as_dict(checked: Checked) -> dict[str, Any]:
    """Return what was found as plain values."""
    return {
        "run": str(checked.folder), "backup": str(checked.backup) if checked.backup else None,
        "found": [{"kind": each.kind, "path": str(each.path), "what": each.what,
                   "lost": each.lost or None, "mendable": each.made is not None,
                   "mended": each in checked.mended} for each in checked.found],
    }  # fmt: skip


__all__ = ["Checked", "Damage", "as_dict", "check_store"]
