"""Whether a test that a table names is there and runs, found by reading its file."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    """Return a test file as a tree."""
    return ast.parse(path.read_text("utf-8"))


def is_never_run(decorators: list[ast.expr]) -> bool:
    """Return whether a mark takes a test out of every run, or expects it to fail."""
    marks = [node.func if isinstance(node, ast.Call) else node for node in decorators]
    return any(ast.unparse(mark).endswith(("mark.skip", "mark.xfail")) for mark in marks)


def module_marks(module: ast.Module) -> list[ast.expr]:
    """Return the marks that hold for every test of a file (``pytestmark``)."""
    values = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return [mark for value in values for mark in getattr(value, "elts", [value])]


def skips_itself(function: Function) -> bool:
    """Return whether a function skips without asking anything first."""
    calls = [node.value for node in function.body if isinstance(node, ast.Expr)]
    return any(
        isinstance(call, ast.Call) and ast.unparse(call.func) in ("pytest.skip", "pytest.xfail")
        for call in calls
    )


def trouble_with(name: str) -> str | None:
    """Return what is wrong with the name of a test, or None when it names one that runs."""
    file, *inner = name.split("::")
    path = ROOT / file
    if not (file.startswith("tests/") and path.name.startswith("test_") and path.is_file()):
        return f"{file} is no test file of this repository"
    module = parsed(path)
    marks, body = module_marks(module), module.body
    for step in inner:
        nodes = [node for node in body if getattr(node, "name", None) == step]
        if not nodes or not isinstance(nodes[0], Function | ast.ClassDef):
            return f"{file} has no {step}"
        node = nodes[0]
        marks, body = marks + node.decorator_list, node.body
    if not inner or not isinstance(node, Function) or not node.name.startswith("test_"):
        return f"{name} names no test"
    if is_never_run(marks) or skips_itself(node):
        return f"{name} is never run"
    return None
