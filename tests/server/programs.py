"""``ml-dash server`` as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "ml_dash.cli", "server")


@dataclass
class Program:
    """A running server program.

    Attributes:
        process: The process.
        url: Where it listens.
        told: What it said at its start, without the log.
    """

    process: subprocess.Popen[str]
    url: str
    told: str

    def token(self) -> str:
        """Return the token that it has shown."""
        found = re.search(r"ML_DASH_TOKEN=(\S+)", self.told)
        assert found is not None, self.told
        return found[1]


@contextmanager
def program(data: Path, *options: str, last_line: str = "In a script") -> Iterator[Program]:
    """Run the program; it is killed at the end if it still runs.

    Args:
        data: Its folder.
        *options: Further options.
        last_line: How the last line begins that it says before it serves.
    """
    log = (data.parent / f"{data.name}.log").open("a")
    process = subprocess.Popen(
        [*COMMAND, "--data", str(data), "--port", "0", *options], stdout=subprocess.PIPE,
        stderr=log, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last_line):
            break
    told = "".join(lines)
    found = re.search(r"Listening +(\S+)", told)
    assert found is not None, (data.parent / f"{data.name}.log").read_text()
    try:
        yield Program(process, found[1], told)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        log.close()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run ``ml-dash server`` with some words to its end."""
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60)
