"""``ml-dash version``."""

from __future__ import annotations

import platform

import ml_dash as package

from .conftest import Run


def test_version_names_release_and_python(ml_dash: Run) -> None:
    """One line on stdout names ml-dash's version and Python's."""
    done = ml_dash("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ml-dash {package.__version__} (")
    assert platform.python_version() in done.stdout
    assert done.stdout.count("\n") == 1
