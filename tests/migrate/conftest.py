"""Users' programs, run as processes in folders of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Return a function that runs Python with some words in the test's folder."""

    def run(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, text=True, capture_output=True, timeout=120,
            env={**os.environ, "HOME": str(tmp_path), "ML_DASH_ECHO": "0", **settings},
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


@pytest.fixture
def ml_dash(process: Process) -> Process:
    """Return a function that runs ``ml-dash`` in the test's folder."""
    return lambda *words, **settings: process("-m", "ml_dash.cli", *words, **settings)
