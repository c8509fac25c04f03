"""What tests of what an experiment holds begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_dash import Experiment


@pytest.fixture
def exp(tmp_path: Path) -> Iterator[Experiment]:
    """Return an open experiment."""
    made = Experiment("o/p/n", dash_root=tmp_path, echo=False)
    made.run.start()
    yield made
    made.run.complete()
