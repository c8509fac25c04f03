"""Measure one installed ml-dash against the floor, in this process; print JSON.

Run by ``speed.py``, once with ours and once with an old release. Uses only what both have.
"""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from ml_dash import Experiment

CALLS = 100_000
NAMES = 1_000
POINT = {"loss": 0.123456, "accuracy": 0.91, "lr": 1e-3, "step": 17}


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int = 40) -> dict[str, Any]:
    """Time calls in turns, so that a busy moment of the machine meets all of them alike.

    Returns:
        For each call p50 and p99 in microseconds and the total in seconds.
    """
    clock = time.perf_counter_ns
    times: dict[str, list[int]] = {name: [] for name in calls}
    gc.collect()
    for _ in range(rounds):
        for name, call in calls.items():
            record = times[name].append
            for _ in range(CALLS // rounds):
                start = clock()
                call()
                record(clock() - start)
    found = {}
    for name, each in times.items():
        each.sort()
        found[name] = {
            "p50_us": each[len(each) // 2] / 1e3,
            "p99_us": each[len(each) * 99 // 100] / 1e3,
            "total_s": sum(each) / 1e9,
        }
    return found


def floor_call(folder: Path) -> Callable[[], Any]:
    """The least that a kill-safe record costs: encode it and write it to an O_APPEND file."""
    fd = os.open(folder / "floor.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    record = {"index": 12345, "data": POINT, "createdAt": "2026-01-31T12:00:00.123456Z"}
    dumps, write, option = orjson.dumps, os.write, orjson.OPT_APPEND_NEWLINE
    return lambda: write(fd, dumps(record, option=option))


def started(folder: Path, name: str) -> Experiment:
    """Return an open local experiment."""
    experiment = Experiment(f"bench/speed/{name}", dash_root=str(folder))
    experiment.run.start()
    return experiment


def calls(folder: Path) -> dict[str, Any]:
    """One metric, a thousand metrics round-robin, and the floor, in turns."""
    one, many = started(folder, "one"), started(folder, "names")
    metrics = [many.metrics(f"metric-{i:04d}") for i in range(NAMES)]
    for metric in metrics:
        metric.log(**POINT)
    turn = itertools.cycle(metrics)
    found = interleaved(
        {
            "floor": floor_call(folder),
            "one": lambda: one.metrics("train").log(loss=0.123456, accuracy=0.91, lr=1e-3, step=17),
            "names": lambda: next(turn).log(loss=0.123456, accuracy=0.91, lr=1e-3, step=17),
        }
    )
    found["names"]["descriptors"] = float(len(os.listdir("/proc/self/fd")))
    one.run.complete()
    many.run.complete()
    return found


def totals(folder: Path) -> dict[str, float]:
    """All calls of a short run with its close, and as many of the floor; the best of three."""
    floor = floor_call(folder)
    best = {"floor_s": float("inf"), "with_close_s": float("inf")}
    for attempt in range(3):
        began = time.perf_counter()
        for _ in range(CALLS):
            floor()
        best["floor_s"] = min(best["floor_s"], time.perf_counter() - began)
        experiment = started(folder, f"total{attempt}")
        metric = experiment.metrics("train")
        began = time.perf_counter()
        for step in range(CALLS):
            metric.log(loss=0.123456, accuracy=0.91, lr=1e-3, step=step)
        experiment.run.complete()
        best["with_close_s"] = min(best["with_close_s"], time.perf_counter() - began)
    return best


def resident_mib() -> float:
    """Return this process's resident memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


def million(folder: Path) -> dict[str, float]:
    """A million points: memory, then reading a window near the end against reading all."""
    experiment = started(folder, "million")
    metric = experiment.metrics("train")
    for _ in range(1000):
        metric.log(**POINT)
    before = resident_mib()
    for _ in range(999_000):
        metric.log(**POINT)
    grown = resident_mib() - before
    experiment.flush()
    began = time.perf_counter()
    everything = metric.read(0, 1_000_000)["data"]
    all_s = time.perf_counter() - began
    count = len(everything)
    del everything
    times = []
    for _ in range(3):
        began = time.perf_counter()
        window = metric.read(900_000, 1_000)["data"]
        times.append(time.perf_counter() - began)
    experiment.run.complete()
    return {
        "rss_growth_mib": grown, "points": count, "read_all_s": all_s, "window": len(window),
        "window_first_s": times[0], "window_again_s": min(times[1:]),
    }  # fmt: skip


def imports() -> dict[str, Any]:
    """Import in fresh interpreters: time over bare Python, and what comes along."""

    def best(code: str) -> float:
        runs = []
        for _ in range(7):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            runs.append(time.perf_counter() - began)
        return min(runs)

    watched = ["httpx", "rich", "numpy", "params_proto", "pydantic"]
    code = f"import ml_dash, sys; print([m for m in {watched} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return {"bare_s": best("pass"), "import_s": best("import ml_dash"),
            "loaded": loaded.stdout.strip()}  # fmt: skip


def main() -> None:
    """Measure everything, each against a floor measured next to it."""
    os.environ.pop("ML_DASH_DURABILITY", None)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        with contextlib.redirect_stdout(io.StringIO()):
            found = {
                **calls(folder),
                "totals": totals(folder),
                "million": million(folder) if "--quick" not in sys.argv else None,
                "imports": imports(),
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
