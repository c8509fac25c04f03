"""Finding uses of what changes in a module, without running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ml_dash.flags import Api, Flag
from ml_dash.migrate import known
from ml_dash.migrate.known import Knowledge
from ml_dash.migrate.nodes import (
    Node,
    children,
    dotted,
    is_broad,
    is_none_test,
    name_of,
    parts_of,
    tests,
)

CERTAIN: Final = "certain"
LIKELY: Final = "likely"
_OPTIONAL: Final = frozenset({"Optional", "typing.Optional", "t.Optional"})

Facts = tuple[str, str, str, str, bool, str]


@dataclass(frozen=True)
class Use:
    """A use of something that changes.

    Attributes:
        line: Its line, from 1.
        column: Its column, from 0.
        flag: The flag that changes it.
        api: What is used, as the flag table has it.
        certainty: ``certain`` or ``likely``.
        context: What is done with the answer: ``is None``, ``truth``, ``or``, ``unused`` or
            ``used``; for an argument its name.
        guarded: Whether a broad ``except`` is around it.
        advice: What to write instead.
        name_at: Line and column of the name itself: calls that are chained begin alike.
    """

    line: int
    column: int
    flag: str
    api: str
    certainty: str
    context: str
    guarded: bool
    advice: str
    name_at: tuple[int, int]


class Finder:
    """Goes through a module and keeps what each name is.

    LibCST's own visitors make every node anew; this walks over them, past what is only layout.

    Args:
        module: The module's name.
        project: What is known of the project's names; added to.
        found: Called with the node of each use, and what is known of it but its place.
    """

    def __init__(
        self, module: str, project: Knowledge, found: Callable[[Node, Facts], object]
    ) -> None:
        self._module = module
        self._project = project
        self._found = found
        self._scopes: list[dict[str, str]] = [{}]
        self._functions: list[str] = []
        self._classes: list[str] = []
        self._parents: list[Node] = []
        self._bodies: list[Node] = []
        self.touches = False
        """Whether the module imports ml-dash."""

    def walk(self, node: Node) -> None:
        """Go through a node and what is below it."""
        enter, leave = _steps(type(node))
        if enter is not None:
            enter(self, node)
        self._parents.append(node)
        for name in parts_of(type(node)):
            for child in children(node, name):
                self.walk(child)
        self._parents.pop()
        if leave is not None:
            leave(self, node)

    # -- imports ---------------------------------------------------------------------------------

    def visit_Import(self, node: cst.Import) -> None:
        """Note ``import ml_dash`` and ``import ml_dash.client as c``."""
        for alias in node.names:
            name = dotted(alias.name)
            if name is None or name.split(".")[0] != "ml_dash":
                continue
            self.touches = True
            bound = alias.evaluated_alias
            self._scopes[-1][bound or "ml_dash"] = known.MODULE + (name if bound else "ml_dash")

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        """Note ``from ml_dash import Experiment as E``, and functions of the project."""
        module = (dotted(node.module) if node.module else "") or ""
        if isinstance(node.names, cst.ImportStar):
            return
        ours = module.split(".")[0] == "ml_dash" and not node.relative
        self.touches |= ours
        for alias in node.names:
            name = str(alias.evaluated_name)
            bound = alias.evaluated_alias or name
            if ours:
                found = known.member_of_module(module, name)
            else:
                last = module.rpartition(".")[2]
                found = f"func:{last}.{name}" if (last, name) in self._project.returns else None
            if found:
                self._scopes[-1][bound] = found

    # -- scopes ----------------------------------------------------------------------------------

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Enter a class."""
        self._classes.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        """Leave it."""
        self._classes.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        """Enter a function: its parameters are what their annotations say."""
        scope: dict[str, str] = {}
        parameters = node.params
        for each in (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params):
            if each.annotation is not None:
                found = self._annotated(each.annotation.annotation)
                if found:
                    scope[each.name.value] = found
        if self._classes and parameters.params:
            scope.setdefault(parameters.params[0].name.value, f"self:{self._classes[-1]}")
        # Shadows names of the module that are parameters here.
        for each in (*parameters.posonly_params, *parameters.params, *parameters.kwonly_params):
            scope.setdefault(each.name.value, "")
        self._scopes.append(scope)
        self._functions.append(node.name.value)
        self._bodies.append(node.body)
        if node.returns is not None:
            found = self._annotated(node.returns.annotation)
            if found:
                self._project.returns[(self._module, node.name.value)] = found

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        """Leave it."""
        self._scopes.pop()
        self._functions.pop()
        self._bodies.pop()

    def visit_Module(self, node: cst.Module) -> None:
        """Begin."""
        self._bodies = [node]

    def visit_Return(self, node: cst.Return) -> None:
        """Note what a function gives."""
        if node.value is not None and self._functions:
            found = self._type(node.value)
            if found and not found.startswith(("self:", known.MODULE)):
                self._project.returns[(self._module, self._functions[-1])] = found

    # -- names -----------------------------------------------------------------------------------

    def leave_Assign(self, original_node: cst.Assign) -> None:
        """Note what a name is from here on."""
        found = self._type(original_node.value)
        for target in original_node.targets:
            self._bind(target.target, found)

    def leave_AnnAssign(self, original_node: cst.AnnAssign) -> None:
        """Note what a name is said to be."""
        found = self._annotated(original_node.annotation.annotation)
        if found is None and original_node.value is not None:
            found = self._type(original_node.value)
        self._bind(original_node.target, found)

    def leave_NamedExpr(self, original_node: cst.NamedExpr) -> None:
        """Note what ``name := value`` is."""
        self._bind(original_node.target, self._type(original_node.value))

    def visit_With(self, node: cst.With) -> None:
        """Note what ``with value as name`` gives."""
        for item in node.items:
            if item.asname is not None:
                found = known.ENTERED.get(self._type(item.item) or "")
                self._bind(item.asname.name, found)

    def _bind(self, target: Node, found: str | None) -> None:
        if isinstance(target, cst.Name):
            self._scopes[-1][target.value] = found or ""
        elif isinstance(target, cst.Attribute) and found:
            owner = self._type(target.value) or ""
            if owner.startswith("self:"):
                key = (self._module, owner.removeprefix("self:"), target.attr.value)
                self._project.attributes[key] = found

    def _annotated(self, node: Node) -> str | None:
        """Return the type that an annotation names, in quotes and as an optional one too."""
        if isinstance(node, cst.SimpleString):
            text = node.evaluated_value
            found = self._lookup(text) if isinstance(text, str) else None
        elif isinstance(node, cst.BinaryOperation):
            return self._annotated(node.left) or self._annotated(node.right)
        elif isinstance(node, cst.Subscript) and dotted(node.value) in _OPTIONAL:
            inner = node.slice[0].slice
            return self._annotated(inner.value) if isinstance(inner, cst.Index) else None
        else:
            found = self._type(node)
        is_class = found is not None and found.startswith(known.CLASS)
        return found.removeprefix(known.CLASS) if found is not None and is_class else None

    # -- types -----------------------------------------------------------------------------------

    def _lookup(self, name: str) -> str | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name] or None
        found = self._project.returns.get((self._module, name))
        return f"func:{self._module}.{name}" if found else None

    def _type(self, node: Node) -> str | None:
        """Return what an expression is, as far as it is known."""
        if isinstance(node, cst.Name):
            return self._lookup(node.value)
        if isinstance(node, cst.Attribute):
            return self._member(self._type(node.value), node.attr.value)
        if isinstance(node, cst.Call):
            return self._called(node)
        if isinstance(node, cst.NamedExpr):
            return self._type(node.value)
        if isinstance(node, cst.Await):
            return self._type(node.expression)
        return None

    def _member(self, owner: str | None, name: str) -> str | None:
        if owner is None:
            return None
        if owner.startswith(known.MODULE):
            return known.member_of_module(owner.removeprefix(known.MODULE), name)
        if owner.startswith("self:"):
            place = owner.removeprefix("self:")
            return self._project.attributes.get((self._module, place, name))
        return known.MEMBERS.get((owner, name))

    def _called(self, node: cst.Call) -> str | None:
        if isinstance(node.func, cst.Attribute):
            # `exp.run.start()` gives the experiment.
            owner = self._type(node.func.value)
            if owner == "RunManager" and node.func.attr.value == "start":
                return "Experiment"
        found = self._type(node.func)
        if found is None:
            return None
        if found.startswith(known.CLASS):
            return found.removeprefix(known.CLASS)
        if found.startswith("func:"):
            module, _, name = found.removeprefix("func:").rpartition(".")
            return self._project.returns.get((module, name))
        return known.CALLED.get(found)

    # -- uses ------------------------------------------------------------------------------------

    def visit_Call(self, node: cst.Call) -> None:
        """Look at a call."""
        if self._type(node.func) == known.CLASS + "Experiment":
            self._arguments(node)
        if isinstance(node.func, cst.Attribute):
            name = node.func.attr.value
            owner = self._type(node.func.value)
            row = known.CHANGED.get((owner or "", name))
            if row is not None:
                self._tell(node, row, CERTAIN)
            elif owner is None and name in known.DISTINCT and self.touches:
                guess = next(r for (_, each), r in known.CHANGED.items() if each == name)
                self._tell(node, guess, LIKELY)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        """Look at a property."""
        if self._type(node.value) == "UserInfo":
            row = known.CHANGED.get(("UserInfo", node.attr.value))
            if row is not None:
                self._tell(node, row, CERTAIN)

    def _arguments(self, node: cst.Call) -> None:
        for argument in node.args:
            old = argument.keyword.value if argument.keyword is not None else ""
            if old in known.RENAMED:
                self._use(argument, known.FLAG_OF_ARGUMENTS, f"Experiment.{old}", CERTAIN, old,
                          f"write {known.RENAMED[old]}=")  # fmt: skip

    def _tell(self, node: Node, row: tuple[Flag, Api], certainty: str) -> None:
        flag, api = row
        self._use(node, flag, api.name, certainty, self._context(node), api.advice)

    def _use(
        self, node: Node, flag: Flag, api: str, certainty: str, context: str, advice: str
    ) -> None:
        self._found(node, (flag.id, api, certainty, context, self._is_guarded(), advice))

    def _context(self, node: Node) -> str:
        """Return what is done with the answer of a node that is being visited."""
        child = node
        for parent in reversed(self._parents):
            found = self._done_by(parent, child)
            if found:
                return found
            child = parent
        return "used"

    def _done_by(self, parent: Node, child: Node) -> str:
        """Return what a node does with its child; empty when it only passes it on."""
        if isinstance(parent, cst.NamedExpr):
            named = parent.target.value if isinstance(parent.target, cst.Name) else ""
            return tests(self._bodies[-1]).get(named, "")
        if isinstance(parent, cst.IfExp) and child is not parent.test:
            return ""
        if isinstance(parent, cst.BooleanOperation) and child is not parent.left:
            return "used"
        if isinstance(parent, cst.BooleanOperation):
            return "or" if isinstance(parent.operator, cst.Or) else "truth"
        if isinstance(parent, cst.Comparison):
            return "is None" if is_none_test(parent) else "used"
        if isinstance(parent, (cst.If, cst.While, cst.Assert, cst.IfExp)):
            return "truth"
        if isinstance(parent, cst.UnaryOperation):
            return "truth" if isinstance(parent.operator, cst.Not) else "used"
        if isinstance(parent, cst.Assign) and isinstance(parent.targets[0].target, cst.Name):
            return tests(self._bodies[-1]).get(parent.targets[0].target.value, "used")
        return "unused" if isinstance(parent, cst.Expr) else "used"

    def _is_guarded(self) -> bool:
        """Tell whether a broad ``except`` is around the node, in its function."""
        inner: Node | None = None
        for node in reversed(self._parents):
            if isinstance(node, (cst.FunctionDef, cst.Lambda)):
                return False
            if isinstance(node, cst.Try) and inner is node.body:
                return any(map(is_broad, node.handlers))
            inner = node
        return False


