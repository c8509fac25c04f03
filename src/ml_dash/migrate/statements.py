"""Reading the statements of a module: what they bind, define and import."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, Final

from ml_dash.migrate import known
from ml_dash.migrate.expressions import Expressions, last_name
from ml_dash.migrate.kinds import NONE, Kind, Known, element, join_all, many, thing
from ml_dash.migrate.project import Class
from ml_dash.migrate.scopes import Names, Scope

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PROPERTIES: Final = frozenset({"property", "cached_property", "rank_zero_experiment"})
_MANAGERS: Final = frozenset({"contextmanager", "asynccontextmanager"})
_PLAIN: Final = frozenset({
    "staticmethod", "classmethod", "lru_cache", "cache", "fixture", "wraps", "override",
    "abstractmethod", "overload", "final", "rank_zero_only", "singledispatch",
})  # fmt: skip
"""Decorators that leave alone what a function gives."""

_ENDS: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Statements(Expressions):
    """Reads statements; bodies of functions after all that is around them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parents = []
        self._later: list[tuple[Function, list[Scope]]] = []

    def met_import(self, node: ast.ImportFrom, module: str) -> None:
        """Look at an import from a module of ml-dash."""

    def read(self, tree: ast.Module) -> None:
        """Read a module."""
        self.parents.append(tree)
        self.body(tree.body)
        self._read_later()
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

    # -- imports ---------------------------------------------------------------------------------

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.split(".")[0]
            if top == known.PACKAGE:
                whole = alias.name if alias.asname else known.PACKAGE
                self.bind(alias.asname or top, Kind("module", whole))
                continue
            name = alias.name if alias.asname else top
            found = self.project.resolve(self.path, name)
            if found is not None:
                self.learned.imports.add(found)
            self.learned.imports |= {each for each in (self.project.resolve(self.path, alias.name),)
                                     if each is not None}  # fmt: skip
            self.bind(alias.asname or top, Kind("module", f"{found}:") if found else None)

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        ours = not node.level and module.split(".")[0] == known.PACKAGE
        if ours:
            self.met_import(node, module)
        place = None if ours else self.project.resolve(self.path, module, node.level)
        if place is not None:
            self.learned.imports.add(place)
        for alias in node.names:
            if alias.name == "*":
                self._bind_all(ours, place)
            elif ours:
                self.bind(alias.asname or alias.name, known.member_of_module(module, alias.name))
            else:
                self.bind(alias.asname or alias.name, self._of_project(place, alias.name))

    def _bind_all(self, ours: bool, place: str | None) -> None:
        if ours:
            for name in known.NAMES:
                self.bind(name, known.member_of_module(known.PACKAGE, name))
        learned = self.project.learned.get(place) if place is not None else None
        for name, kind in learned.names.items() if learned is not None else ():
            self.bind(name, kind)

    def _of_project(self, place: str | None, name: str) -> Known:
        if place is None:
            return None
        found = self.project.name_of(place, name)
        if found is not None and found.form == "module" and found.name.endswith(":"):
            self.learned.imports.add(found.name[:-1])
        return found

    # -- classes and functions -------------------------------------------------------------------

    def _class(self, node: ast.ClassDef) -> None:
        bases = tuple(self.kind_of(each) for each in node.bases)
        for each in (*node.decorator_list, *(each.value for each in node.keywords)):
            self.kind_of(each)
        name = self._id(node.name)
        members = self.learned.classes.get(name, Class()).members
        self.learned.classes[name] = Class(bases, members)
        self.bind(node.name, Kind("class", name))
        self._scopes.append(Scope("class", function=name))
        self.body(node.body)
        scope = self._scopes.pop()
        for each, kind in scope.ever.items():
            self.bind_member(name, each, kind)

    def _id(self, name: str) -> str:
        outer = self.scope.function
        return f"{outer}.{name}" if outer else f"{self.module}:{name}"

    def _define(self, node: Function) -> None:
        for each in node.decorator_list:
            self.kind_of(each)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.kind_of(default)
        name = self._id(node.name)
        found: Known = Kind("function", name)
        if _PROPERTIES & set(map(_decorator, node.decorator_list)):
            found = self.returned(name)
        self.bind(node.name, found)
        self._later.append((node, list(self._scopes)))

    def _read_later(self) -> None:
        while self._later:
            node, scopes = self._later.pop(0)
            outer, self._scopes = self._scopes, scopes
            parents, self.parents = self.parents, [*self.parents[:1], node]
            self._function_body(node)
            self._scopes, self.parents = outer, parents

    def _function_body(self, node: Function) -> None:
        name = self._id(node.name)
        scope = Scope("function", self._parameters(node, name), function=name)
        scope.ever = dict(scope.names)
        owner = self.scope.function if self.scope.form == "class" else ""
        self._scopes.append(scope)
        self.body(node.body)
        self._scopes.pop()
        self._learn_returned(node, name, scope, owner)

    def _learn_returned(self, node: Function, name: str, scope: Scope, owner: str) -> None:
        decorators = [_decorator(each) for each in node.decorator_list]
        said = self.annotated(node.returns)
        gives = join_all(scope.gives) if scope.gives else None
        yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in _own_nodes(node))
        if "fixture" in decorators:
            kind = element(said) if yields and said is not None else said
            self.learned.fixtures[_fixture_name(node)] = kind if kind is not None else gives
        if yields:
            found = said if said is not None else many(gives)
            found = Kind("entered", of=(element(found),)) if _MANAGERS & set(decorators) else found
        else:
            found = said if said is not None else gives
        unsure = set(decorators) - _PLAIN - _PROPERTIES - _MANAGERS
        self.learned.returns[name] = None if unsure and said is None else found
        if owner and _PROPERTIES & set(decorators):
            self.learned.classes[owner].members[node.name] = self.learned.returns[name]

    def _parameters(self, node: Function, name: str) -> Names:
        """Return what the parameters of a function are when it begins."""
        given = node.args
        found: Names = {}
        plain = [*given.posonlyargs, *given.args]
        method = self.scope.form == "class" and "staticmethod" not in map(
            _decorator, node.decorator_list
        )
        defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
        for number, (each, default) in enumerate(zip(plain, defaults, strict=True)):
            found[each.arg] = self._parameter(each, default, name, str(number - method))
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            found[each.arg] = self._parameter(each, default, name, each.arg)
        if given.vararg is not None:
            found[given.vararg.arg] = many(self.annotated(given.vararg.annotation))
        if given.kwarg is not None:
            found[given.kwarg.arg] = Kind("map", of=(self.annotated(given.kwarg.annotation),))
        if method and plain:
            by_class = "classmethod" in map(_decorator, node.decorator_list)
            found[plain[0].arg] = Kind("class" if by_class else "object", self.scope.function)
        if any(map(self._gives_experiment, node.decorator_list)) and "experiment" in found:
            found["experiment"] = thing("Experiment")
        return found

    def _gives_experiment(self, node: ast.AST) -> bool:
        plain = node.func if isinstance(node, ast.Call) else node
        return self._plain(plain) == Kind("function", "ml_dash_experiment")

    def _parameter(
        self, node: ast.arg, default: ast.AST | None, function: str, place: str
    ) -> Known:
        said = self.annotated(node.annotation)
        if said is not None or node.annotation is not None:
            return said
        calls = [self.given(function, each) for each in {place, node.arg}]
        known_calls = [each for each in calls if each is not None]
        if known_calls:
            return join_all(known_calls)
        asked = self.project.fixture(self.path, node.arg) or (
            self._before.fixtures.get(node.arg) if self._before is not None else None)  # fmt: skip
        if asked is not None and _asks_fixtures(self.parents[-1]):
            return asked
        return NONE if isinstance(default, ast.Constant) and default.value is None else None

    def _return(self, node: ast.Return) -> None:
        found = self.kind_of(node.value) if node.value is not None else NONE
        self._function().gives.append(found)

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


def _decorator(node: ast.AST) -> str:
    return last_name(node.func if isinstance(node, ast.Call) else node)


def _own_nodes(node: Function) -> Iterable[ast.AST]:
    """Yield the nodes of a function, other functions left out."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(each))


def _fixture_name(node: Function) -> str:
    for each in node.decorator_list:
        for keyword in each.keywords if isinstance(each, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return node.name


def _asks_fixtures(node: ast.AST) -> bool:
    """Tell whether pytest gives a function what its parameters are called."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return node.name.startswith("test") or "fixture" in map(_decorator, node.decorator_list)


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
