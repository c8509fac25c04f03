"""Compare what type checkers say of tests/typing/cases with the ``# expect:`` comments there.

A comment names mypy's code and pyright's rule: ``# expect: arg-type | reportArgumentType``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).parent / "cases"
EXPECT = re.compile(r"# expect: ([\w-]+) \| (\w+)")
Found = set[tuple[str, int, str]]


def expected(which: int) -> Found:
    """Return file, line and code of each comment; ``which`` is 1 for mypy, 2 for pyright."""
    return {
        (path.name, number, match[which])
        for path in CASES.glob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (match := EXPECT.search(line))
    }


def mypy() -> Found:
    """Return what mypy says."""
    command = [sys.executable, "-m", "mypy", "--strict", "--enable-error-code", "deprecated",
               "--no-error-summary", "--output", "json", str(CASES)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.stderr:
        raise SystemExit(done.stderr)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        (Path(row["file"]).name, row["line"], row["code"])
        for row in rows
        if row["severity"] != "note"
    }


def pyright() -> Found:
    """Return what pyright says, with deprecations as errors."""
    settings = CASES.parent / "pyright.json"
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "-p", str(settings)]
    done = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(done.stdout)
    return {
        (Path(row["file"]).name, row["range"]["start"]["line"] + 1, row.get("rule", "none"))
        for row in report["generalDiagnostics"]
    }


def main() -> int:
    """Print what differs, and return 1 if anything does."""
    different = 0
    for which, (name, found) in enumerate({"mypy": mypy(), "pyright": pyright()}.items(), 1):
        wanted = expected(which)
        for file, line, code in sorted(found ^ wanted):
            says = "says" if (file, line, code) in found else "does not say"
            sys.stdout.write(f"{file}:{line}: {name} {says} {code}\n")
        different += len(found ^ wanted)
        sys.stdout.write(f"{name}: {len(wanted)} expected errors\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
