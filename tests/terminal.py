"""Programs on a real terminal, for tests of what a person sees."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_on_terminal(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    settings: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> str:
    """Run a program to its end on a pseudo-terminal and return what it drew there.

    Args:
        command: The program and its words.
        cwd: Where it runs.
        settings: Environment variables beside those of this process.
        stdout: A descriptor for its standard output; the terminal when omitted.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **(settings or {})},
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b"".join(_pieces(ours))
    os.close(ours)
    code = process.wait(timeout=60)
    if code:
        raise AssertionError(f"{command} ended with {code}:\n{drawn.decode()}")
    return drawn.decode()


def _pieces(terminal: int) -> list[bytes]:
    """Read a terminal until its last writer is gone."""
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux tells that the last writer is gone
            return pieces
        if not piece:
            return pieces
        pieces.append(piece)
