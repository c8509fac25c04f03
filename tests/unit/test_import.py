"""What ``import ml_dash`` costs: nothing heavy, nothing on disk, no connection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"httpx", "rich", "numpy", "params_proto", "pydantic", "click", "matplotlib", "pyarrow"}


def run(code: str, cwd: Path) -> list[str]:
    """Run code in a fresh interpreter and return the words it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import ml_dash", HEAVY),
        ("from ml_dash import Experiment", HEAVY - {"params_proto"}),  # RUN is a params-proto class
    ],
)
def test_import_is_light(code: str, heavy: set[str], tmp_path: Path) -> None:
    """Neither the package nor its main class brings a heavy package that it may never need."""
    loaded = set(run(f"{code}; import sys; print(*sys.modules)", tmp_path))
    assert "ml_dash" in loaded
    assert not loaded & heavy


def test_import_touches_nothing(tmp_path: Path) -> None:
    """The import writes no file and opens no socket."""
    watch = (
        "import sys; seen = []\n"
        "def hook(event, args):\n"
        "    writes = event == 'open' and set('wax+') & set(args[1] or '')\n"
        "    if writes or event.startswith('socket.'): seen.append(event)\n"
        "sys.addaudithook(hook)\n"
        "sys.dont_write_bytecode = True\n"
        "import ml_dash; ml_dash.Experiment\n"
        "print(*seen)"
    )
    assert run(watch, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
