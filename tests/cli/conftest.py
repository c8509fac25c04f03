"""Running the program as a user does: a process, an empty folder, no settings."""

from __future__ import annotations

import os
import pty
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.live import Live

HONEST = {"ML_DASH_FUTURE": "cli_exit_codes"}
"""The environment in which commands of 0.6 end with honest codes."""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def terminal(
    *words: str, home: Path | None = None, stop_at: str | None = None, **settings: str
) -> Iterator[str]:
    """Run ``ml-dash`` at a pseudo-terminal, in a home folder, and give what it draws.

    When it has drawn ``stop_at`` it gets Ctrl-C.
    """
    ours, theirs = pty.openpty()
    parts: list[bytes] = []
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120",
                   **({} if home is None else {"HOME": str(home)}), **settings}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_dash.cli", *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment, cwd=home,
    )  # fmt: skip
    os.close(theirs)
    thread = threading.Thread(target=_drain, args=(ours, parts, process, stop_at))
    thread.start()
    process.wait(60)
    thread.join()
    os.close(ours)
    yield b"".join(parts).decode()


def _drain(
    descriptor: int, parts: list[bytes], process: subprocess.Popen[bytes], stop_at: str | None
) -> None:
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the other end is closed
            return
        if not piece:
            return
        parts.append(piece)
        if stop_at is not None and stop_at.encode() in b"".join(parts):
            process.send_signal(signal.SIGINT)
            stop_at = None


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Return a server of this project, for all tests of the program."""
    pytest.importorskip("uvicorn")
    from ml_dash.server.settings import ServerSettings
    from tests.server.live import running

    with running(ServerSettings(data=tmp_path_factory.mktemp("server"))) as made:
        yield made


@pytest.fixture
def user(live: Live, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a user of the test's own, who is logged in."""
    name = f"u{secrets.token_hex(4)}"
    monkeypatch.setenv("ML_DASH_TOKEN", live.token(name))
    monkeypatch.setenv("ML_DASH_API_URL", live.url)
    return name


@pytest.fixture
def ml_dash(tmp_path: Path) -> Run:
    """Return a function that runs ``ml-dash`` in an empty folder: words, input, environment."""

    def run(
        *words: str, typed: str | None = None, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOME": str(tmp_path), "PYTHONWARNINGS": "error", **settings}
        given = {"stdin": subprocess.DEVNULL} if typed is None else {"input": typed}
        return subprocess.run(
            [sys.executable, "-m", "ml_dash.cli", *words],
            cwd=tmp_path,
            env=environment,
            **given,  # type: ignore[call-overload]
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
