"""Starts the worker scripts, with any interpreter, and takes their reports."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .reading import RawRun

WORKERS = Path(__file__).parent / "workers"
PREFIX = "me/proj/run"
_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Room:
    """A folder for one scenario, and the interpreter whose ml-dash is measured."""

    folder: Path
    python: str = sys.executable
    _reports: Any = field(default_factory=itertools.count, compare=False)

    @property
    def root(self) -> Path:
        """The ``dash_root`` of the runs."""
        return self.folder / "store"

    def run(self, prefix: str = PREFIX, root: Path | None = None) -> RawRun:
        """Return a run's folder, for reading."""
        return RawRun((root or self.root) / prefix)

    def start(
        self, worker: str, /, *, env: dict[str, str] | None = None, flags: tuple[str, ...] = (),
        wrapper: tuple[str, ...] = (), root: Path | None = None,
        popen: dict[str, Any] | None = None, **options: Any,
    ) -> Started:
        """Start a worker script.

        Args:
            worker: Name of the script below ``workers/``.
            env: Environment variables besides the few that every worker gets.
            flags: Flags of the interpreter.
            wrapper: A command that starts the interpreter.
            root: Another ``dash_root`` than the room's.
            popen: Further arguments of ``subprocess.Popen``.
            options: Handed to the script.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = f"{worker}-{next(self._reports)}"
        report, errors = self.folder / f"{stem}.json", self.folder / f"{stem}.stderr"
        store = str(root or self.root)
        given = {"root": store, "report": str(report), "prefix": PREFIX, **options}
        script = str(WORKERS / f"{worker}.py")
        command = [*wrapper, self.python, *flags, script, json.dumps(given)]
        with errors.open("wb") as stderr:
            arguments: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": stderr}
            # A group of its own, so that whatever the worker forks can be ended with it.
            process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment(env or {}),
                start_new_session=True, **{**arguments, **(popen or {})})
        return Started(process, report, errors)

    def finish(
        self, worker: str, /, *, timeout_s: float = _TIMEOUT_S, **arguments: Any
    ) -> Finished:
        """Start a worker script and wait for its end."""
        return self.start(worker, **arguments).finish(timeout_s)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        own = {"HOME": str(self.folder), "USER": "me", "ML_DASH_ECHO": "0", "ML_DASH_QUIET": "1",
               "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, **own, **more}


@dataclass
class Finished:
    """How a worker ended."""

    exit_code: int
    report: dict[str, Any]
    stderr: str


@dataclass
class Started:
    """A worker that runs."""

    process: subprocess.Popen[bytes]
    report: Path
    errors: Path

    def finish(self, timeout_s: float = _TIMEOUT_S) -> Finished:
        """Wait for the end; a worker that hangs is killed, and that is an error.

        Raises:
            AssertionError: it did not end in time.
        """
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
            words = self.errors.read_text()[-2000:]
            raise AssertionError(f"no end after {timeout_s} s; stderr: {words}") from None
        report = json.loads(self.report.read_text()) if self.report.exists() else {}
        return Finished(code, report, self.errors.read_text(errors="replace"))

    def end(self) -> None:
        """Kill the worker and everything it has forked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def say(self, word: str) -> None:
        """Tell the worker that it may go on."""
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Wait for the worker's next word; empty when it ended instead."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"@"):
                return line[1:].decode().strip()
        return ""


TALKING: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
"""``popen`` arguments of a worker that waits for words."""
