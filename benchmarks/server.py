"""Points per second that a server acknowledges: `ml-dash server` next to `mlflow server`.

    python benchmarks/server.py [--seconds 10] [--clients 4] [--growth 20000] [--json FILE]

Each client is a process with one connection that sends batches of 1,000 and waits for each answer.
A point has what MLflow's metric has: a value, a step and a time. Both servers are asked over plain
HTTP by the same code; MLflow is installed into an environment of its own, unless `--mlflow` names
an interpreter that has it. ml-dash is measured on SQLite, and on a throwaway PostgreSQL where its
programs are installed, with every commit flushed to the disk.

Then `--growth` points more and nine times as many again are sent: bytes on the disk and in memory.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.server import postgres

BATCH = 1000
START_WITHIN_S = 120.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(command: list[str], address: str, log: Path) -> Iterator[psutil.Process]:
    """Run a server until the block ends."""
    with open(log, "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                httpx.get(f"{address}/health", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start:\n{log.read_text()}") from None
                time.sleep(0.2)
        yield psutil.Process(server.pid)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def ml_dash_target(address: str, client: int) -> tuple[str, str]:
    """Open an experiment of ml-dash; return where its points go."""
    body = {
        "type": "EXPERIMENT",
        "name": f"run-{client}",
        "parentId": "ROOT",
        "projectSlug": "load",
    }
    opened = httpx.post(f"{address}/api/namespaces/bench/nodes", json=body, timeout=60)
    experiment = opened.raise_for_status().json()["experiment"]["id"]
    return f"{address}/api/experiments/{experiment}/metrics/train/append-batch", ""


def mlflow_target(address: str, client: int) -> tuple[str, str]:
    """Open a run of MLflow; return where its metrics go, and the run."""
    api = f"{address}/api/2.0/mlflow"
    body = {"experiment_id": "0", "run_name": f"run-{client}"}
    run = httpx.post(f"{api}/runs/create", json=body, timeout=60).raise_for_status().json()
    return f"{api}/runs/log-batch", run["run"]["info"]["run_id"]


def opened(target: Any, address: str, client: int) -> tuple[str, str]:
    """Open a run; workers of MLflow that are still starting may drop the request."""
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            found: tuple[str, str] = target(address, client)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return found


def batch(run: str, number: int) -> bytes:
    """Return the body of a request with new points; for ml-dash where no run of MLflow is given."""
    steps = range(number * BATCH, (number + 1) * BATCH)
    if not run:
        points = [{"loss": math.sin(step), "step": step, "_ts": 1.7e9 + step} for step in steps]
        return orjson.dumps({"dataPoints": points})
    metrics = [
        {
            "key": "loss",
            "value": math.sin(step),
            "step": step,
            "timestamp": 1_700_000_000_000 + step,
        }
        for step in steps
    ]
    return orjson.dumps({"run_id": run, "metrics": metrics})


def send(target: tuple[str, str], seconds: float, batches: int) -> tuple[int, float]:
    """Send batches for some seconds, or some batches, whichever comes first.

    A batch whose connection the server drops is sent again: MLflow ends its workers when a busy
    machine lets them be late.

    Returns:
        How many points were acknowledged, and the seconds.
    """
    url, run = target
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    number, begun = 0, time.perf_counter()
    with httpx.Client(timeout=120, headers=headers) as client:
        while number < batches and time.perf_counter() - begun < seconds:
            try:
                client.post(url, content=batch(run, number)).raise_for_status()
            except httpx.TransportError:
                continue
            number += 1
    return number * BATCH, time.perf_counter() - begun


def rate(targets: list[tuple[str, str]], seconds: float, batches: int = 10**9) -> float:
    """Return acknowledged points per second of several clients at once."""
    with multiprocessing.get_context("spawn").Pool(len(targets)) as pool:
        found = pool.starmap(send, [(each, seconds, batches) for each in targets])
    return sum(points / took for points, took in found)


def resident_mib(server: psutil.Process, *, shared_once: bool = False) -> float:
    """Return the resident memory of a server and its workers.

    Args:
        server: The first process.
        shared_once: Count what they share once, as PostgreSQL's processes share their buffers.
    """
    every = [server, *server.children(recursive=True)]
    if shared_once:
        return sum(process.memory_full_info().pss for process in every) / 2**20
    return sum(process.memory_info().rss for process in every) / 2**20


def disk_bytes(folder: Path) -> int:
    """Return how many bytes are in a folder, as the file system counts them."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a log of a database that has just ended
            found += path.lstat().st_blocks * 512
    return found


