"""Measures how long ``ml-dash migrate check`` takes for 100,000 lines, against parsing them alone.

    python benchmarks/migrate_check.py [--lines 100000] [--seconds 20]

Twice: a project in which every sixth file uses ml-dash (the others are modules of the standard
library), and one in which every file does: programs of the tests' corpus, one behind the other.
The floor is Python's own parser over the same files, in one process. The limit is that of the
release, on two cores.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import itertools
import os
import tarfile
import tempfile
import time
import typing
from collections.abc import Iterator
from pathlib import Path

from ml_dash.migrate.check import check

CORPUS = Path(__file__).parents[1] / "tests" / "migrate" / "corpus"
LINES_OF_A_FILE = 300


def programs() -> Iterator[str]:
    """Yield files of programs that all use ml-dash, over and over."""
    texts = [path.read_text() for path in sorted(CORPUS.rglob("*.py"))]
    texts = [each for each in texts if "ml_dash" in each and "from __future__" not in each]
    gathered: list[str] = []
    for text in itertools.cycle(texts):
        gathered.append(text)
        if sum(each.count("\n") for each in gathered) >= LINES_OF_A_FILE:
            yield "\n".join(gathered)
            gathered = []


def plain() -> Iterator[str]:
    """Yield files that do not know ml-dash."""
    modules = (argparse, ast, inspect, tarfile, typing)
    return itertools.cycle(Path(str(each.__file__)).read_text("utf-8") for each in modules)


def mixed() -> Iterator[str]:
    """Yield five files that do not know ml-dash, then one that uses it, and so on."""
    own, others = programs(), plain()
    return (next(others) if number % 6 else next(own) for number in itertools.count())


def fill(folder: Path, texts: Iterator[str], lines: int) -> int:
    """Write files until there are so many lines; return how many there are."""
    count = 0
    for number, text in enumerate(texts):
        (folder / f"module_{number}.py").write_text(text)
        count += text.count("\n")
        if count >= lines:
            break
    return count


def measure(name: str, texts: Iterator[str], lines: int, limit_s: float) -> bool:
    """Measure a project and print; return whether it was quick enough."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        count = fill(folder, texts, lines)
        began_s = time.perf_counter()
        for path in folder.iterdir():
            ast.parse(path.read_text())
        floor_s = time.perf_counter() - began_s
        began_s, began = time.perf_counter(), os.times()
        done = check([folder])
        took_s, ended = time.perf_counter() - began_s, os.times()
    used_s = sum(ended[:4]) - sum(began[:4])  # of all processes, whoever else was at work
    print(f"{name}: {count:,} lines in {done.files} files, {len(done.findings):,} findings: "
          f"{took_s:.1f} s, {took_s / floor_s:.1f} x the parser ({floor_s:.1f} s), "
          f"limit {limit_s:g} s; processor time {used_s:.1f} s")  # fmt: skip
    return took_s <= limit_s


def main() -> int:
    """Measure both projects; return 1 when one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    quick = [measure(name, texts, options.lines, options.seconds)
             for name, texts in (("mixed", mixed()), ("all use ml-dash", programs()))]  # fmt: skip
    return 0 if all(quick) else 1


if __name__ == "__main__":
    raise SystemExit(main())
