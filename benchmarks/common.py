"""What the benchmarks share: servers that run for a block, environments, results."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

START_WITHIN_S = 120.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def serving(command: list[str], address: str, log: Path) -> Iterator[psutil.Process]:
    """Run a server until the block ends."""
    with open(log, "wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                httpx.get(f"{address}/health", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start:\n{log.read_text()}") from None
                time.sleep(0.2)
        yield psutil.Process(server.pid)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def installed(folder: Path, *packages: str) -> str:
    """Install packages into an environment of their own and return its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def put(result: Any, path: Path | None) -> None:
    """Print a result as JSON, and write it to a file as well if there is to be one."""
    text = json.dumps(result, indent=2)
    print(text)
    if path:
        path.write_text(text + "\n", "utf-8")
