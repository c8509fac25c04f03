"""What members, calls and annotations are, of our types and of the project's."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from ml_dash.migrate import known
from ml_dash.migrate.kinds import NONE, Kind, Known, giving, join, join_all, many
from ml_dash.migrate.scopes import Scopes

_MAPS: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict",
                          "DefaultDict", "OrderedDict"})  # fmt: skip
_MANY: Final = frozenset({
    "list", "List", "Sequence", "Iterable", "Iterator", "Collection", "set", "Set", "frozenset",
    "FrozenSet", "tuple", "Tuple", "Generator", "AsyncIterator", "AsyncGenerator",
    "AsyncIterable", "deque", "MutableSequence",
})  # fmt: skip


def last_name(node: ast.AST) -> str:
    """Return the name at the end of a dotted one; empty for what is none."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


class Members(Scopes):
    """Knows what comes of what."""

    # -- members ---------------------------------------------------------------------------------

    def member(self, owner: Known, name: str) -> Known:
        """Return what an attribute of something is."""
        if owner is None:
            return None
        if owner.form == "module":
            if owner.name.endswith(":"):
                return self.project.name_of(owner.name[:-1], name)
            return known.member_of_module(owner.name, name)
        if owner.form in ("each", "map"):
            return _of_container(owner, name)
        if owner.form not in ("object", "class"):
            return None
        if ":" not in owner.name:
            return known.MEMBERS.get((owner.name, name)) if owner.form == "object" else None
        found = self.class_of(owner.name)
        if found is None:
            return None
        if name in found.members:
            return found.members[name]
        above = (self.member(owner._replace(name=base.name), name)
                 for base in found.bases if base is not None)  # fmt: skip
        return next((kind for kind in above if kind is not None), None)

    def type_of(self, owner: Known, name: str) -> str:
        """Return which of our types a member comes from: of a class of the project its base."""
        if owner is None or owner.form not in ("object", "class"):
            return ""
        if ":" not in owner.name:
            return owner.name
        found = self.class_of(owner.name)
        if found is None or name in found.members:
            return ""
        bases = (self.type_of(base, name) for base in found.bases)
        return next((each for each in bases if each), "")

    # -- calls -----------------------------------------------------------------------------------

    def given_by(self, func: Kind) -> Known:
        """Return what calling something gives."""
        if func.form == "class":
            return Kind("object", func.name)
        if func.form == "function":
            return func.of[0] if func.of else self.returned(func.name)
        if func.form == "object" and ":" in func.name:
            method = self.member(func, "__call__")
            return self.given_by(method) if method is not None else self._from_base(func)
        return known.CALLED.get(func.name) if func.form == "object" else None

    def _from_base(self, func: Kind) -> Known:
        base = self.type_of(func, "__call__")
        return known.CALLED.get(base)

    def entered(self, kind: Known) -> Known:
        """Return what ``with`` makes of something."""
        if kind is None:
            return None
        if kind.form == "entered":
            return kind.of[0]
        if kind.form != "object":
            return None
        if ":" not in kind.name:
            return known.ENTERED.get(kind.name)
        for name in ("__enter__", "__aenter__"):
            method = self.member(kind, name)
            if method is not None:
                return self.given_by(method)
        # A subclass of ours enters as itself.
        own = known.ENTERED.get(self.type_of(kind, "__enter__"))
        return kind if own is not None else None

    # -- annotations -----------------------------------------------------------------------------

    def annotated(self, node: ast.AST | None) -> Known:
        """Return what an annotation says."""
        if node is None:
            return None
        if isinstance(node, ast.Constant):
            return NONE if node.value is None else self._quoted(node.value)
        if isinstance(node, ast.BinOp):
            return join(self.annotated(node.left), self.annotated(node.right))
        if isinstance(node, ast.Subscript):
            return self._parameterised(last_name(node.value), node.slice)
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return None
        found = self._plain(node)
        return Kind("object", found.name) if found is not None and found.form == "class" else None

    def _plain(self, node: ast.AST) -> Known:
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        if isinstance(node, ast.Attribute):
            return self.member(self._plain(node.value), node.attr)
        return None

    def _quoted(self, text: object) -> Known:
        if not isinstance(text, str):
            return None
        try:
            return self.annotated(ast.parse(text.strip(), mode="eval").body)
        except SyntaxError:
            return None  # a text in `Literal["..."]` is no annotation

    def _parameterised(self, name: str, inner: ast.AST) -> Known:
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        first, last = parts[0], parts[-1]
        if name == "Optional":
            return join(self.annotated(first), NONE)
        if name == "Union":
            return join_all([self.annotated(each) for each in parts])
        if name in ("Annotated", "Final", "ClassVar", "Required", "NotRequired", "Coroutine"):
            return self.annotated(last if name == "Coroutine" else first)
        if name in _MAPS:
            return Kind("map", of=(self.annotated(last),))
        if name.lower() == "tuple" and not _is_open(parts):
            return Kind("tuple", of=tuple(self.annotated(each) for each in parts))
        if name in _MANY:
            return many(self.annotated(first))
        if name == "Callable":
            return giving(self.annotated(last))
        found = self.annotated(first) if name in ("type", "Type") else None
        return found._replace(form="class") if found is not None else None


def _is_open(parts: Sequence[ast.AST]) -> bool:
    return isinstance(parts[-1], ast.Constant) and parts[-1].value is Ellipsis


def _of_container(owner: Kind, name: str) -> Known:
    held = owner.of[0]
    if owner.form == "each":
        return giving(held) if name == "pop" else giving(owner) if name == "copy" else None
    found = {
        "values": many(held), "items": many(Kind("tuple", of=(None, held))),
        "get": join(held, NONE), "pop": held, "setdefault": held, "copy": owner,
    }  # fmt: skip
    return giving(found[name]) if name in found else None
