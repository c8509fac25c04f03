"""Log points to a server with one installed tracker, in this process; print JSON.

Run by ``delivery.py``, with ours, with an old release of ml-dash and with MLflow. A point is four
numbers under one name; the time runs from the first call to the return of what closes the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

POINT = {"loss": 0.123456, "accuracy": 0.91, "lr": 1e-3}


def ml_dash(url: str, prefix: str, folder: str, names: int) -> tuple[Callable[..., Any], Any]:
    """Return what logs to one of several metrics, and what closes the run."""
    from ml_dash import Experiment

    # Where no root is given there is none: only a server.
    root = folder or None
    experiment = Experiment(prefix, dash_root=root, **({"dash_url": url} if url else {}))
    experiment.run.start()
    metrics = [experiment.metrics(f"metric-{number}") for number in range(names)]

    def log(number: int) -> None:
        metrics[number % names].log(**POINT, step=number)

    return log, experiment.run.complete


def mlflow_async(url: str, prefix: str, _folder: str, names: int) -> tuple[Callable[..., Any], Any]:
    """Return the same with MLflow, whose calls return at once and are sent behind them."""
    import mlflow

    start_mlflow(url, prefix)

    def log(number: int) -> None:
        named = {f"metric-{number % names}/{key}": value for key, value in POINT.items()}
        mlflow.log_metrics(named, step=number, synchronous=False)

    def close() -> None:
        mlflow.flush_async_logging()
        mlflow.end_run()

    return log, close


def mlflow_calls(url: str, prefix: str, _folder: str, names: int) -> tuple[Callable[..., Any], Any]:
    """Return the same with MLflow, each of whose calls returns when the server has its number."""
    import mlflow

    start_mlflow(url, prefix)

    def log(number: int) -> None:
        for key, value in POINT.items():
            mlflow.log_metric(f"metric-{number % names}/{key}", value, step=number)

    return log, mlflow.end_run


def start_mlflow(url: str, prefix: str) -> None:
    """Open a run of MLflow."""
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment(prefix)
    mlflow.start_run()


TRACKERS = {"ml_dash": ml_dash, "mlflow-calls": mlflow_calls, "mlflow-async": mlflow_async}


def main() -> None:
    """Log, close, and tell how long each call and all of it took."""
    tracker, url, prefix, folder, calls, names = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        log, close = TRACKERS[tracker](url, prefix, folder, int(names))
        clock, times = time.perf_counter_ns, []
        begun = clock()
        for number in range(int(calls)):
            start = clock()
            log(number)
            times.append(clock() - start)
        logged = clock()
        close()
        ended = clock()
    times.sort()
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "calls": len(times),
        "p50_us": times[len(times) // 2] / 1e3,
        "p99_us": times[len(times) * 99 // 100] / 1e3,
        "logged_s": (logged - begun) / 1e9,
        "closed_s": (ended - begun) / 1e9,
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_mib": used.ru_maxrss / 1024,
        "pid": os.getpid(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
