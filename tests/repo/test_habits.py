"""Habits of the code that no linter knows: sizes, docstrings of tests, what may not stand in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    """Return how a file is called in a message."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """Yield the functions and methods of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Return the number of lines of a function, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def broad_handlers(path: Path) -> list[ast.ExceptHandler]:
    """Return the handlers of a file that catch everything and do not pass it on at their end."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]


def test_source_is_found() -> None:
    """The checks below look at files, not at an empty list."""
    assert len(SOURCES) > 10
    assert TESTS


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    """A file stays below 400 lines and a function below 40, so that each is one thing."""
    long = [
        f"{function.name} has {length(function)} lines"
        for function in functions(path)
        if length(function) >= LONGEST_FUNCTION
    ]
    lines = path.read_text("utf-8").count("\n")
    if lines >= LONGEST_FILE:
        long.append(f"the file has {lines} lines")
    assert not long


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each test has a docstring."""
    silent = [
        function.name
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not silent


def test_broad_handlers_have_one_home() -> None:
    """Only the policy keeps whatever it catches, and no check is muted."""
    allowed = {"src/ml_dash/_base/policy.py"}
    muted = re.compile(r"noqa:[^\n]*\b(BLE001|E722|S110|S112|T201|TRY\d+|LOG\d+|G\d+)\b")
    assert {name(path) for path in SOURCES if broad_handlers(path)} <= allowed
    assert [name(path) for path in SOURCES if muted.search(path.read_text("utf-8"))] == []


def test_names_no_registry_and_no_machine() -> None:
    """No file of the repository names a registry's host, or a folder of the machine it is on."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com"]
    folders = [str(ROOT), sys.prefix, *([str(Path.home())] if len(Path.home().parts) > 1 else [])]
    found = []
    for listed_name in filter(None, listed.split("\0")):
        path = ROOT / listed_name
        if path.is_file():
            text = path.read_bytes()
            found += [(listed_name, word) for word in hosts + folders if word.encode() in text]
    assert not found
