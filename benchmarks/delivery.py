"""How fast records reach a server: ours, ml-dash 0.6.27 and MLflow, side by side in one run.

    python benchmarks/delivery.py                     call, rate and wire, under ten minutes
    python benchmarks/delivery.py --only rate wire    some of them
    python benchmarks/delivery.py --only files backlog --files 100000 --large-mib 2048 \\
        --backlog 10000000                            the large ones

Parts: ``call`` (what a call costs while the run is delivered, next to local mode), ``rate`` (points
a second until the server has confirmed all, from one name to a thousand, next door and 20 ms away),
``wire`` (bytes and requests), ``files`` (many small ones and a large one) and ``backlog`` (memory
while records wait, and while they are delivered). Each row is printed as soon as it is measured;
``--json FILE`` keeps all of it.

A point is three numbers and a step under one name. 0.6.27 and ours talk to `ml-dash server`, MLflow
to `mlflow server`, both on SQLite. Both write a folder as well, as they do unless told otherwise;
0.6.27 is measured without it, too. MLflow is used in both ways that its pages show: ``log_metric``,
a call for each number that returns when the server has it, and ``log_metrics`` with
``synchronous=False``, a call for each point, which MLflow gathers and sends behind the script's
back. What is compared is a rate, so each tracker logs as many points as it can in reasonable time:
MLflow a small part of them (``SHARES``), and the fewer the further away its server is; each row
says how many. Processor times are of the tracker's process and of the server: they tell more than
the clock on a machine that does something else as well.

The other trackers are installed into environments of their own, in a temporary folder, which takes
some minutes; to make these once, and use them again::

    python3 -m venv mlflow-env && mlflow-env/bin/pip install mlflow==3.17.2
    python3 -m venv old-env && old-env/bin/pip install ml-dash==0.6.27 numpy
    python benchmarks/delivery.py --mlflow mlflow-env/bin/python --old old-env/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))

import delivery_large
from between import between
from common import free_port, installed, put, serving
from delivery_large import OLD

PROBE = Path(__file__).with_name("probe_delivery.py")
MLFLOW = "mlflow==3.17.2"
STORE_TOKEN = "from ml_dash import auth; auth.get_token_storage().store('ml-dash-token', 'any')"
AWAY_S = 0.01  # half of a round trip of 20 ms
SHARES = {"mlflow-calls": (1000, 2000), "mlflow-async": (100, 500)}
"""By how much fewer the points of a kind of tracker are, next door and away."""
SHOWN = ("calls", "points_per_s", "ours_over_it", "p50_us", "cpu_us_per_point")
FLOOR = "ml-dash 0.7, folder only"
PARTS = ("call", "rate", "wire", "files", "backlog")


@dataclass
class Tracker:
    """A tracker that is measured.

    Attributes:
        name: As it is shown.
        kind: ``ml_dash``, ``mlflow-calls`` or ``mlflow-async``.
        python: Interpreter of an environment that has it.
        port: Of the server that it talks to.
        server: That server's process.
        folder: Its home, and where its runs are; empty for no folder of runs.
        runs: Where runs are kept; empty where they go to the server only.
    """

    name: str
    kind: str
    python: str
    port: int
    server: psutil.Process
    folder: Path
    runs: str = ""
    made: int = 0

    def probe(self, port: int, calls: int, names: int) -> dict[str, Any]:
        """Log points to the server behind a port; 0 is no server."""
        self.made += 1
        url = f"http://127.0.0.1:{port}" if port else ""
        prefix = f"bench/{self.folder.name}/run-{self.made}"
        words = [self.kind, url, prefix, self.runs, str(calls), str(names)]
        before = self.server_cpu_s()
        done = subprocess.run(
            [self.python, str(PROBE), *words], capture_output=True, text=True,
            env=self.environment(), check=False, cwd=self.folder,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{self.name} failed:\n{done.stderr[-3000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        return {**found, "server_cpu_s": self.server_cpu_s() - before}

    def share(self, points: int, *, away: bool) -> int:
        """Return how many of the points it logs: as many as it can in reasonable time."""
        return max(1, points // SHARES.get(self.kind, (1, 1))[away])

    def environment(self) -> dict[str, str]:
        """Return the variables that it runs with."""
        own = {"HOME": str(self.folder), "ML_DASH_TOKEN": "any", "ML_DASH_QUIET": "1"}
        keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return {**os.environ, **own, **keyring, "ML_DASH_CLOSE_TIMEOUT": "inf"}

    def server_cpu_s(self) -> float:
        """Return the processor time that its server has used."""
        every = [self.server, *self.server.children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in every)


@contextmanager
def trackers(options: argparse.Namespace, room: Path) -> Iterator[dict[str, Tracker]]:
    """Start the servers and return the trackers by name, ours first."""
    port = free_port()
    command = [sys.executable, "-m", "ml_dash.cli", "server", "--no-auth", "--port", str(port)]
    command += ["--data", str(room / "data")]
    with serving(command, f"http://127.0.0.1:{port}", room / "ml-dash.log") as server:
        found = {"ml-dash 0.7": _ours(room, port, server)}
        if "old" not in options.without:
            python = options.old or installed(room / "old-env", f"ml-dash=={OLD}", "numpy")
            for name, runs in ((f"ml-dash {OLD}", "runs"), (f"ml-dash {OLD}, server only", "")):
                found[name] = _old(name, _home(room, f"old-{runs}"), python, port, server, runs)
        if "mlflow" in options.without:
            yield found
            return
        python = options.mlflow or installed(room / "mlflow-env", MLFLOW)
        port = free_port()
        command = [python, "-m", "mlflow", "server", "--port", str(port), "--workers", "2"]
        command += ["--backend-store-uri", f"sqlite:///{room / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(room / "artifacts")]
        with serving(command, f"http://127.0.0.1:{port}", room / "mlflow.log") as other:
            for kind, name in (("mlflow-calls", "MLflow log_metric"),
                               ("mlflow-async", "MLflow asynchronous")):  # fmt: skip
                found[name] = Tracker(name, kind, python, port, other, _home(room, kind))
            yield found


def _home(room: Path, name: str) -> Path:
    folder = room / name
    folder.mkdir()
    return folder


def _ours(room: Path, port: int, server: psutil.Process) -> Tracker:
    home = _home(room, "ours")
    return Tracker("ml-dash 0.7", "ml_dash", sys.executable, port, server, home, str(home / "runs"))


def _old(
    name: str, home: Path, python: str, port: int, server: psutil.Process, runs: str
) -> Tracker:
    made = Tracker(name, "ml_dash", python, port, server, home, str(home / runs) if runs else "")
    subprocess.run(
        [python, "-c", STORE_TOKEN], env=made.environment(), check=True, capture_output=True
    )
    return made


def call(every: dict[str, Tracker], options: argparse.Namespace) -> Any:
    """What a call costs with and without a server, in turns, so that both meet the same moments."""
    ours = every["ml-dash 0.7"]
    found: dict[str, list[float]] = {"local": [], "delivered": []}
    for _ in range(options.rounds):
        for where, port in (("local", 0), ("delivered", ours.port)):
            found[where].append(ours.probe(port, options.calls, 1)["p50_us"])
    shown = {f"{where}, p50 in us": median(times) for where, times in found.items()}
    shown["delivered over local"] = median(found["delivered"]) / median(found["local"])
    tell("call", shown)
    return shown


def rate(every: dict[str, Tracker], options: argparse.Namespace) -> Any:
    """Points a second from the first call until the server has confirmed all."""
    rows = {}
    for away_s in (0.0, AWAY_S):
        for names in (1, 100, 1000):
            where = f"{names} names, {'20 ms away' if away_s else 'next door'}"
            rows[where] = _rates(every, options, names, away_s, where)
    return rows


def _rates(
    every: dict[str, Tracker], options: argparse.Namespace, names: int, away_s: float, where: str
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    ours = every["ml-dash 0.7"]
    if not away_s:  # what the calls alone take: nothing that is delivered while it logs is faster
        row[FLOOR] = _best(ours, 0, options.points, names, options.rounds)
        tell(f"rate, {where}, {FLOOR}", {key: row[FLOOR][key] for key in SHOWN[:2]})
    for name, tracker in every.items():
        calls = tracker.share(options.points, away=bool(away_s))
        with between(tracker.port, away_s) as way:
            port = way.port if away_s else tracker.port
            best = _best(tracker, port, calls, names, options.rounds)
        best["cpu_us_per_point"] = (best["cpu_s"] + best["server_cpu_s"]) / calls * 1e6
        row[name] = best
        best["ours_over_it"] = row["ml-dash 0.7"]["points_per_s"] / best["points_per_s"]
        tell(f"rate, {where}, {name}", {key: best[key] for key in SHOWN})
    return row


def _best(tracker: Tracker, port: int, calls: int, names: int, rounds: int) -> dict[str, Any]:
    found = [tracker.probe(port, calls, names) for _ in range(rounds)]
    for each in found:
        each["points_per_s"] = each["calls"] / each["closed_s"]
    return max(found, key=lambda each: float(each["points_per_s"]))


def wire(every: dict[str, Tracker], options: argparse.Namespace) -> Any:
    """Bytes to the server for each point, and requests for each 100,000 points."""
    rows: dict[str, Any] = {}
    for names in (1, 100):
        for name, tracker in every.items():
            calls = tracker.share(options.points, away=False)
            with between(tracker.port) as way:
                tracker.probe(way.port, calls, names)
            rows[f"{name}, {names} names"] = found = {
                "calls": calls,
                "bytes_per_point": way.sent_bytes / calls,
                "requests_per_100000": way.requests * 100_000 / calls,
            }
            tell(f"wire, {names} names, {name}", found)
    return rows


def tell(about: str, figures: dict[str, float]) -> None:
    """Print a row that was just measured."""
    words = ", ".join(f"{key} {value:,.3g}" if value < 100 else f"{key} {value:,.0f}"
                      for key, value in figures.items())  # fmt: skip
    print(f"{about}: {words}", flush=True)


def main() -> None:
    """Measure, and print each row, and all of it as one JSON document at the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=["call", "rate", "wire"])
    parser.add_argument("--points", type=int, default=50_000, help="points of a rate")
    parser.add_argument("--calls", type=int, default=50_000, help="calls that are timed")
    parser.add_argument("--rounds", type=int, default=2, help="the best, or the middle one, counts")
    parser.add_argument("--files", type=int, default=2000, help="small files")
    parser.add_argument("--large-mib", type=int, default=256, help="size of the large file")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="records that wait")
    parser.add_argument("--without", nargs="+", choices=("old", "mlflow"), default=[])
    parser.add_argument("--old", help=f"interpreter that has ml-dash {OLD}")
    parser.add_argument("--mlflow", help="interpreter that has MLflow")
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    options = parser.parse_args()
    parts: dict[str, Callable[..., Any]] = {
        "call": call, "rate": rate, "wire": wire,
        "files": delivery_large.files, "backlog": delivery_large.backlog,
    }  # fmt: skip
    begun = time.perf_counter()
    result: dict[str, Any] = {"load average": os.getloadavg()[0], "began": time.ctime()}
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name,
        trackers(options, Path(name)) as every,
    ):
        for part in options.only:
            result[part] = parts[part](every, options)
    result["took_s"] = time.perf_counter() - begun
    put(result, options.json)


if __name__ == "__main__":
    main()
