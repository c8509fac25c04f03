"""A server in a process of its own, as `ml-dash server` starts it, to be killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-m", "ml_dash.cli")
_LISTENING = re.compile(r"Listening +http://127\.0\.0\.1:(\d+)")


class RunningServer:
    """A server on this machine; its port stays the same.

    Args:
        data: Its folder.
        database: URL of its database; SQLite in the folder, when empty.
        command: What runs it, before its words.
        options: More options; without authentication, when omitted.
        settings: Variables that it is started with.
    """

    def __init__(
        self,
        data: Path,
        database: str = "",
        command: Sequence[str] = COMMAND,
        options: Sequence[str] = ("--no-auth",),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._data = data
        self._database = database
        self._options = options
        self._settings = settings or {}
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it says where it listens: from then on requests wait for it."""
        command = [*self._command, "server", *self._options, "--port", str(self.port)]
        command += ["--data", str(self._data)]
        command += ["--database", self._database] if self._database else []
        with open(self._data / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, **self._settings, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = _LISTENING.search(line)
            if found:
                self.port = int(found[1])
                return
        raise AssertionError(f"The server did not start: {(self._data / 'log').read_text()}")

    def peak_bytes(self) -> int:
        """Return the most memory that it has had, as the kernel counted it."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    def kill(self) -> None:
        """Kill it with -9."""
        self._end("kill")

    def stop(self) -> None:
        """Ask it to end."""
        self._end("terminate")

    def _end(self, how: str) -> None:
        process = self._process
        if process is not None:
            getattr(process, how)()
            process.communicate()
            self._process = None


@contextmanager
def running_server(
    data: Path, database: str = "", command: Sequence[str] = COMMAND, options: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """Run a server until the block ends."""
    data.mkdir(exist_ok=True)
    server = RunningServer(data, database, command, ("--no-auth", *options))
    server.start()
    try:
        yield server
    finally:
        server.kill()
