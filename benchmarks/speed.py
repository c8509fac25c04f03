"""How fast ml-dash is, as ratios to the floor measured in the same run.

    python benchmarks/speed.py                      ours
    python benchmarks/speed.py --old 0.6.13         ours and an old release, side by side
    python benchmarks/speed.py --quick              without the million points

The floor is ``orjson.dumps`` of the same record and one ``os.write`` to a file opened with
``O_APPEND``. An old release is installed into an environment of its own, in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

PROBE = Path(__file__).with_name("probe_speed.py")


def probe(python: str, quick: bool) -> dict[str, Any]:
    """Run the probe with an interpreter and return what it measured."""
    command = [python, str(PROBE), *(["--quick"] if quick else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def old_python(folder: Path, release: str) -> str:
    """Install an old release into an environment of its own and return its interpreter."""
    venv.create(folder / "old", with_pip=True)
    python = str(folder / "old" / "bin" / "python")
    packages = [f"ml-dash=={release}", "orjson", "numpy"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def rows(found: dict[str, Any]) -> dict[str, str]:
    """Return the figures of one release as texts, by what they are."""
    base, one, names, imports = (found[key] for key in ("floor", "one", "names", "imports"))
    totals = found["totals"]["with_close_s"] / found["totals"]["floor_s"]
    table = {
        "floor, p50": f"{base['p50_us']:.2f} us",
        "log 4 scalars, p50 (at most 4 x floor)": f"{one['p50_us'] / base['p50_us']:.2f} x",
        "log 4 scalars, p99 (at most 10 x floor)": f"{one['p99_us'] / base['p99_us']:.2f} x",
        "the same p99 over the floor's p50": f"{one['p99_us'] / base['p50_us']:.2f} x",
        "100,000 calls and close (at most 4 x)": f"{totals:.2f} x",
        "1,000 names / one name, p50 (at most 2 x)": f"{names['p50_us'] / one['p50_us']:.2f} x",
        "1,000 names / one name, total": f"{names['total_s'] / one['total_s']:.2f} x",
        "descriptors open with 1,000 names": f"{names['descriptors']:.0f}",
        "import over bare Python": f"{(imports['import_s'] - imports['bare_s']) * 1e3:.1f} ms",
        "bare Python": f"{imports['bare_s'] * 1e3:.1f} ms",
        "import brings": imports["loaded"],
    }
    million = found["million"]
    if million:
        first = million["read_all_s"] / million["window_first_s"]
        again = million["read_all_s"] / million["window_again_s"]
        grown = f"{million['rss_growth_mib']:.1f} MiB"
        table |= {
            "1,000,000 points: memory grows by (below 20 MiB)": grown,
            "points read back": f"{million['points']}",
            "window of 1,000 at 900,000, first / all": f"1/{first:.0f}",
            "the same again / all (at most 1/50)": f"1/{again:.0f}",
        }
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", metavar="RELEASE", help="also measure this release from PyPI")
    parser.add_argument("--quick", action="store_true", help="leave out the million points")
    options = parser.parse_args()
    tables = {"this release": rows(probe(sys.executable, options.quick))}
    if options.old:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            python = old_python(Path(folder), options.old)
            tables[options.old] = rows(probe(python, options.quick))
    first = next(iter(tables.values()))
    print("| | " + " | ".join(tables) + " |\n|---|" + "--:|" * len(tables))
    for label in first:
        print(
            f"| {label} | " + " | ".join(table.get(label, "") for table in tables.values()) + " |"
        )


if __name__ == "__main__":
    main()
