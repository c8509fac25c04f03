"""Running the program as a user does: a process, an empty folder, no settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.live import Live

HONEST = {"ML_DASH_FUTURE": "cli_exit_codes"}
"""The environment in which commands of 0.6 end with honest codes."""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Return a server of this project, for all tests of the program."""
    pytest.importorskip("uvicorn")
    from ml_dash.server.settings import ServerSettings
    from tests.server.live import running

    with running(ServerSettings(data=tmp_path_factory.mktemp("server"))) as made:
        yield made


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
