"""`kill -9` of the process group at random moments; the run is reopened after each."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.durability.reading import RawRun, entry_numbers, log_numbers, point_numbers
from tests.durability.running import TALKING, Room

LIFE_S = (0.0, 0.5)
"""Shortest and longest time from the start of the run's opening to the kill."""
_LIMIT = 60_000
_STREAMS = ("metric", "log", "track", "merged")


@dataclass
class Killed:
    """What several kills of one run left behind."""

    kills: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    missing: set[tuple[str, str, int]] = field(default_factory=set)
    """What was missing at any look: when, kind, number."""
    twice: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __iadd__(self, other: Killed) -> Killed:
        self.kills += other.kills
        self.acknowledged += other.acknowledged
        self.missing |= other.missing
        self.twice += other.twice
        self.faults += other.faults
        return self

    @property
    def lost(self) -> Counter[str]:
        """How many acknowledged records were missing at any look, by kind."""
        return Counter(kind for _, kind, _ in self.missing)


def measure(
    room: Room, *, seed: int, runs: int, lives: int, processes: int, at_once: int = 2
) -> Killed:
    """Kill ``runs`` runs ``lives`` times each, two at once."""
    rooms = [Room(room.folder / f"{processes}-{number}", room.python) for number in range(runs)]
    total = Killed()
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [
            pool.submit(_one_run, one, seed * 1000 + number, lives, processes)
            for number, one in enumerate(rooms)
        ]
        for job in jobs:
            total += job.result()
    return total


def _one_run(room: Room, seed: int, lives: int, processes: int) -> Killed:
    chosen = random.Random(seed)
    result = Killed()
    notes = room.folder / "notes"
    notes.mkdir(parents=True)
    for life in range(1, lives + 1):
        _live_and_die(room, notes, result, life=life, seed=seed * 100 + life,
                      processes=processes, delay_s=chosen.uniform(*LIFE_S))
        _look(room.run(), _noted(notes), result, f"seed {seed}, after kill {life}")
    _look_with_the_readers(room, _noted(notes), result, f"seed {seed}")
    return result


def _live_and_die(
    room: Room, notes: Path, result: Killed, *, life: int, seed: int, processes: int,
    delay_s: float,
) -> None:
    worker = room.start(
        "until_killed", life=life, seed=seed, processes=processes, notes=str(notes), limit=_LIMIT,
        popen=TALKING)
    for _ in range(processes):
        worker.hear()
    try:
        worker.process.wait(delay_s)
        words = worker.errors.read_text()[-1500:]
        result.faults.append(f"seed {seed}: ended before the kill: {words}")
    except subprocess.TimeoutExpired:
        result.kills += 1
    worker.end()
    # Its pipe is closed when the last process of the group is gone.
    assert worker.process.stdout is not None
    worker.process.stdout.read()
    worker.process.stdout.close()
    assert worker.process.stdin is not None
    worker.process.stdin.close()


def _noted(notes: Path) -> dict[str, set[int]]:
    """Return the acknowledged numbers by kind."""
    found: dict[str, set[int]] = {}
    for path in notes.iterdir():
        for line in path.read_text().splitlines():
            kind, number = line.split()
            if kind == "flush":
                continue
            found.setdefault(kind, set()).add(int(number))
    return found


def _shared_numbers(entries: list[dict[str, Any]]) -> list[int]:
    return [v for entry in entries for key, v in entry.items() if key.startswith("p")]


def _stored(run: RawRun) -> dict[str, list[Any]]:
    return {
        "metric": point_numbers(run.points()),
        "log": log_numbers(run.logs()),
        "track": entry_numbers(run.entries()),
        "merged": _shared_numbers(run.entries("shared")),
        "param": list(run.params().values()),
        "file": [int(r["filename"].partition(".")[0]) for r in run.files()],
    }


def _compare(stored: dict[str, list[Any]], noted: dict[str, set[int]], result: Killed,
             when: str, *, once: tuple[str, ...]) -> None:
    for kind, numbers in noted.items():
        found = Counter(stored.get(kind, []))
        lost = numbers - found.keys()
        twice = sum(count - 1 for count in found.values() if count > 1) if kind in once else 0
        result.missing |= {(when.partition(",")[0], kind, number) for number in lost}
        result.twice[kind] += twice
        if lost or twice:
            result.faults.append(f"{when}: {kind}: {len(lost)} lost, {twice} twice, "
                                 f"e.g. {sorted(lost)[:3]}")


def _look(run: RawRun, noted: dict[str, set[int]], result: Killed, when: str) -> None:
    """Look at the folder as the kill left it.

    Parameters and files have their documents only as snapshots; what counts for them is what the
    readers show, at the end. Of a track, an entry that a killed merge left in both of its files
    is for the reader to show once.
    """
    streams = {kind: numbers for kind, numbers in noted.items() if kind in _STREAMS}
    _compare(_stored(run), streams, result, when, once=("metric", "log"))
    for fault in (*run.bad_lines, *run.bad_documents(), *run.numbering_faults()):
        result.faults.append(f"{when}: {fault}")


def _look_with_the_readers(
    room: Room, noted: dict[str, set[int]], result: Killed, when: str
) -> None:
    """Reopen the run, add to it, and look through the public readers."""
    done = room.finish("end", how="close", n=20, kinds=["metric", "log", "track"])
    seen = room.finish("read_run", metrics=["train"], tracks=["pose", "shared"])
    if done.exit_code or seen.exit_code or seen.report.get("errors"):
        words = str(seen.report.get("errors", "")) + done.stderr[-800:] + seen.stderr[-800:]
        result.faults.append(f"{when}: reading failed: {words}")
    shown = seen.report.get("seen", {})
    run = room.run()
    stored = {
        "metric": point_numbers(shown.get("metric:train", [])),
        "log": log_numbers(run.logs()),
        "track": entry_numbers(shown.get("track:pose", [])),
        "merged": _shared_numbers(shown.get("track:shared", [])),
        "param": list(shown.get("params", {}).values()),
        "file": _whole_files(run, shown.get("files", []), result, when),
    }
    for kind, numbers in noted.items():
        result.acknowledged[kind] += len(numbers)
    after = {kind: set(range(20)) for kind in ("metric", "log", "track")}
    everything = {kind: noted.get(kind, set()) | after.get(kind, set())
                  for kind in (*_STREAMS, "param", "file")}
    _compare(stored, everything, result, f"{when}, reopened", once=tuple(everything))
    for fault in (*run.bad_lines, *run.bad_documents(), *run.numbering_faults()):
        result.faults.append(f"{when}, reopened: {fault}")


def _whole_files(
    run: RawRun, records: list[dict[str, Any]], result: Killed, when: str
) -> list[int]:
    """Return the numbers of the listed files whose content is what was saved."""
    numbers = []
    for record in records:
        number = int(record["filename"].partition(".")[0])
        path = run.content_path(record)
        if path.is_file() and path.read_text() == str(number) * 50:
            numbers.append(number)
        else:
            result.faults.append(f"{when}: the file {record['filename']} is not what was saved")
    return numbers
