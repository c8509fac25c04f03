"""Conditions on runs: a small, safe part of Python's expressions."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any, Final

from ml_dash.exceptions import UsageError
from ml_dash.runs.run import Run
from ml_dash.runs.values import MISSING, checked_name, value_of

Value = Callable[[Run], Any]
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.eq, ast.IsNot: operator.ne,
}  # fmt: skip
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}  # fmt: skip
_HINT: Final = "Write it as \"params.lr < 0.01 and status == 'FAILED'\""
_LONGEST: Final = 10_000


def where(text: str) -> Callable[[Run], bool]:
    """Return a condition on runs.

    Args:
        text: Comparisons of names (see :func:`ml_dash.runs.value_of`), numbers, texts and lists,
            joined by ``and``, ``or`` and ``not``; ``metrics["a/b"].loss`` for odd names. A
            comparison with something that a run does not have is false; ``== None`` asks for that.

    Raises:
        UsageError: it is no such condition.
    """
    try:
        if len(text) > _LONGEST:
            raise UsageError(f"The condition has {len(text)} characters", hint=_HINT)
        tree = ast.parse(text.strip(), mode="eval")
        value = _value(tree.body)
    except UsageError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{text!r} is no condition: {error}", hint=_HINT, cause=error) from error
    return lambda run: bool(value(run))


def _value(node: ast.expr) -> Value:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.BoolOp):
        return _joined(node)
    if isinstance(node, ast.UnaryOp):
        return _unary(node)
    if isinstance(node, ast.Compare):
        return _compared(node)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _reckoned(_ARITHMETIC[type(node.op)], _value(node.left), _value(node.right))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        parts = [_value(each) for each in node.elts]
        return lambda run: [part(run) for part in parts]
    name = checked_name(_name(node))
    return lambda run: value_of(run, name)


def _constant(value: Any) -> Value:
    return lambda _run: value


def _joined(node: ast.BoolOp) -> Value:
    parts = [_value(each) for each in node.values]
    join = all if isinstance(node.op, ast.And) else any
    return lambda run: join(part(run) for part in parts)


def _unary(node: ast.UnaryOp) -> Value:
    inner = _value(node.operand)
    if isinstance(node.op, ast.Not):
        return lambda run: not inner(run)
    if isinstance(node.op, ast.USub):
        return _reckoned(operator.sub, _constant(0), inner)
    raise _unfit(node)


def _reckoned(how: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    def reckon(run: Run) -> Any:
        try:
            return how(left(run), right(run))
        except (TypeError, ZeroDivisionError, OverflowError):
            return MISSING  # what cannot be reckoned with is nothing

    return reckon


def _compared(node: ast.Compare) -> Value:
    values = [_value(each) for each in (node.left, *node.comparators)]
    hows = [_COMPARE[type(op)] for op in node.ops]

    def compare(run: Run) -> bool:
        found = [value(run) for value in values]
        return all(map(_holds, hows, found, found[1:]))

    return compare


def _holds(how: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    left, right = (None if side is MISSING else side for side in (left, right))
    if (left is None or right is None) and how not in (operator.eq, operator.ne):
        return False
    try:
        return bool(how(left, right))
    except TypeError:
        return False  # a text is neither below nor above a number


def _name(node: ast.expr) -> str:
    """Return the dotted name that a node spells.

    Raises:
        UsageError: it spells none.
    """
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return f"{_name(node.value)}.{node.slice.value!s}"
    raise _unfit(node)


def _unfit(node: ast.AST) -> UsageError:
    return UsageError(f"A condition cannot have {ast.unparse(node)!r}", hint=_HINT)
