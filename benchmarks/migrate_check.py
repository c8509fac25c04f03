"""Measures how long ``ml-dash migrate check`` takes for 100,000 lines, against parsing them alone.

    python benchmarks/migrate_check.py [--lines 100000]

Every sixth file is of the corpus of the tests, where each program uses ml-dash; the others are
modules of the standard library. The limit is 20 s on two cores; the floor is LibCST's parser over
the same files, on one.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import tarfile
import tempfile
import time
import typing
from pathlib import Path

import libcst

from ml_dash.migrate.check import check

CORPUS = Path(__file__).parents[1] / "tests" / "migrate" / "corpus"
LIMIT_S = 20.0


def fill(folder: Path, lines: int) -> int:
    """Write files until there are so many lines; return how many there are."""
    texts = [path.read_text() for path in sorted(CORPUS.rglob("*.py"))]
    big = ["\n\n".join(texts[start::5]) for start in range(5)]
    modules = (argparse, ast, inspect, tarfile, typing)
    plain = [Path(str(module.__file__)).read_text("utf-8") for module in modules]
    count = number = 0
    while count < lines:
        text = (plain if number % 6 else big)[number % 5]
        (folder / f"module_{number}.py").write_text(text)
        count += text.count("\n")
        number += 1
    return count


def main() -> int:
    """Measure, print, and return 1 when it takes too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = fill(folder, lines)
        began_s = time.perf_counter()
        for path in folder.iterdir():
            libcst.parse_module(path.read_text())
        floor_s = time.perf_counter() - began_s
        began_s = time.perf_counter()
        done = check([folder])
        took_s = time.perf_counter() - began_s
    print(f"{count} lines in {done.files} files, {len(done.findings)} findings")
    print(f"parsing alone  {floor_s:6.1f} s")
    print(f"check          {took_s:6.1f} s  ({took_s / floor_s:.1f} x, limit {LIMIT_S:g} s)")
    return 0 if took_s <= LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
