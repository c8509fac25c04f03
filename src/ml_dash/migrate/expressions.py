"""What the expressions of a module are, as far as can be told without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any, Final

from ml_dash.migrate.kinds import NONE, Kind, Known, element, giving, join, join_all, many
from ml_dash.migrate.members import Members, last_name
from ml_dash.migrate.scopes import Scope

_SAME: Final = frozenset({"copy", "deepcopy", "replace", "run", "wait_for", "shield"})
_LISTS: Final = frozenset({"list", "tuple", "set", "sorted", "reversed", "iter", "frozenset"})
_ENTERING: Final = frozenset({"enter_context", "enter_async_context"})
_LEAVES: Final = (ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


class Expressions(Members):
    """Reads expressions."""

    parents: list[ast.AST]
    """The nodes around the one that is being read, and itself."""

    # -- what a reader may look at ---------------------------------------------------------------

    def met_attribute(self, node: ast.Attribute, owner: Known) -> None:
        """Look at an attribute and what it is one of."""

    def met_call(self, node: ast.Call, func: Known, arguments: Sequence[Known]) -> None:
        """Look at a call, what is called, and its arguments without names."""

    def met_test(self, node: ast.expr, kind: Known) -> None:
        """Look at what is asked whether it is true."""

    # -- reading ---------------------------------------------------------------------------------

    def kind_of(self, node: ast.AST) -> Known:
        """Read an expression and return what it is."""
        kind = type(node)
        if kind is ast.Constant:
            return NONE if node.value is None else None  # type: ignore[attr-defined]
        if kind is ast.Name:
            return self.lookup(node.id)  # type: ignore[attr-defined]
        self.parents.append(node)
        read = _READ.get(kind)
        found = read(self, node) if read is not None else self.below(node)
        self.parents.pop()
        return found

    def below(self, node: ast.AST) -> Known:
        """Read what is below a node, of which nothing is known."""
        kind = type(node)
        names = _FIELDS.get(kind)
        if names is None:
            names = _FIELDS[kind] = tuple(name for name in node._fields if name != "ctx")
        for name in names:
            value = getattr(node, name, None)
            if isinstance(value, list):
                for each in value:
                    if isinstance(each, ast.AST):
                        self.kind_of(each)
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                self.kind_of(value)
        return None

    def test(self, node: ast.expr) -> Known:
        """Read an expression that is asked whether it is true."""
        found = self.kind_of(node)
        self.met_test(node, found)
        return found

    # -- operators -------------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute) -> Known:
        owner = self.kind_of(node.value)
        self.met_attribute(node, owner)
        return self.member(owner, node.attr)

    def _named(self, node: ast.NamedExpr) -> Known:
        found = self.kind_of(node.value)
        self.bind(node.target.id, found)
        return found

    def _either(self, node: ast.IfExp) -> Known:
        self.test(node.test)
        return join(self.kind_of(node.body), self.kind_of(node.orelse))

    def _boolean(self, node: ast.BoolOp) -> Known:
        kinds = [self.test(each) for each in node.values[:-1]]
        last = self.kind_of(node.values[-1])
        if isinstance(node.op, ast.And):
            return last
        found = join_all([*kinds, last])
        sure = last is not None and not last.optional and last.form != "none"
        return found._replace(optional=False) if found is not None and sure else found

    def _not(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self.test(node.operand)
        else:
            self.kind_of(node.operand)

    def _same(self, node: Any) -> Known:
        return self.kind_of(node.value)

    def _yield(self, node: ast.Yield) -> None:
        found = self.kind_of(node.value) if node.value is not None else None
        self._function().gives.append(found)

    def _function(self) -> Scope:
        return next(each for each in reversed(self._scopes) if each.form != "inner")

    def _list(self, node: Any) -> Known:
        kinds = [self.kind_of(each) for each in node.elts]
        return Kind("each", of=(join_all(kinds),))

    def _tuple(self, node: ast.Tuple) -> Known:
        return Kind("tuple", of=tuple(self.kind_of(each) for each in node.elts))

    def _dict(self, node: ast.Dict) -> Known:
        for key in node.keys:
            if key is not None:
                self.kind_of(key)
        return Kind("map", of=(join_all([self.kind_of(each) for each in node.values]),))

    def _subscript(self, node: ast.Subscript) -> Known:
        owner = self.kind_of(node.value)
        if not isinstance(node.slice, ast.Constant):
            self.kind_of(node.slice)
        if owner is None or owner.form not in ("each", "map", "tuple"):
            return None
        if isinstance(node.slice, ast.Slice):
            return owner
        if owner.form != "tuple":
            return owner.of[0]
        at = node.slice.value if isinstance(node.slice, ast.Constant) else None
        inside = isinstance(at, int) and -len(owner.of) <= at < len(owner.of)
        return owner.of[at] if inside and isinstance(at, int) else element(owner)

    # -- scopes of their own ---------------------------------------------------------------------

    def _comprehension(self, node: Any) -> Known:
        self._scopes.append(Scope("inner"))
        for each in node.generators:
            self.parents.append(each)
            self.bind_inner(each.target, element(self.kind_of(each.iter)))
            for condition in each.ifs:
                self.test(condition)
            self.parents.pop()
        if isinstance(node, ast.DictComp):
            self.kind_of(node.key)
            found = Kind("map", of=(self.kind_of(node.value),))
        else:
            found = many(self.kind_of(node.elt))
        self._scopes.pop()
        return found

    def bind_inner(self, target: ast.AST, kind: Known) -> None:
        """Bind the names of a comprehension's target in its own scope."""
        names = {each.id: None for each in ast.walk(target) if isinstance(each, ast.Name)}
        found: dict[str, Known] = dict(names)
        if isinstance(target, ast.Name):
            found[target.id] = kind
        elif isinstance(target, ast.Tuple) and kind is not None and kind.form == "tuple":
            for part, inner in zip(target.elts, kind.of, strict=False):
                if isinstance(part, ast.Name):
                    found[part.id] = inner
        self.scope.names.update(found)
        self.scope.ever.update(found)

    def _lambda(self, node: ast.Lambda) -> Known:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.kind_of(default)
        self._scopes.append(Scope("inner"))
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                self.scope.names[argument.arg] = self.scope.ever[argument.arg] = None
        found = giving(self.kind_of(node.body))
        self._scopes.pop()
        return found

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Known:
        func = self.kind_of(node.func)
        arguments = [self.kind_of(each) for each in node.args]
        named = {each.arg: self.kind_of(each.value) for each in node.keywords}
        self.met_call(node, func, arguments)
        if func is None:
            return self._by_name(node, arguments)
        self._note_arguments(func, node, arguments, named)
        return self.given_by(func)

    def _note_arguments(
        self, func: Kind, node: ast.Call, arguments: Sequence[Known], named: dict[Any, Known]
    ) -> None:
        if func.form not in ("function", "class") or ":" not in func.name:
            return
        function = f"{func.name}.__init__" if func.form == "class" else func.name
        # Which of them is which is known where the function is defined.
        for number, kind in enumerate(arguments):
            self.give(function, str(number), kind)
        for name, kind in named.items():
            if name is not None:
                self.give(function, name, kind)

    def _by_name(self, node: ast.Call, arguments: Sequence[Known]) -> Known:
        """Return what a well-known function gives."""
        name = last_name(node.func)
        first = arguments[0] if arguments else None
        if isinstance(node.func, ast.Attribute) and name in ("append", "add"):
            self._grow(node.func.value, first)
        if isinstance(node.func, ast.Name) and name in _BUILT_IN:
            return None if self.is_bound(name) else _BUILT_IN[name](arguments)
        if name == "cast" and len(node.args) == 2:
            return self.annotated(node.args[0])
        if name == "partial" and first is not None:
            return giving(self.given_by(first))
        if name == "nullcontext":
            return Kind("entered", of=(first,))
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return self.member(first, str(node.args[1].value))
        if name in _ENTERING:
            return self.entered(first)
        return first if name in _SAME else None

    def _grow(self, owner: ast.AST, kind: Known) -> None:
        if isinstance(owner, ast.Name):
            before = self.lookup(owner.id)
            if before is not None and before.form == "each":
                self.bind(owner.id, join(before, many(kind)))


_BUILT_IN: dict[str, Callable[[Sequence[Known]], Known]] = {
    "enumerate": lambda given: many(Kind("tuple", of=(None, element(given[0])))) if given else None,
    "zip": lambda given: many(Kind("tuple", of=tuple(map(element, given)))),
    "next": lambda given: element(given[0]) if given else None,
    **dict.fromkeys(_LISTS, lambda given: many(element(given[0])) if given else many(NONE)),
    "dict": lambda given: given[0] if given else Kind("map", of=(NONE,)),
}

_READ: dict[type[ast.AST], Callable[[Any, Any], Known]] = {
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call,
    ast.NamedExpr: Expressions._named,
    ast.IfExp: Expressions._either,
    ast.BoolOp: Expressions._boolean,
    ast.UnaryOp: Expressions._not,
    ast.Await: Expressions._same,
    ast.Yield: Expressions._yield,
    ast.List: Expressions._list,
    ast.Set: Expressions._list,
    ast.Tuple: Expressions._tuple,
    ast.Dict: Expressions._dict,
    ast.Subscript: Expressions._subscript,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.Lambda: Expressions._lambda,
}
