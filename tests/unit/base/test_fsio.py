"""File-system primitives where the platform lacks a part of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ml_dash import Experiment
from ml_dash.testing import recorded

SCRIPT = """
import sys
sys.modules['fcntl'] = sys.modules['resource'] = None
from ml_dash import Experiment
with Experiment('o/p/n', dash_root=sys.argv[1], echo=False).run as exp:
    exp.metrics('m').log(a=1)
    exp.log('line')
    exp.tracks('t').append(_ts=1, a=1)
    exp.params.set(a=1)
    exp.files('f').save_text('x', to='x.txt')
"""


def test_a_platform_without_locks(tmp_path: Path) -> None:
    """Where there is no ``fcntl`` one process records as anywhere; 0.6 could not be imported."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)],
                          capture_output=True, text=True)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    with Experiment("o/p/n", dash_root=tmp_path).run as exp:
        run = recorded(exp)
    assert (run.metrics["m"], run.params, len(run.logs), len(run.tracks["t"]), len(run.files)) == (
        [{"a": 1}], {"a": 1}, 1, 1, 1)  # fmt: skip
