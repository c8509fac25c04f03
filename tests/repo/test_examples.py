"""The script in examples/ and the one that ``ml-dash demo`` runs are one file."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_example_is_the_demo() -> None:
    """What a user reads in examples/digits.py is what the demo runs: it is the same file."""
    packaged = ROOT / "src/ml_dash/_examples/digits.py"
    example = ROOT / "examples/digits.py"
    assert example.samefile(packaged)
    assert "from ml_dash import Experiment" in example.read_text("utf-8")
    assert "ml_dash._" not in example.read_text("utf-8")
