"""Measures what is lost: how processes end, kills, odd values, full disks, forks, files.

    python benchmarks/losses.py                                  # the ml-dash of this interpreter
    python benchmarks/losses.py --python OLD/bin/python          # and another one, side by side
    python benchmarks/losses.py --only ends,disk --python OLD/bin/python

The other interpreter needs nothing but the release of ml-dash to be measured, and numpy. Each
figure counts distinct items: a call returned, and the item is not in the folder. The scenarios and
worker scripts are those of ``tests/durability``. The disk part mounts a tmpfs, so it needs root.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.durability.reading import RawRun, Tally
from tests.durability.running import Room
from tests.durability.scenarios import (
    disk,
    ends,
    kills,
    processes,
    reopening,
    stored_files,
    values,
)

Row = tuple[str, Callable[[Room], str]]


def cell(tallies: dict[str, Tally], run: RawRun | None = None, more: str = "") -> str:
    """Put counts into a few words: lost by kind, what is there twice, what is unreadable."""
    lost = " / ".join(f"{tally.lost:,}" for tally in tallies.values())
    parts = [f"{lost} of {max((t.accepted for t in tallies.values()), default=0):,}"]
    twice = sum(tally.twice for tally in tallies.values())
    if twice:
        parts.append(f"{twice:,} twice")
    if run is not None:
        parts += [f"{len(run.bad_lines):,} bad lines"] if run.bad_lines else []
        parts += [f"unreadable: {', '.join(run.bad_documents())}"] if run.bad_documents() else []
        parts += run.numbering_faults()[:2]
    return "; ".join([*parts, more] if more else parts)


def end_rows() -> Iterator[Row]:
    """Section C.1: metric / log / track."""
    for end in ends.ENDS:

        def row(room: Room, end: ends.End = end) -> str:
            ended = ends.measure(room, end)
            return cell(ended.tallies, ended.run, f"exit {ended.exit_code}")

        yield end.name, row
    yield "normal close at 50 to 5,000 items/s", _rates


def _rates(room: Room) -> str:
    rooms = {rate: Room(room.folder / str(rate), room.python) for rate, _ in ends.RATES}
    results = ends.measure_rates(rooms)
    return ", ".join(f"{rate}/s: {ended.lost:,}" for rate, ended in results.items())


def kill_rows() -> Iterator[Row]:
    """`kill -9` of the group; only acknowledged records count."""
    for count in (1, 4):

        def row(room: Room, count: int = count) -> str:
            result = kills.measure(room, seed=1, runs=4, lives=7, processes=count)
            kinds = ", ".join(
                f"{kind} {result.lost[kind]:,}"
                for kind in ("metric", "log", "track", "merged", "param", "file")
            )
            return (
                f"{result.lost.total():,} of {result.acknowledged.total():,} ({kinds}); "
                f"{result.twice.total():,} twice; {len(result.faults):,} faults in all"
            )

        yield f"28 kills -9, {count} process{'es' if count > 1 else ''}", row


def value_rows() -> Iterator[Row]:
    """Section C.3: 105 expected, or 104 and an error at the call; metric / log / track / param."""
    names = values.TAKEN + values.EITHER + values.REFUSED
    results: dict[str, dict[tuple[str, str], values.Outcome]] = {}
    for name in names:

        def row(room: Room, name: str = name) -> str:
            if room.python not in results:
                results[room.python] = values.measure(room, names)
            return " / ".join(_value(results[room.python][name, kind]) for kind in values.KINDS)

        yield name, row


def _value(outcome: values.Outcome) -> str:
    marks = [str(len(outcome.kept_numbers))]
    marks += ["raised"] if outcome.errors else []
    marks += ["not JSON"] if outcome.bad_lines or outcome.bad_documents else []
    repeated = any(": 0 numbers repeated" not in fault for fault in outcome.numbering)
    marks += ["numbers twice"] if repeated else []
    return " ".join(marks)


def disk_rows() -> Iterator[Row]:
    """Section C.4: 1 MB, 20,000 items, then room again; other causes with 1,000 of each kind."""
    for kind in disk.KINDS:

        def row(room: Room, kind: str = kind) -> str:
            with small_disk() as small:
                return _outage(disk.measure_full(room, small, kind))

        yield f"1 MB disk, 20,000 items: {kind}", row
    for cause in disk.CAUSES:

        def cause_row(room: Room, cause: disk.Cause = cause) -> str:
            with small_disk() as small:
                outage = disk.measure_cause(room, small, cause)
                source = "" if (room.folder / "source.bin").exists() else "; source file deleted"
                early = sorted({"first", "second"} - outage.run.params().keys())
                return _outage(outage) + source + (f"; parameters gone: {early}" if early else "")

        yield f"{cause.name}, 1,000 of each kind, parameters, a file", cause_row
    yield (
        "folder removed under the run, 1,000 of each kind after it",
        (lambda room: _outage(disk.measure_removed(room))),
    )


class small_disk:  # noqa: N801 - used like a function
    """A mounted file system of 1 MB, for a block."""

    def __enter__(self) -> disk.SmallDisk:
        self._disk = disk.SmallDisk(Path(tempfile.mkdtemp(prefix="ml-dash-small-disk-")))
        self._disk.mount()
        return self._disk

    def __exit__(self, *_: object) -> None:
        self._disk.unmount()
        self._disk.folder.rmdir()


def _outage(outage: disk.Outage) -> str:
    kinds = list(outage.report["refused"])
    warnings = len(outage.warned("told_at_all"))
    return cell(
        {kind: outage.tally(kind) for kind in kinds},
        outage.run,
        f"{warnings}{'+' if warnings >= 200 else ''} warnings",
    )


def process_rows() -> Iterator[Row]:
    """Section C.5."""
    cases: dict[str, Callable[[Room], processes.Shared]] = {
        "2 threads, one metric": processes.threads_one_metric,
        "2 threads, logs": processes.threads_logs,
        "2 threads, 2,000 new metric names each": processes.threads_new_names,
        "2 threads, one topic, 200,000 each": lambda r: processes.threads_one_topic(r, 200_000),
        "2 processes, all kinds, 200 parameters each": processes.two_processes,
        "4 processes, one metric": processes.four_processes,
        "4 processes, the same new names": processes.same_new_names,
        "values buffered while summarised": processes.buffer_and_summarise,
        "50 records at a fork, both flush": processes.fork_both_flush,
        "150 forks while a thread logs": processes.many_forks,
        "failing echo": processes.broken_stdout,
        **{
            f"fork, child logs 1,000, {leave}": lambda r, leave=leave: processes.fork_child(
                r, leave
            )
            for leave in ("complete", "flush", "os_exit", "exit")
        },
        **{
            f"multiprocessing, {m}, 4 workers x 500": lambda r, m=m: processes.multiprocessing_pool(
                r, m
            )
            for m in ("fork", "spawn")
        },
    }
    for name, case in cases.items():

        def row(room: Room, case: Callable[[Room], processes.Shared] = case) -> str:
            shared = case(room)
            return cell(shared.tallies, shared.run)

        yield name, row
    yield "parameters: 2 writers, 1 reader", _params
    yield (
        "20,000 ids in parent and child",
        (lambda room: f"{processes.ids(room).facts['equal']:,} equal"),
    )


def _params(room: Room) -> str:
    shared = processes.params_written_and_read(room)
    facts = shared.facts
    return cell(shared.tallies, shared.run, f"{facts['empty']:,} of {facts['reads']:,} reads empty")


def file_rows() -> Iterator[Row]:
    """Section C.6, files: what is wrong."""
    yield "one path, three contents", _rewritten
    yield "source removed or changed after the call", _gone
    yield (
        "user's files below the temporary directory",
        (
            lambda room: (
                f"{2 - stored_files.measure(room, 'kept_sources').report['left']} of 2 deleted"
            )
        ),
    )
    yield "duplicates of 5 stored files", _duplicates
    yield "damaged index, one more upload", _spoilt


def _rewritten(room: Room) -> str:
    found = stored_files.contents(stored_files.measure(room, "rewritten"))
    right = sum(found.get(f"{n}.txt") == f"content {n}" * 1000 for n in range(3))
    return f"{3 - right} of 3 missing or wrong"


def _gone(room: Room) -> str:
    found = stored_files.contents(stored_files.measure(room, "gone"))
    wanted = {"removed.txt": "first", "changed.txt": "second", "replaced.txt": "third"}
    wrong = [name for name, text in wanted.items() if found.get(name) != text * 1000]
    return f"{len(wrong)} of 3 missing or wrong"


def _spoilt(room: Room) -> str:
    done = stored_files.measure(room, "spoilt_index", spoil="cut")
    return f"{6 - len(done.report['stored'])} of 6 files no longer listed"


def _duplicates(room: Room) -> str:
    done = stored_files.measure(room, "duplicates")
    copies = [f for f in done.report["stored"] if "copies" in f["path"] and not f["error"]]
    return f"{5 - len(copies)} of 5 failed or lost"


def reopening_rows() -> Iterator[Row]:
    """A damaged document or torn stream, then 100 more: metric / log / track / param / file."""
    damages = [(name, how) for name in reopening.SNAPSHOTS for how in ("cut", "removed")]
    for name, how in [*damages, *((name, "torn") for name in reopening.STREAMS)]:

        def row(room: Room, name: str = name, how: str = how) -> str:
            reopened = reopening.measure(room, name, how)
            return cell(reopened.tallies, reopened.run)

        yield f"{name} {how}", row


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "ends": end_rows,
    "kills": kill_rows,
    "values": value_rows,
    "disk": disk_rows,
    "processes": process_rows,
    "files": file_rows,
    "reopening": reopening_rows,
}


def version(python: str) -> str:
    """Return what is measured."""
    import subprocess

    code = "import importlib.metadata as m; print(m.version('ml-dash'))"
    answer = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return f"ml-dash {answer.stdout.strip()}"


def measure(row: Callable[[Room], str], python: str) -> str:
    """Measure one cell in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ml-dash-losses-"))
    try:
        return row(Room(folder, python))
    except (AssertionError, KeyError, IndexError) as error:
        return "did not finish: " + (str(error).strip().splitlines() or ["?"])[-1][-160:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Print one table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="an interpreter with another release; may be given again",
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--without-ours", action="store_true", help="measure only --python")
    chosen = parser.parse_args()
    pythons = [] if chosen.without_ours else [sys.executable]
    pythons += chosen.python
    for part in chosen.only.split(","):
        print(f"\n## {part}: {(PARTS[part].__doc__ or '').strip()}\n")
        print("| | " + " | ".join(version(python) for python in pythons) + " |")
        print("|---|" + "---|" * len(pythons))
        for name, row in PARTS[part]():
            cells = [measure(row, python) for python in pythons]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
