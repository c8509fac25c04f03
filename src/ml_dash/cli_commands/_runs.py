"""Finding the runs that a command is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ml_dash._arguments import DEFAULT_ROOT, spool_root
from ml_dash._delivery.target import TargetFolder, runs_below, targets_of

NOTHING: Final = "No run there is to be delivered to a server."


def roots_of(given: Sequence[Path]) -> list[Path]:
    """Return the folders to look in: those given, else the usual one and the spool."""
    if given:
        return list(given)
    return [root for root in (Path(DEFAULT_ROOT), spool_root()) if root.is_dir()]


def owing(given: Sequence[Path]) -> Iterator[tuple[Path, TargetFolder]]:
    """Yield each run that goes to a server, once for each server."""
    seen = set()
    for root in roots_of(given):
        for run in runs_below(root):
            if run.resolve() not in seen:
                seen.add(run.resolve())
                for folder in targets_of(run):
                    yield run, folder
