"""Running the program as a user does: a process, an empty folder, no settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ml_dash(tmp_path: Path) -> Run:
    """Return a function that runs ``ml-dash`` with some words in an empty folder."""

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOME": str(tmp_path), "PYTHONWARNINGS": "error", **settings}
        return subprocess.run(
            [sys.executable, "-m", "ml_dash.cli", *words],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
