"""What a program does with an answer: tests it, uses it, hands it on, or nothing."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

NONE_TEST: Final = "is None"
TRUTH: Final = "truth"
OR: Final = "or"
UNUSED: Final = "unused"
USED: Final = "used"
PASSED_ON: Final = "passed on"
METHOD: Final = "not called here"
EMPTY: Final = "tested for empty"

_TESTS: Final = (NONE_TEST, TRUTH, OR)
_BROAD: Final = frozenset({"Exception", "BaseException"})
_DEREFERENCED: Final = (ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp, ast.For, ast.AsyncFor,
                        ast.FormattedValue, ast.withitem, ast.comprehension, ast.Compare,
                        ast.Starred, ast.Delete)  # fmt: skip
_READERS: Final = frozenset({"print", "len", "str", "int", "float", "sorted", "list", "dict", "set",
                             "tuple", "sum", "min", "max", "any", "all", "enumerate", "iter",
                             "format", "open", "isinstance"})  # fmt: skip
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)

Path = Sequence[ast.AST]
"""Nodes from the outermost to the one that is looked at."""


def of_answer(path: Path, *, shows_last: bool = False) -> str:
    """Return what is done with the answer of the last node of a path.

    Args:
        path: The node and those around it.
        shows_last: Whether an answer that nothing is done with is shown, as in a notebook.
    """
    child, named = path[-1], ""
    for at in range(len(path) - 2, -1, -1):
        parent = path[at]
        if isinstance(parent, ast.NamedExpr):
            named = named or _named(parent.target, path[: at + 1])
        found = _by(parent, child, path[: at + 1], shows_last)
        if found:
            return found if not named or found in _TESTS else named
        child = parent
    return USED


def _by(parent: ast.AST, child: ast.AST, path: Path, shows_last: bool) -> str:
    """Return what a node does with its child; empty when it only gives it on to its own."""
    if isinstance(parent, (ast.NamedExpr, ast.Await)):
        return ""
    if isinstance(parent, (ast.IfExp, ast.BoolOp)):
        return _by_branch(parent, child)
    if isinstance(parent, ast.Compare) and _is_none_test(parent):
        return NONE_TEST
    if isinstance(parent, (ast.If, ast.While, ast.Assert)) or _is_not(parent):
        return TRUTH
    if isinstance(parent, ast.comprehension):
        return TRUTH if child is not parent.iter else USED
    if isinstance(parent, ast.Call):
        return _by_call(parent, child)
    if isinstance(parent, (ast.Assign, ast.AnnAssign)):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        return (_named(targets[0], path) if len(targets) == 1 else "") or PASSED_ON
    if isinstance(parent, ast.Expr):
        return USED if shows_last else UNUSED
    return USED if isinstance(parent, _DEREFERENCED) else PASSED_ON


def _by_branch(parent: ast.IfExp | ast.BoolOp, child: ast.AST) -> str:
    if isinstance(parent, ast.IfExp):
        return TRUTH if child is parent.test else ""
    if child is parent.values[-1]:
        return ""
    return OR if isinstance(parent.op, ast.Or) else TRUTH


def _by_call(parent: ast.Call, child: ast.AST) -> str:
    if child is parent.func:
        return USED
    name = parent.func.id if isinstance(parent.func, ast.Name) else ""
    if name == "bool":
        return TRUTH
    return USED if name in _READERS else PASSED_ON


def _is_not(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_none_test(node: ast.Compare) -> bool:
    parts = [node.left, *node.comparators]
    return any(isinstance(each, ast.Constant) and each.value is None for each in parts)


# -- answers that have a name ----------------------------------------------------------------------


class _Reading(NamedTuple):
    path: list[ast.AST]
    loops: list[ast.AST]


def _named(target: ast.AST, path: Path) -> str:
    """Return what is done with a name after an answer was given to it."""
    if not isinstance(target, ast.Name):
        return ""
    found = {of_answer(reading.path) for reading in _after(target, path)}
    for strongest in _TESTS:
        if strongest in found:
            return strongest
    return USED if found == {USED} else PASSED_ON


def _after(target: ast.Name, path: Path) -> Iterator[_Reading]:
    """Yield where a name is read after it was bound, or before it in the same loop."""
    inside = max((at for at, each in enumerate(path) if isinstance(each, _FUNCTIONS)), default=0)
    around = {id(each) for each in path if isinstance(each, _LOOPS)}
    for reading in _readings(path[inside]).get(target.id, ()):
        node: Any = reading.path[-1]
        after = (node.lineno, node.col_offset) > (target.lineno, target.col_offset)
        if after or any(id(loop) in around for loop in reading.loops):
            yield reading


@functools.lru_cache(maxsize=16)
def _readings(node: ast.AST) -> dict[str, list[_Reading]]:
    """Return where names are read below a node, in functions inside of it too."""
    found: dict[str, list[_Reading]] = {}
    waiting: list[tuple[ast.AST, list[ast.AST], list[ast.AST]]] = [(node, [], [])]
    while waiting:
        each, above, loops = waiting.pop()
        path = [*above, each]
        if isinstance(each, ast.Name):
            if isinstance(each.ctx, ast.Load):
                found.setdefault(each.id, []).append(_Reading(path, loops))
            continue
        inner = [*loops, each] if isinstance(each, _LOOPS) else loops
        waiting.extend((child, path, inner) for child in ast.iter_child_nodes(each))
    return found


_MEASURES: Final = frozenset({"any", "all", "bool"})


def expects_empty(path: Path, depth: int = 3) -> bool:
    """Tell whether the program tests if the page or list that a call gives is empty."""
    child = path[-1]
    for at in range(len(path) - 2, -1, -1):
        parent = path[at]
        if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant):
            if isinstance(parent.slice.value, int):
                return False  # fails where it is empty
        elif isinstance(parent, ast.Call):
            name = parent.func.id if isinstance(parent.func, ast.Name) else ""
            if child is not parent.func and name != "len":
                return name in _MEASURES
        elif isinstance(parent, (ast.Assign, ast.NamedExpr)):
            target = parent.targets[0] if isinstance(parent, ast.Assign) else parent.target
            if depth and isinstance(target, ast.Name) and any(
                expects_empty(each.path, depth - 1) for each in _after(target, path[: at + 1])
            ):
                return True
            if isinstance(parent, ast.Assign):
                return False
        elif not isinstance(parent, (ast.Attribute, ast.Subscript, ast.Await)):
            return _by(parent, child, path[: at + 1], False) in _TESTS or isinstance(
                parent, ast.Compare
            )
        child = parent
    return False


# -- what is around a call -------------------------------------------------------------------------


def is_guarded(path: Path) -> bool:
    """Tell whether a broad ``except`` is around the last node, in its function."""
    return _handlers(path) is not None


def _handlers(path: Path) -> ast.Try | None:
    for at in range(len(path) - 2, -1, -1):
        node = path[at]
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            return None
        if isinstance(node, ast.Try) and _catches_all(node, path[at + 1]):
            return node
        if isinstance(node, ast.With) and path[at + 1] in node.body and _suppresses(node):
            return ast.Try([], [], [], [])
    return None


def _catches_all(node: ast.Try, inside: ast.AST) -> bool:
    return inside in node.body and any(map(_is_broad, node.handlers))


def _is_broad(handler: ast.ExceptHandler) -> bool:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or _word(each) in _BROAD for each in types)


def _suppresses(node: ast.With) -> bool:
    calls = [each.context_expr for each in node.items if isinstance(each.context_expr, ast.Call)]
    return any(_word(call.func) == "suppress" and _BROAD & set(map(_word, call.args))
               for call in calls)  # fmt: skip


def _word(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def typed_except(path: Path) -> tuple[int, int] | None:
    """Return where the ``Exception`` stands that nothing but the last node, a call, can mean.

    That is so in a ``try`` around one statement that only keeps or returns what the call gives,
    and whose arguments cannot fail.
    """
    outer = _handlers(path)
    if outer is None or len(outer.body) != 1 or path[-2] is not outer.body[0]:
        return None
    statement, call = path[-2], path[-1]
    if not isinstance(call, ast.Call) or not _only_keeps(statement, call):
        return None
    last = outer.handlers[-1].type
    if not isinstance(last, ast.Name) or last.id != "Exception":
        return None
    return (last.lineno, last.col_offset) if _cannot_fail(call) else None


def _only_keeps(statement: ast.AST, call: ast.Call) -> bool:
    if isinstance(statement, ast.Assign):
        return all(isinstance(each, ast.Name) for each in statement.targets)
    return isinstance(statement, (ast.Return, ast.Expr)) and statement.value is call


def _cannot_fail(call: ast.Call) -> bool:
    arguments = [*call.args, *(each.value for each in call.keywords)]
    if not all(isinstance(each, (ast.Constant, ast.Name)) for each in arguments):
        return False
    node = call.func
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) or (isinstance(node, ast.Call) and _cannot_fail(node))


def is_simple(node: ast.AST) -> bool:
    """Tell whether it does not matter when an expression is evaluated."""
    if isinstance(node, ast.JoinedStr):
        return all(map(is_simple, node.values))
    if isinstance(node, ast.FormattedValue):
        return is_simple(node.value)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Attribute):
        return is_simple(node.value)
    return isinstance(node, (ast.Constant, ast.Name))
