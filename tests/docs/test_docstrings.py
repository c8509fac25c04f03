"""The examples in the docstrings of the package run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import ml_dash as package

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SCRIPTS = {"ml_dash.server.migrations.env"}
"""Modules that only another program runs: Alembic, in a context of its own."""
MODULES = sorted(
    {"ml_dash", *(found.name for found in pkgutil.walk_packages(package.__path__, "ml_dash."))}
    - SCRIPTS
)
UNRUN = re.compile(r"^\s*(Examples?:\s*$|```python)", re.MULTILINE)


def docstrings(module: str) -> list[doctest.DocTest]:
    """Return the docstrings of a module, also those without an example."""
    finder = doctest.DocTestFinder(exclude_empty=False)
    return finder.find(importlib.import_module(module), module)


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example of the module's docstrings prints what stands below it."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for test in docstrings(module):
        report: list[str] = []
        failed = runner.run(test, out=report.append).failed
        assert not failed, "".join(report)


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_written_to_run(module: str) -> None:
    """What calls itself an example is written with >>>, the one form that is run."""
    bad = [
        test.name
        for test in docstrings(module)
        if UNRUN.search(test.docstring or "") and not test.examples
    ]
    assert not bad
