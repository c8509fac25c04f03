"""Whose notes of delivery these are: a run's folder may be a copy, or called otherwise than before.

What the notes say holds for the run that they were made for, in the folder where they were made.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from ml_dash._base.facts import about
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.target import TargetFolder
from ml_dash.exceptions import CorruptDataError, RunCopiedError

_log = logging.getLogger("ml_dash.delivery")


def renew(folder: TargetFolder, run_prefix: str) -> None:
    """Turn to a run's own notes if those in its folder are of a run with another prefix.

    Raises:
        CorruptDataError: the notes are damaged.
        OSError: they cannot be written.
    """
    target = folder.target
    run_prefix = run_prefix.strip("/")
    if target.prefix or target.run_prefix in ("", run_prefix):
        return
    lease = Lease(folder.path / "lock")
    if not lease.take():
        return  # whoever delivers it has it open, and so under the prefix that is noted
    try:
        folder.turn_to(run_prefix)
    finally:
        lease.give_back()
    _log.warning(
        "%s was delivered to %s as %s; it is %s now, another run there, which gets all of it",
        folder.run, target.url, target.run_prefix, run_prefix,
        extra=about("delivering", run=folder.run, url=target.url),
    )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a run's folder is, as its notes see it; both are None where they were made.

    Attributes:
        copy_of: The original, which is there.
        moved_from: Where it was before, and nothing of it is now.
    """

    copy_of: str | None = None
    moved_from: str | None = None


def place_of(folder: TargetFolder) -> Place:
    """Look whether the run's folder is a copy, or was moved.

    Raises:
        CorruptDataError: the notes are damaged.
        OSError: they cannot be read.
    """
    home = folder.target.home
    if home in ("", os.path.realpath(folder.run)):
        return Place()
    original = TargetFolder(Path(home) / folder.path.relative_to(folder.run))
    try:
        if original.path.samefile(folder.path):
            return Place()  # seen by two ways
        if original.target.run_key == folder.target.run_key:
            return Place(copy_of=home)
    except (FileNotFoundError, NotADirectoryError, CorruptDataError):
        pass  # what is there now is not this run
    return Place(moved_from=home)


def check_place(folder: TargetFolder) -> None:
    """See that the run's folder is no copy.

    Raises:
        RunCopiedError: it is a copy, and the original is there.
        CorruptDataError: the notes are damaged.
        OSError: they cannot be read.
    """
    original = place_of(folder).copy_of
    if original is not None:
        raise _copied(folder, original)


def settle_place(folder: TargetFolder) -> None:
    """Note where the run's folder is now, if it was moved.

    Raises:
        RunCopiedError: it is a copy, and the original is there.
        CorruptDataError: the notes are damaged.
        OSError: they cannot be written.
    """
    target, home = folder.target, os.path.realpath(folder.run)
    if target.home == home:
        return
    check_place(folder)
    folder.note(home=home)
    if target.home:
        _log.info(
            "The run's folder %s is at %s now, and is delivered from there", target.home, home,
            extra=about("delivering", run=home),
        )  # fmt: skip


def _copied(folder: TargetFolder, home: str) -> RunCopiedError:
    name = folder.target.prefix or folder.target.run_prefix
    return RunCopiedError(
        f"{folder.run} is a copy of {home}, from where {name} is delivered",
        context={"path": str(folder.run), "original": home, "url": folder.target.url},
        kept=f"everything is in {folder.run}; nothing of it is sent, as it would arrive twice",
        hint="Deliver the original. To deliver the copy instead, move the original away; to have "
        "it as a run of its own, open it under another prefix",
    )  # fmt: skip
