"""The server's storage of points: appends, charts and memory at 1,000,000 and 10,000,000 points.

    python benchmarks/server_points.py [--points 1000000 10000000] [--postgresql] [--json FILE]

Points have four keys, and come in batches of 1,000. The floor, in the same run and on the same
disk: plain `INSERT`s of the same points into a SQLite table of five columns, one transaction for
each batch. Memory is the resident set of this process, which appends, compacts and reads.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import put

from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.tables import metadata
from tests.server import postgres

BATCH = 1000
CHART_POINTS = 2000
REPEATS = 20


def made(start: int, count: int) -> list[dict[str, Any]]:
    """Return points of a noisy loss curve."""
    noise = random.Random(start)
    return [
        {
            "loss": math.exp(-step / 3e5) + noise.gauss(0, 0.05),
            "accuracy": 1 - math.exp(-step / 2e5) * noise.random(),
            "step": step,
            "_ts": 1.7e9 + step * 0.013,
        }
        for step in range(start, start + count)
    ]


def resident_mib() -> float:
    """Return how much memory this process has in use, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def floor(folder: Path, batches: int) -> float:
    """Return points per second of plain inserts into SQLite."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # as the server's own
    columns = "id INTEGER PRIMARY KEY, loss REAL, accuracy REAL, step INTEGER, ts REAL"
    connection.execute(f"CREATE TABLE points ({columns})")
    spent = 0.0
    for number in range(batches):
        rows = [tuple(point.values()) for point in made(number * BATCH, BATCH)]
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO points (loss, accuracy, step, ts) VALUES (?, ?, ?, ?)", rows
        )
        connection.execute("COMMIT")
        spent += time.perf_counter() - begun
    connection.close()
    return batches * BATCH / spent


def fill(database: Database, series_id: int, count: int) -> dict[str, float]:
    """Append points and move them; return the rates, and the time of the processor."""
    append_s = compact_s = append_cpu_s = compact_cpu_s = 0.0
    for number in range(count // BATCH):
        data = made(number * BATCH, BATCH)
        begun, begun_cpu = time.perf_counter(), time.process_time()
        batch = points.prepare(data)
        with database.write() as connection:
            due = points.append(connection, series_id, batch).due
        done, done_cpu = time.perf_counter(), time.process_time()
        append_s += done - begun
        append_cpu_s += done_cpu - begun_cpu
        if due:
            points.compact(database, series_id)
            compact_s += time.perf_counter() - done
            compact_cpu_s += time.process_time() - done_cpu
    return {
        "append_per_s": count / append_s,
        "with_compaction_per_s": count / (append_s + compact_s),
        "append_cpu_us_per_point": append_cpu_s / count * 1e6,
        "compaction_cpu_us_per_point": compact_cpu_s / count * 1e6,
    }


def timed(call: Any) -> dict[str, float]:
    """Return the time of the first call, the median of the following, and their best, in ms.

    The best is what a busy machine disturbs least.
    """
    took = []
    for _ in range(REPEATS + 1):
        begun = time.perf_counter()
        call()
        took.append((time.perf_counter() - begun) * 1e3)
    return {
        "first_ms": took[0], "repeated_ms": statistics.median(took[1:]), "best_ms": min(took[1:])
    }  # fmt: skip


def reads(url: str, series_id: int, count: int) -> dict[str, Any]:
    """Return the times of reads from a database that this process has not read before."""
    database = Database(url)

    def read(function: Any, *arguments: Any, **named: Any) -> Any:
        with database.read() as connection:
            return function(connection, series_id, *arguments, **named)

    chart = read(points.downsampled, "loss", CHART_POINTS)
    assert (chart.total, chart.count) == (count, count)
    database.close()
    database = Database(url)
    found = {
        "chart": timed(lambda: read(points.downsampled, "loss", CHART_POINTS)),
        "chart_of_half": timed(
            lambda: read(points.downsampled, "loss", CHART_POINTS, start=count // 4 + 7,
                         stop=3 * count // 4 + 7)
        ),
        "window_of_1000": timed(lambda: read(points.window, count // 2, 1000)),
        "stats": timed(lambda: read(points.stats)),
    }  # fmt: skip
    database.close()
    return found


def size_bytes(url: str, folder: Path) -> int:
    """Return how large the database is."""
    if url.startswith("sqlite"):
        return sum(path.stat().st_size for path in folder.glob("points.db*"))
    database = Database(url)
    with database.read() as connection:
        name = connection.engine.url.database
        size = connection.exec_driver_sql("SELECT pg_database_size(%s)", (name,)).scalar()
    database.close()
    return int(size or 0)


def measured(url: str, folder: Path, counts: list[int]) -> dict[str, Any]:
    """Fill a database with series of some lengths and read them; return the figures."""
    database = Database(url)
    metadata.create_all(database.engine)
    size = size_bytes(url, folder)
    result: dict[str, Any] = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "database": database.engine.dialect.name,
        "floor_per_s": floor(folder, 200),
    }
    for series_id, count in enumerate(counts, 1):
        filled = fill(database, series_id, count)
        grown, size = size_bytes(url, folder) - size, size_bytes(url, folder)
        result[f"{count:,} points"] = {
            **filled,
            "append_over_floor": filled["append_per_s"] / result["floor_per_s"],
            "resident_mib": resident_mib(),
            "bytes_per_point": grown / count,
            **reads(url, series_id, count),
            "resident_after_reads_mib": resident_mib(),
        }
    database.close()
    result["load"] = os.getloadavg()[0]
    return result


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--postgresql", action="store_true", help="a throwaway one, in /tmp")
    parser.add_argument("--json", type=Path, help="where to write the results as well")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'points.db'}"
        if arguments.postgresql:
            url = stack.enter_context(postgres.cluster(durable=True)).url("postgres")
        result = measured(url, folder, arguments.points)
    put(result, arguments.json)


if __name__ == "__main__":
    main()
