"""What a module imports and defines: its classes, its functions, and what they give."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Final

from ml_dash.migrate import known
from ml_dash.migrate.expressions import Expressions
from ml_dash.migrate.kinds import NONE, Kind, Known, element, join_all, many, thing
from ml_dash.migrate.members import last_name
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


class Definitions(Expressions):
    """Reads imports and definitions; bodies of functions after all that is around them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.parents = []
        self._later: list[tuple[Function, list[Scope]]] = []

    def met_import(self, node: ast.ImportFrom, module: str) -> None:
        """Look at an import from a module of ml-dash."""

    def body(self, statements: Iterable[ast.stmt]) -> None:
        """Read statements one after the other."""
        raise NotImplementedError

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
        for member, kind in scope.ever.items():
            self.bind_member(name, member, kind)

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

    def read_later(self) -> None:
        """Read the bodies of functions, those inside of them behind each."""
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
            found: Known = said if said is not None else many(gives)
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