_Step = Callable[[Finder, Any], object]
_STEPS: dict[type[Node], tuple[_Step | None, _Step | None]] = {}


def _steps(kind: type[Node]) -> tuple[_Step | None, _Step | None]:
    """Return what to call before and after a kind of node."""
    steps = _STEPS.get(kind)
    if steps is None:
        enter, leave = (getattr(Finder, f"{word}_{kind.__name__}", None)
                        for word in ("visit", "leave"))  # fmt: skip
        steps = _STEPS[kind] = (enter, leave)
    return steps


def find(code: cst.Module, module: str, project: Knowledge) -> list[Use]:
    """Return the uses in a module, in order.

    Args:
        code: The module.
        module: Its name.
        project: What is known of the project; what the module's own functions give is added, so
            that a second call knows it.
    """
    found: list[tuple[Node, Facts]] = []
    Finder(module, project, lambda node, facts: found.append((node, facts))).walk(code)
    if not found:
        return []
    # Places cost as much as all the rest, and few modules need them.
    places: Any = MetadataWrapper(code, unsafe_skip_copy=True).resolve(PositionProvider)
    uses = []
    for node, facts in found:
        start, name = places[node].start, places[name_of(node)].start
        at = (name.line, name.column)
        uses.append(Use(start.line, start.column, *facts, name_at=at))
    return sorted(uses, key=lambda use: (use.line, use.column))
