"""Looking at the nodes of a module: what they spell, test and hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final

import libcst as cst

Node = cst.CSTNode

_BROAD: Final = frozenset({"Exception", "BaseException"})
_LAYOUT: Final = frozenset({
    "lpar", "rpar", "leading_lines", "lines_after_decorators", "header", "footer", "comma",
    "semicolon", "equal", "dot", "lbracket", "rbracket", "lbrace", "rbrace", "operator", "colon",
    "indent", "trailing_whitespace", "star", "encoding", "default_indent", "default_newline",
})  # fmt: skip
_NAMES: dict[type[Node], tuple[str, ...]] = {}


def parts_of(kind: type[Node]) -> tuple[str, ...]:
    """Return the names of the fields of a kind of node that are more than layout."""
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(
            each.name for each in fields(kind)
            if each.name not in _LAYOUT and not each.name.startswith("whitespace")
        )  # fmt: skip
    return names


def name_of(node: Node) -> Node:
    """Return the name by which a use is rewritten: a member's, or an argument's."""
    if isinstance(node, cst.Call):
        return name_of(node.func)
    if isinstance(node, cst.Attribute):
        return node.attr
    return node.keyword if isinstance(node, cst.Arg) and node.keyword is not None else node


def is_broad(handler: cst.ExceptHandler) -> bool:
    """Tell whether an ``except`` catches everything."""
    return handler.type is None or dotted(handler.type) in _BROAD


def is_none_test(node: cst.Comparison) -> bool:
    """Tell whether something is compared with None."""
    parts = [node.left, *(each.comparator for each in node.comparisons)]
    return any(isinstance(part, cst.Name) and part.value == "None" for part in parts)


def tests(body: Node) -> dict[str, str]:
    """Return the names that a body tests, with how: ``is None`` or ``truth``."""
    found: dict[str, str] = {}
    for node in _below(body):
        tested: Node | None = None
        if isinstance(node, cst.Comparison) and is_none_test(node):
            if isinstance(node.left, cst.Name):
                found[node.left.value] = "is None"
        elif isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
            tested = node.expression
        elif isinstance(node, (cst.If, cst.IfExp)):
            tested = node.test
        elif isinstance(node, cst.BooleanOperation):
            tested = node.left
        if isinstance(tested, cst.Name):
            found.setdefault(tested.value, "truth")
    return found


def _below(node: Node) -> Iterator[Node]:
    """Yield what is below a node, other functions left out."""
    for name in parts_of(type(node)):
        for child in children(node, name):
            if not isinstance(child, cst.FunctionDef):
                yield child
                yield from _below(child)


def children(node: Node, name: str) -> Iterable[Node]:
    """Return the nodes that a field of a node holds."""
    value = getattr(node, name)
    if isinstance(value, cst.CSTNode):
        return (value,)
    if isinstance(value, (list, tuple)):
        return [each for each in value if isinstance(each, cst.CSTNode)]
    return ()


def dotted(node: Node | None) -> str | None:
    """Return the dotted name that a node spells; None when it spells none."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        start = dotted(node.value)
        return None if start is None else f"{start}.{node.attr.value}"
    return None
