"""A run that is reopened after a document of it was damaged or removed, or a stream torn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.durability.reading import (
    RawRun,
    Tally,
    entry_numbers,
    log_numbers,
    point_numbers,
)
from tests.durability.running import Room

SNAPSHOTS = (
    "metrics/train/metadata.json", "tracks/pose/metadata.json", "logs/.log_sequence",
    "parameters.json", "files/.files_metadata.json", "experiment.json",
)
STREAMS = ("metrics/train/data.jsonl", "tracks/pose/data.jsonl", "logs/logs.jsonl")
N = 100


@dataclass
class Reopened:
    """A run after its damage and its second part."""

    run: RawRun
    tallies: dict[str, Tally]
    report: dict[str, Any]
    exit_code: int
    stderr: str


def damage(path: Path, how: str) -> None:
    """Spoil a file in one way."""
    if how == "removed":
        path.unlink(missing_ok=True)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: max(path.stat().st_size // 2, 0)])
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        path.write_bytes(b"\x00\xff not a document")


def tear(path: Path) -> None:
    """Add the first half of a line, as a loss of power leaves it."""
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines()[0][:17])


def measure(room: Room, name: str, how: str) -> Reopened:
    """Write half of a run, spoil one file, and write the other half."""
    room.finish("reopen", range=[0, N])
    run = room.run()
    if how == "torn":
        tear(run.folder / name)
    else:
        damage(run.folder / name, how)
    done = room.finish("reopen", range=[N, 2 * N])
    tallies = {
        "metric": Tally.of(range(2 * N), point_numbers(run.points())),
        "log": Tally.of(range(2 * N), log_numbers(run.logs())),
        "track": Tally.of(range(2 * N), entry_numbers(run.entries())),
        "param": Tally.of(["k0", f"k{N}"], run.params()),
        "file": Tally.of(["0.txt", f"{N}.txt"], [r["filename"] for r in run.files()]),
    }
    return Reopened(run, tallies, done.report, done.exit_code, done.stderr)
