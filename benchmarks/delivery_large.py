"""The large parts of delivery.py: many files, a large file, millions of records that wait."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

OLD = "0.6.27"
OLD_MAX_MIB = 256
COUNT = """query($namespaceSlug: String, $projectSlug: String!, $experimentName: String!) {
  experiment(
    namespaceSlug: $namespaceSlug, projectSlug: $projectSlug, experimentName: $experimentName
  ) { filesPaginated(limit: 1, offset: 0) { totalCount } }
}"""
PROBE = Path(__file__).with_name("probe_files.py")
WAITING = """
import resource, sys
from ml_dash import Experiment
with Experiment(sys.argv[1], dash_root=sys.argv[2], dash_url=sys.argv[3], offline=True).run as exp:
    log = exp.metrics("train").log
    for number in range(int(sys.argv[4])):
        log(loss=0.123456, accuracy=0.91, step=number)
        if number in (999_999, int(sys.argv[4]) - 1):
            print(number + 1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def files(every: dict[str, Any], options: Any) -> Any:
    """Many small files, and a large one: seconds, and memory of the client and the server."""
    rows = {}
    for name, tracker in every.items():
        if tracker.kind != "ml_dash":
            continue
        # 0.6 opens and closes what it sends one by one; some of the files show its pace. A large
        # one it holds in memory, and copies again and again: one of 2 GiB takes many minutes.
        is_old = OLD in name
        count = max(1, min(options.files // 10, 1000)) if is_old else options.files
        mib = min(options.large_mib, OLD_MAX_MIB) if is_old else options.large_mib
        small = _stored(tracker, count, 0)
        large = _stored(tracker, 0, mib << 20)
        rows[name] = {
            "small files": count, "small files per s": count / small["took_s"],
            "client_cpu_ms_per_file": small["cpu_s"] / count * 1e3,
            "server_cpu_ms_per_file": small["server_cpu_s"] / count * 1e3, "small": small,
            "large file in MiB": mib, "MiB per s": mib / large["took_s"], "large": large,
        }  # fmt: skip
    old = rows.get(f"ml-dash {OLD}", {})
    for each in rows.values():
        each["small_over_old"] = _over(each, old, "small files per s")
        each["large_over_old"] = _over(each, old, "MiB per s")
    return rows


def _over(row: dict[str, Any], old: dict[str, Any], name: str) -> float | None:
    return row[name] / old[name] if old else None


def _stored(tracker: Any, count: int, large_bytes: int) -> dict[str, Any]:
    tracker.made += 1
    prefix = f"bench/{tracker.folder.name}/files-{tracker.made}"
    words = [f"http://127.0.0.1:{tracker.port}", prefix, tracker.runs, str(count)]
    words += [str(large_bytes), str(tracker.folder)]
    before = tracker.server_cpu_s()
    done = subprocess.run(
        [tracker.python, str(PROBE), *words], capture_output=True, text=True, check=False,
        env=tracker.environment(), cwd=tracker.folder,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{tracker.name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    arrived = _count(tracker.port, prefix)
    if arrived != (count or 1):
        raise SystemExit(f"{tracker.name}: {arrived} of {count or 1} files arrived")
    found["server_cpu_s"] = tracker.server_cpu_s() - before
    found["server_mib"] = tracker.server.memory_info().rss / 2**20
    return found


def _count(port: int, prefix: str) -> int:
    """Return how many files the server has of a run."""
    namespace, project, name = prefix.split("/")
    names = {"namespaceSlug": namespace, "projectSlug": project, "experimentName": name}
    body = {"query": COUNT, "variables": names}
    url = f"http://127.0.0.1:{port}/graphql"
    reply = httpx.post(url, json=body, timeout=600, trust_env=False).raise_for_status().json()
    return int(reply["data"]["experiment"]["filesPaginated"]["totalCount"])


def backlog(every: dict[str, Any], options: Any) -> Any:
    """Log while nothing can be sent, then deliver all of it: memory of both, and the pace."""
    ours = every["ml-dash 0.7"]
    url = f"http://127.0.0.1:{ours.port}"
    words = [sys.executable, "-c", WAITING, "bench/backlog/run", ours.runs, url]
    logged = subprocess.run(
        [*words, str(options.backlog)], capture_output=True, text=True, check=True,
        env=ours.environment(),
    )  # fmt: skip
    waiting = dict(line.split() for line in logged.stdout.splitlines() if line[:1].isdigit())
    begun, before = time.perf_counter(), ours.server_cpu_s()
    command = [sys.executable, "-m", "ml_dash.cli", "sync", ours.runs]
    with subprocess.Popen(
        command, env=ours.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as sync:
        peaks = _peaks(psutil.Process(sync.pid), sync)
        said = sync.communicate()[0].decode()
    took_s = time.perf_counter() - begun
    if sync.returncode:
        raise SystemExit(f"sync ended with {sync.returncode}:\n{said[-2000:]}")
    return {
        "records": options.backlog, "MiB of the writer, by records": waiting,
        "points delivered per s": options.backlog / took_s,
        "MiB of sync, by tenth of the time": peaks,
        "server MiB": ours.server.memory_info().rss / 2**20,
        "server_cpu_us_per_point": (ours.server_cpu_s() - before) / options.backlog * 1e6,
    }  # fmt: skip


def _peaks(process: psutil.Process, running: subprocess.Popen[bytes]) -> list[float]:
    """Return resident memory in MiB, ten times over the life of a process."""
    seen: list[float] = []
    while running.poll() is None:
        try:
            seen.append(process.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.2)
    step = max(1, len(seen) // 10)
    return [round(max(seen[at : at + step]), 1) for at in range(0, len(seen), step)]
