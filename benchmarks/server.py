"""Points per second that a server acknowledges: `ml-dash server` next to `mlflow server`.

    python benchmarks/server.py [--rounds 5] [--seconds 5] [--clients 4] [--growth 20000]

Each client is a process with one connection that sends batches of 1,000 and waits for each answer.
A point has what MLflow's metric has: a value, a step and a time. Both servers are asked over plain
HTTP by the same code; MLflow is installed into an environment of its own, unless `--mlflow` names
an interpreter that has it. ml-dash is measured on SQLite, and on a throwaway PostgreSQL where its
programs are installed, with every commit flushed to the disk. All run beside each other, are warmed
up, and are loaded in turn for some rounds; the figures are medians of the rounds.

Then `--growth` points more and nine times as many again are sent: bytes on the disk and in memory.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import START_WITHIN_S, free_port, installed, put, serving

from tests.server import postgres

BATCH = 1000
WARM_S = 8.0


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


@dataclass
class Measured:
    """A server that runs, and what it has shown.

    Attributes:
        server: Its first process.
        targets: Where its clients send.
        disk: The folder in which its data grows.
        database: The first process of its PostgreSQL, if it has one.
    """

    server: psutil.Process
    target: Any
    address: str
    disk: Path
    database: psutil.Process | None
    targets: list[tuple[str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def warm_up(self, clients: int) -> None:
        """Open runs and load the server, so that workers that still start do not count."""
        self.figures["started_mib"] = resident_mib(self.server)
        self.targets = [opened(self.target, self.address, client) for client in range(clients)]
        rate(self.targets, WARM_S)
        self.figures["rounds"] = []

    def round(self, seconds: float) -> None:
        """Measure once."""
        self.figures["rounds"].append(rate(self.targets, seconds))

    def grow(self, growth: int) -> None:
        """Send points to new runs, and nine times as many again; note what became larger."""
        self.figures["loaded_mib"] = resident_mib(self.server)
        if self.database is not None:
            self.figures["database_mib"] = resident_mib(self.database, shared_once=True)
        clients = len(self.targets)
        fresh = [opened(self.target, self.address, clients + n) for n in range(clients)]
        self.figures["growth"] = []
        for points in (growth, 9 * growth):
            before = disk_bytes(self.disk)
            rate(fresh, 3600, points // BATCH // clients)
            settle(self.disk)
            self.figures["growth"].append({
                "points": points, "resident_mib": resident_mib(self.server),
                "disk_bytes_per_point": (disk_bytes(self.disk) - before) / points,
            })  # fmt: skip


def settle(disk: Path) -> None:
    """Wait until a folder has had the same size for two seconds: what is moved has been moved."""
    last, same = -1, 0
    while same < 4:
        time.sleep(0.5)
        size = disk_bytes(disk)
        last, same = size, same + 1 if size == last else 0


def ml_dash(
    stack: ExitStack, folder: Path, workers: int, cluster: postgres.Cluster | None = None
) -> Measured:
    """Start `ml-dash server`."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "ml_dash.cli", "server", "--no-auth", "--port", str(port)]
    command += ["--workers", str(workers), "--data", str(folder / "data")]
    disk, database = folder, None
    if cluster is not None:
        command += ["--database", cluster.url("postgres")]
        disk, database = cluster.folder / "data" / "base", psutil.Process(cluster.pid())
    address = f"http://127.0.0.1:{port}"
    server = stack.enter_context(serving(command, address, folder / "log"))
    return Measured(server, ml_dash_target, address, disk, database)


def mlflow(stack: ExitStack, folder: Path, python: str | None) -> Measured:
    """Start `mlflow server` on SQLite, as it is when nothing else is asked for."""
    folder.mkdir()
    if python is None:
        python = installed(folder.with_name("env"), "mlflow")
    port = free_port()
    command = [python, "-m", "mlflow", "server", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "files")]
    address = f"http://127.0.0.1:{port}"
    server = stack.enter_context(serving(command, address, folder / "log"))
    return Measured(server, mlflow_target, address, folder, None)


def started(stack: ExitStack, folder: Path, options: Any) -> dict[str, Measured]:
    """Start what was asked for."""
    found = {}
    if "mlflow" in options.only:
        found["mlflow, sqlite"] = mlflow(stack, folder / "mlflow", options.mlflow)
    if "sqlite" in options.only:
        found["ml-dash, sqlite"] = ml_dash(stack, folder / "sqlite", options.workers)
    if "postgresql" in options.only and not postgres.missing_programs():
        cluster = stack.enter_context(postgres.cluster(durable=True))
        own = folder / "postgresql"
        found["ml-dash, postgresql"] = ml_dash(stack, own, options.workers, cluster)
    return found


def compared(servers: dict[str, Measured], options: Any) -> dict[str, Any]:
    """Measure all servers in turn, so that what else the machine does meets each alike."""
    for each in servers.values():
        each.warm_up(options.clients)
    for _ in range(options.rounds):
        for each in servers.values():
            each.round(options.seconds)
    for each in servers.values():
        each.grow(options.growth)
    floor = servers.get("mlflow, sqlite")
    for each in servers.values():
        rounds = each.figures["rounds"]
        each.figures["points_per_s"] = statistics.median(rounds)
        if floor is not None:
            pairs = zip(rounds, floor.figures["rounds"], strict=True)
            each.figures["over_mlflow"] = statistics.median(own / other for own, other in pairs)
    result = {name: each.figures for name, each in servers.items()}
    return {**result, "load": os.getloadavg()[0]}


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--growth", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=1, help="processes of ml-dash")
    parser.add_argument("--mlflow", help="interpreter of an environment that has MLflow")
    parser.add_argument("--only", nargs="+", default=["mlflow", "sqlite", "postgresql"])
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        result = compared(started(stack, Path(name), options), options)
    put(result, options.json)


if __name__ == "__main__":
    main()
