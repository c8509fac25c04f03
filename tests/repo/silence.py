"""Finding the places of the package where an exception ends without a word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def _is_empty(value: ast.expr | None) -> bool:
    """Return whether an expression is a sentinel: None, False, "", {}, [], ()."""
    if value is None:
        return True
    if isinstance(value, ast.Constant):
        return value.value in (None, False, "", b"")
    if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        return not value.elts
    return isinstance(value, ast.Dict) and not value.keys


def _own_nodes(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    """Yield the nodes of a handler, without those of functions defined in it."""
    waiting: list[ast.AST] = list(handler.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


TELLING = frozenset({
    "_log.warning", "_log.error", "_log.info", "log_error", "handle_error",
    "_tell_once", "_say_unused", "click.echo", "refuse", "self._refuse",
})  # fmt: skip
"""The calls by which a handler says what happened."""
_LOGGING = frozenset(f"_log.{level}" for level in ("info", "warning", "error", "critical", "log"))
ABSENCE = frozenset({
    "FileNotFoundError", "BlockingIOError", "RemoteNotFoundError", "ExperimentFileNotFoundError",
    "NotFoundError", "MetricNotFoundError", "TrackNotFoundError", "ProjectNotFoundError",
})  # fmt: skip
"""The classes that say "it is not there" (or "somebody has the lock"): an answer, no failure."""


def _tells(handler: ast.ExceptHandler) -> bool:
    calls = [node for node in _own_nodes(handler) if isinstance(node, ast.Call)]
    return any(ast.unparse(call.func) in TELLING for call in calls)


def _means_absence(kinds: list[ast.expr]) -> bool:
    flat = [e for kind in kinds for e in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    return bool(flat) and all(ast.unparse(kind).rpartition(".")[2] in ABSENCE for kind in flat)


def _is_silent(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler goes on as if nothing had happened."""
    if _tells(handler) or (handler.type is not None and _means_absence([handler.type])):
        return False
    return _forgets(handler) or any(
        isinstance(node, (ast.Pass, ast.Continue, ast.Break))
        or (isinstance(node, ast.Return) and _is_empty(node.value))
        for node in _own_nodes(handler)
    )


def _forgets(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler neither raises nor looks at what was raised."""
    nodes = list(_own_nodes(handler))
    looks = any(isinstance(node, ast.Name) and node.id == handler.name for node in nodes)
    shows = any(isinstance(node, ast.keyword) and node.arg == "exc_info" for node in nodes)
    return not (looks or shows or any(isinstance(node, ast.Raise) for node in nodes))


def _suppresses(node: ast.Call) -> bool:
    return ast.unparse(node.func).endswith("suppress")


def silent_places(path: Path) -> Iterator[str]:
    """Yield ``function: exceptions`` for each place of a file where an exception is swallowed."""
    tree = ast.parse(path.read_text("utf-8"))
    owner: dict[ast.AST, str] = {}
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                owner[node] = function.name  # inner functions come later and win
    for node in ast.walk(tree):
        where = owner.get(node, "<module>")
        if isinstance(node, ast.ExceptHandler) and _is_silent(node):
            yield f"{where}: {ast.unparse(node.type) if node.type else 'everything'}"
        elif isinstance(node, ast.Call) and _suppresses(node) and not _means_absence(node.args):
            yield f"{where}: {', '.join(ast.unparse(each) for each in node.args)}"


def logs_without_error(path: Path) -> Iterator[str]:
    """Yield the log calls of a file's handlers that show nothing of the error at hand."""
    for handler in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(handler, ast.ExceptHandler):
            continue
        for call in _own_nodes(handler):
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("_log."):
                shown = {keyword.arg for keyword in call.keywords}
                names = {node.id for arg in call.args for node in ast.walk(arg)
                         if isinstance(node, ast.Name)}  # fmt: skip
                if "exc_info" not in shown and handler.name not in names:
                    yield f"line {call.lineno}"


def logs_without_fields(path: Path) -> Iterator[str]:
    """Yield the log calls of a file that carry no structured fields."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        names = {keyword.arg for keyword in call.keywords}
        if ast.unparse(call.func) in _LOGGING and "extra" not in names:
            yield f"line {call.lineno}"
