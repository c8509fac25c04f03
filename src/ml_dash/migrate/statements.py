"""Reading the statements of a module: what they bind, define and import."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, Final

from ml_dash.migrate.definitions import Definitions
from ml_dash.migrate.kinds import NONE, Kind, Known, element, join_all, many
from ml_dash.migrate.members import last_name
from ml_dash.migrate.scopes import Names

_ENDS: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Statements(Definitions):
    """Reads statements."""

    def read(self, tree: ast.Module) -> None:
        """Read a module."""
        self.parents.append(tree)
        self.body(tree.body)
        self.read_later()
        self.parents.pop()
        for name, kind in self._scopes[0].ever.items():
            self.learned.names[name] = kind

    def body(self, statements: Iterable[ast.stmt]) -> None:
        """Read statements one after the other."""
        for node in statements:
            self.parents.append(node)
            read = _READ.get(type(node))
            if read is not None:
                read(self, node)
            else:
                self.below(node)
            self.parents.pop()

    # -- names -----------------------------------------------------------------------------------

    def _assign(self, node: ast.Assign) -> None:
        found = self.kind_of(node.value)
        for target in node.targets:
            self._bind_target(target, found)

    def _annotated_assign(self, node: ast.AnnAssign) -> None:
        found = self.kind_of(node.value) if node.value is not None else None
        said = self.annotated(node.annotation)
        self._bind_target(node.target, said if said is not None else found)

    def _bind_target(self, target: ast.AST, kind: Known) -> None:
        if isinstance(target, ast.Name):
            self.bind(target.id, kind)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, kind)
        elif isinstance(target, ast.Starred):
            self._bind_target(target.value, many(kind))
        elif isinstance(target, ast.Attribute):
            self.parents.append(target)
            owner = self.kind_of(target.value)
            self.parents.pop()
            if owner is not None and owner.form in ("object", "class") and ":" in owner.name:
                self.bind_member(owner.name, target.attr, kind)
        elif isinstance(target, ast.Subscript):
            self.kind_of(target.slice)
            held = self.kind_of(target.value)
            if held is not None and held.form == "map" and isinstance(target.value, ast.Name):
                kinds = (kind if held.of[0] == NONE else join_all([held.of[0], kind]),)
                self.bind(target.value.id, Kind("map", of=kinds))

    def _unpack(self, targets: list[ast.expr], kind: Known) -> None:
        fixed = kind is not None and kind.form == "tuple" and len(kind.of) == len(targets)
        fixed = fixed and not any(isinstance(each, ast.Starred) for each in targets)
        for number, target in enumerate(targets):
            inner = kind.of[number] if kind is not None and fixed else element(kind)
            self._bind_target(target, inner)

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.narrow(target.id, None)
            else:
                self.kind_of(target)

    def _outside(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.elsewhere.update(node.names)

    # -- branches --------------------------------------------------------------------------------

    def _branch(self, body: list[ast.stmt], before: Names) -> Names | None:
        """Read a branch; return what the names are at its end, None where it does not end."""
        self.scope.names = dict(before)
        self.body(body)
        return None if body and isinstance(body[-1], _ENDS) else self.scope.names

    def _go_on(self, branches: list[Names | None], before: Names) -> None:
        self.merge([each for each in branches if each is not None] or [before])

    def _if(self, node: ast.If) -> None:
        self.test(node.test)
        before = self.scope.names
        self.scope.names = dict(before)
        for name, kind in self._told(node.test):
            self.narrow(name, kind)
        first = self._branch(node.body, self.scope.names)
        second = self._branch(node.orelse, before)
        for name, _ in self._told(node.test):  # what a test has told holds in its branch only
            if first is not None and name in before:
                first[name] = before[name]
        self._go_on([first, second], before)

    def _told(self, test: ast.expr) -> list[tuple[str, Known]]:
        """Return what a test says of names: ``isinstance(name, Class)``."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return [each for part in test.values for each in self._told(part)]
        if not (isinstance(test, ast.Call) and last_name(test.func) == "isinstance"
                and len(test.args) == 2 and isinstance(test.args[0], ast.Name)):  # fmt: skip
            return []
        return [(test.args[0].id, self.annotated(test.args[1]))]

    def _loop(self, node: ast.For | ast.AsyncFor) -> None:
        inner = element(self.kind_of(node.iter))
        before = dict(self.scope.names)
        self._bind_target(node.target, inner)
        inside = self._branch(node.body, self.scope.names)
        self._go_on([inside, before], before)
        self.body(node.orelse)

    def _while(self, node: ast.While) -> None:
        self.test(node.test)
        before = self.scope.names
        self._go_on([self._branch(node.body, before), before], before)
        self.body(node.orelse)

    def _try(self, node: Any) -> None:
        before = dict(self.scope.names)
        self.body(node.body)
        inside = self.scope.names
        self.body(node.orelse)
        ends = bool(node.body) and isinstance(node.body[-1], _ENDS)
        branches: list[Names | None] = [None if ends else self.scope.names]
        for handler in node.handlers:
            self.parents.append(handler)
            self.scope.names = dict(before)
            self.merge([before, inside])
            if handler.type is not None:
                self.kind_of(handler.type)
            if handler.name:
                self.bind(handler.name, None)
            branches.append(self._branch(handler.body, self.scope.names))
            self.parents.pop()
        self._go_on(branches, before)
        self.body(node.finalbody)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            found = self.entered(self.kind_of(item.context_expr))
            if item.optional_vars is not None:
                self._bind_target(item.optional_vars, found)
        self.body(node.body)

    def _assert(self, node: ast.Assert) -> None:
        self.test(node.test)
        for name, kind in self._told(node.test):
            self.narrow(name, kind)
        if node.msg is not None:
            self.kind_of(node.msg)

    def _match(self, node: Any) -> None:
        self.kind_of(node.subject)
        before = self.scope.names
        branches: list[Names | None] = [dict(before)]
        for case in node.cases:
            self.scope.names = dict(before)
            self._pattern(case.pattern)
            if case.guard is not None:
                self.test(case.guard)
            branches.append(self._branch(case.body, self.scope.names))
        self._go_on(branches, before)

    def _pattern(self, node: Any) -> None:
        """Bind the names of a pattern; ``case Class() as name`` says what it is."""
        for each in ast.walk(node):
            name = getattr(each, "name", None) or getattr(each, "rest", None)
            if isinstance(name, str):
                inner = getattr(each, "pattern", None)
                self.narrow(name, self.annotated(getattr(inner, "cls", None)))


_READ: dict[type[ast.AST], Callable[[Any, Any], None]] = {
    ast.Import: Statements._import,
    ast.ImportFrom: Statements._import_from,
    ast.ClassDef: Statements._class,
    ast.FunctionDef: Statements._define,
    ast.AsyncFunctionDef: Statements._define,
    ast.Return: Statements._return,
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._annotated_assign,
    ast.Delete: Statements._delete,
    ast.Global: Statements._outside,
    ast.Nonlocal: Statements._outside,
    ast.If: Statements._if,
    ast.For: Statements._loop,
    ast.AsyncFor: Statements._loop,
    ast.While: Statements._while,
    ast.Try: Statements._try,
    ast.With: Statements._with,
    ast.AsyncWith: Statements._with,
    ast.Assert: Statements._assert,
    ast.Match: Statements._match,
}
if hasattr(ast, "TryStar"):
    _READ[ast.TryStar] = Statements._try