def measured(
    command: list[str], address: str, folder: Path, target: Any, options: Any, disk: Path,
    database: psutil.Process | None = None,
) -> Any:  # fmt: skip
    """Start a server, load it, and return its figures."""
    with serving(command, address, folder / "log") as server:
        targets = [opened(target, address, client) for client in range(options.clients)]
        found: dict[str, Any] = {"started_mib": resident_mib(server)}
        found["points_per_s"] = rate(targets, options.seconds)
        found["loaded_mib"] = resident_mib(server)
        if database is not None:
            found["database_mib"] = resident_mib(database, shared_once=True)
        more = range(options.clients, 2 * options.clients)
        fresh = [opened(target, address, client) for client in more]
        found["growth"] = []
        for points in (options.growth, 9 * options.growth):
            before = disk_bytes(disk)
            per_s = rate(fresh, 3600, points // BATCH // options.clients)
            settle(disk)
            grown = disk_bytes(disk) - before
            found["growth"].append({
                "points": points, "points_per_s": per_s, "disk_bytes_per_point": grown / points,
                "resident_mib": resident_mib(server),
            })  # fmt: skip
        return found


def settle(disk: Path) -> None:
    """Wait until a folder has had the same size for two seconds: what is moved has been moved."""
    last, same = -1, 0
    while same < 4:
        time.sleep(0.5)
        size = disk_bytes(disk)
        last, same = size, same + 1 if size == last else 0


def ml_dash(
    folder: Path, options: Any, disk: Path, url: str = "", database: psutil.Process | None = None
) -> Any:
    """Measure `ml-dash server`."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "ml_dash.cli", "server", "--no-auth", "--port", str(port)]
    command += ["--data", str(folder / "data"), *(["--database", url] if url else [])]
    address = f"http://127.0.0.1:{port}"
    return measured(command, address, folder, ml_dash_target, options, disk, database)


def mlflow(folder: Path, options: Any) -> Any:
    """Measure `mlflow server` on SQLite."""
    folder.mkdir()
    python = options.mlflow or folder.with_name("env") / "bin" / "python"
    if not options.mlflow:
        venv.create(folder.with_name("env"), with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "mlflow"], check=True)
    port = free_port()
    command = [str(python), "-m", "mlflow", "server", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "files")]
    return measured(command, f"http://127.0.0.1:{port}", folder, mlflow_target, options, folder)


def all_measured(folder: Path, options: Any) -> dict[str, Any]:
    """Measure what was asked for, one after the other."""
    result: dict[str, Any] = {}
    if "mlflow" in options.only:
        result["mlflow, sqlite"] = mlflow(folder / "mlflow", options)
    if "sqlite" in options.only:
        own = folder / "sqlite"
        result["ml-dash, sqlite"] = ml_dash(own, options, own)
    if "postgresql" in options.only and not postgres.missing_programs():
        with postgres.cluster(durable=True) as cluster:
            result["ml-dash, postgresql"] = ml_dash(
                folder / "postgresql", options, cluster.folder / "data" / "base",
                cluster.url("postgres"), psutil.Process(cluster.pid()),
            )  # fmt: skip
    return result


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--growth", type=int, default=20_000)
    parser.add_argument("--mlflow", help="interpreter of an environment that has MLflow")
    parser.add_argument("--only", nargs="+", default=["mlflow", "sqlite", "postgresql"])
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = all_measured(Path(name), options)
    floor = result.get("mlflow, sqlite", {}).get("points_per_s")
    for figures in result.values():
        figures["over_mlflow"] = figures["points_per_s"] / floor if floor else None
    result["load"] = os.getloadavg()[0]
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
