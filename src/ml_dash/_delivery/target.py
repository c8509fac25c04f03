"""Where a run is delivered to, noted in its folder so that any process can go on with it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from ml_dash._base import fsio
from ml_dash._base.clock import stamp
from ml_dash._base.ids import unique_id
from ml_dash._delivery.cursors import digest
from ml_dash.exceptions import CorruptDataError

DELIVERY: Final = ".ml-dash/delivery"
_TARGET: Final = "target.json"


@dataclass(frozen=True)
class Target:
    """A server, and what the run is there.

    Attributes:
        url: The server.
        run_key: First part of the run's idempotency keys; no other run has it.
        spool: Whether the folder is kept only until the server has everything.
        prefix: Where it goes there, when that is not its own prefix.
        skip: Kinds of streams that are not delivered.
        created_at: When delivery to this server was asked for first.
        run_id: The run's id on the server; empty until it is known.
        project_id: Its project's id there; empty until it is known.
        run_prefix: The run's own prefix when these notes were begun.
        home: Where the run's folder was then, or was moved to since.
        notes: Folder of the other notes, below this one; empty for this one itself.
    """

    url: str
    run_key: str
    spool: bool = False
    created_at: str = ""
    prefix: str = ""
    skip: tuple[str, ...] = ()
    run_id: str = ""
    project_id: str = ""
    run_prefix: str = ""
    home: str = ""
    notes: str = ""


class TargetFolder:
    """A run's folder of delivery to one server.

    Args:
        path: The folder; see :func:`folder_of`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target: Target | None = None

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.path.parents[len(Path(DELIVERY).parts)]

    @property
    def notes(self) -> Path:
        """Folder of what is noted of the records: cursors, what was refused, what is uploaded."""
        return self.path / self.target.notes

    @property
    def cursors(self) -> Path:
        """File of the cursors."""
        return self.notes / "cursors.jsonl"

    @property
    def target(self) -> Target:
        """What is noted.

        Raises:
            CorruptDataError: the note is damaged.
            OSError: it cannot be read.
        """
        if self._target is None:
            path = self.path / _TARGET
            self._target = _parsed(path, path.read_bytes())
        return self._target

    @property
    def is_made(self) -> bool:
        """Whether delivery to this server was asked for before."""
        return (self.path / _TARGET).exists()

    def make(
        self, url: str, *, spool: bool, prefix: str = "", run_prefix: str = ""
    ) -> Target:
        """Note where the run is delivered to; what is noted already is kept, but for ``skip``.

        Who asks for delivery asks for all of it: kinds that an upload has left out are owed again.

        Raises:
            CorruptDataError: the note is damaged.
            OSError: it cannot be written.
        """
        if not self.is_made:
            self.path.mkdir(parents=True, exist_ok=True)
            home, named = os.path.realpath(self.run), run_prefix.strip("/")
            made = Target(url, unique_id(), spool, stamp(), prefix, run_prefix=named, home=home)
            self._save(made)
        elif self.target.skip:
            self.note(skip=())
        return self.target

    def turn_to(self, run_prefix: str) -> None:
        """Note that the run has another prefix: another run on the server, with its own notes.

        Those of the run before are kept, and gone on with when it is turned to again.

        Raises:
            CorruptDataError: notes are damaged.
            OSError: they cannot be read or written.
        """
        before = self.target
        _write(self._parked(before.run_prefix), before)
        parked = self._parked(run_prefix)
        if parked.exists():
            self._save(_parsed(parked, parked.read_bytes()))
            return
        key, home = unique_id(), os.path.realpath(self.run)
        made = Target(before.url, key, before.spool, stamp(), run_prefix=run_prefix, home=home,
                      notes=f"of-{key}")  # fmt: skip
        (self.path / made.notes).mkdir()
        self._save(made)

    def _parked(self, run_prefix: str) -> Path:
        return self.path / f"target-of-{digest(run_prefix)}.json"

    def note(self, **changes: Any) -> None:
        """Change the note.

        Raises:
            OSError: it cannot be written.
        """
        changed = replace(self.target, **changes)
        if changed != self._target:
            self._save(changed)

    def forget(self) -> None:
        """Take the note back, as if delivery had never been asked for.

        Raises:
            OSError: it cannot be removed.
        """
        (self.path / _TARGET).unlink(missing_ok=True)

    def reload(self) -> None:
        """Read the note again when it is asked for."""
        self._target = None

    def _save(self, target: Target) -> None:
        _write(self.path / _TARGET, target)
        self._target = target


def folder_of(run: Path, url: str, prefix: str = "") -> TargetFolder:
    """Return the folder of delivery of a run to a server.

    Args:
        run: The run's folder.
        url: The server.
        prefix: Where it goes there, when that is not its own prefix.
    """
    return TargetFolder(run / DELIVERY / digest(f"{url}#{prefix}" if prefix else url))


def targets_of(run: Path) -> list[TargetFolder]:
    """Return the folders of delivery of a run, sorted by name."""
    return [TargetFolder(path.parent) for path in sorted((run / DELIVERY).glob(f"*/{_TARGET}"))]


def runs_below(root: Path) -> Iterator[Path]:
    """Yield the folders of runs below a root that are delivered somewhere, sorted."""
    for folder, names, _ in os.walk(root):
        names.sort()
        path = Path(folder)
        if (path / DELIVERY).is_dir():
            yield path
        # A run's own folders hold no other runs, except where a prefix lies below another.
        names[:] = [name for name in names if name != ".ml-dash"]


def _write(path: Path, target: Target) -> None:
    fsio.write_atomic(path, json.dumps(asdict(target), indent=2).encode())


def _parsed(path: Path, data: bytes) -> Target:
    try:
        found = json.loads(data)
        known = {each.name for each in fields(Target)}
        facts = {name: value for name, value in found.items() if name in known}
        return Target(**{**facts, "skip": tuple(facts.get("skip", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptDataError(
            f"{path}, which says where the run is delivered to, is damaged",
            context={"path": str(path)},
            kept="all records are in the run's folder",
            hint="Restore it, or remove it to deliver the run from its beginning",
            cause=error,
        ) from error
