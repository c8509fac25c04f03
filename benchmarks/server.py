"""Points per second that a server acknowledges: `ml-dash server` next to `mlflow server`.

    python benchmarks/server.py [--seconds 10] [--clients 4] [--postgresql URL] [--json FILE]

Each client is a process with one connection that sends batches of 1,000 and waits for each answer.
A point has what MLflow's metric has: a value, a step and a time. Both servers are asked over plain
HTTP by the same code; MLflow is installed into an environment of its own. With ``--postgresql``, an
empty database, ml-dash is measured on it as well.
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil

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


def send(target: tuple[str, str], seconds: float) -> tuple[int, float]:
    """Send batches for some seconds; return how many points were acknowledged, and the seconds."""
    url, run = target
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    number, begun = 0, time.perf_counter()
    with httpx.Client(timeout=120, headers=headers) as client:
        while time.perf_counter() - begun < seconds:
            client.post(url, content=batch(run, number)).raise_for_status()
            number += 1
    return number * BATCH, time.perf_counter() - begun


def rate(address: str, target: Any, clients: int, seconds: float) -> float:
    """Return acknowledged points per second of several clients at once."""
    targets = [target(address, client) for client in range(clients)]
    with multiprocessing.get_context("spawn").Pool(clients) as pool:
        found = pool.starmap(send, [(each, seconds) for each in targets])
    return sum(points / took for points, took in found)


def resident_mib(server: psutil.Process) -> float:
    """Return the resident memory of a server and its workers."""
    every = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in every) / 2**20


def measured(command: list[str], address: str, folder: Path, target: Any, options: Any) -> Any:
    """Start a server, load it, and return its figures."""
    with serving(command, address, folder / "log") as server:
        before = resident_mib(server)
        per_s = rate(address, target, options.clients, options.seconds)
        return {"points_per_s": per_s, "started_mib": before, "loaded_mib": resident_mib(server)}


def ml_dash(folder: Path, database: str | None, options: Any) -> Any:
    """Measure `ml-dash server`."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "ml_dash.cli", "server", "--no-auth", "--port", str(port)]
    command += ["--data", str(folder / "data"), *(["--database", database] if database else [])]
    return measured(command, f"http://127.0.0.1:{port}", folder, ml_dash_target, options)


def mlflow(folder: Path, options: Any) -> Any:
    """Measure `mlflow server` on SQLite."""
    folder.mkdir()
    python = options.mlflow or folder / "env" / "bin" / "python"
    if not options.mlflow:
        venv.create(folder / "env", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "mlflow"], check=True)
    port = free_port()
    command = [str(python), "-m", "mlflow", "server", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "files")]
    return measured(command, f"http://127.0.0.1:{port}", folder, mlflow_target, options)


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--postgresql", help="SQLAlchemy URL of an empty database")
    parser.add_argument("--mlflow", help="interpreter of an environment that has MLflow")
    parser.add_argument("--only", nargs="+", default=["mlflow", "ml-dash"])
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if "mlflow" in options.only:
            result["mlflow, sqlite"] = mlflow(Path(name) / "mlflow", options)
        if "ml-dash" in options.only:
            result["ml-dash, sqlite"] = ml_dash(Path(name) / "sqlite", None, options)
            if options.postgresql:
                own = ml_dash(Path(name) / "postgresql", options.postgresql, options)
                result["ml-dash, postgresql"] = own
    floor = result.get("mlflow, sqlite", {}).get("points_per_s")
    for figures in result.values():
        figures["over_mlflow"] = figures["points_per_s"] / floor if floor else None
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
