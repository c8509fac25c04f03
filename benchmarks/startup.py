"""Measures how long ``ml-dash --help`` takes, against bare Python with its command-line library.

    python benchmarks/startup.py [--runs 30]

Prints the medians and their ratio; the limit is 3. The runs of both take turns, so that what else
the machine does meets both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT = 3.0
FLOOR = ("-c", "import click")
HELP = ("-m", "ml_dash.cli", "--help")


def took_s(words: tuple[str, ...]) -> float:
    """Return how long one run takes, in seconds."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def main() -> int:
    """Measure, print, and return 1 when the ratio is beyond the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    took_s(HELP)  # compiles
    pairs = [(took_s(FLOOR), took_s(HELP)) for _ in range(runs)]
    floor, shown = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"python -c 'import click'  {floor * 1000:6.1f} ms")
    print(f"ml-dash --help            {shown * 1000:6.1f} ms")
    print(f"ratio                     {shown / floor:6.2f}  (limit {LIMIT:g})")
    return 0 if shown / floor <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
