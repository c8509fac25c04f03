"""Names of a module and what they are, as they are bound one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ml_dash.migrate.kinds import Known, join, shallow
from ml_dash.migrate.project import Class, Knowledge, Learned, module_id

Names = dict[str, Known]


@dataclass
class Scope:
    """A module, class, function or comprehension.

    Attributes:
        form: Which of them.
        names: What its names are at the point that is being read.
        ever: What they are at any time: what functions inside of it see.
        elsewhere: Names that it binds in another scope (``global``, ``nonlocal``).
        function: The id of a function; of a class its own.
        gives: What a function has returned or yielded so far.
    """

    form: str
    names: Names = field(default_factory=dict)
    ever: Names = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    function: str = ""
    gives: list[Known] = field(default_factory=list)


class Scopes:
    """The scopes around what is being read.

    Args:
        path: The module's file.
        project: What is known of the project; of this module what was known before.
    """

    def __init__(self, path: Path, project: Knowledge) -> None:
        self.path = path
        self.module = module_id(path)
        self.project = project
        self.learned = Learned()
        self._before = project.learned.get(self.module)
        self._scopes = [Scope("module")]

    @property
    def scope(self) -> Scope:
        """The innermost scope."""
        return self._scopes[-1]

    # -- names -----------------------------------------------------------------------------------

    def lookup(self, name: str) -> Known:
        """Return what a name is here."""
        crossed = False
        for scope in reversed(self._scopes):
            if scope.form == "class" and scope is not self._scopes[-1]:
                continue
            if name in scope.elsewhere:
                crossed = True
            elif name in scope.ever:
                return self._seen_from_inside(scope, name) if crossed else scope.names.get(name)
            crossed |= scope.form == "function"
        return self._before.names.get(name) if self._before is not None and crossed else None

    def is_bound(self, name: str) -> bool:
        """Tell whether the program itself gives a name a meaning here."""
        return any(name in scope.ever for scope in self._scopes)

    def _seen_from_inside(self, scope: Scope, name: str) -> Known:
        # Functions may bind names of the module: all of them are known from the reading before.
        if scope.form == "module" and self._before is not None:
            return self._before.names.get(name)
        return scope.ever[name]

    def bind(self, name: str, kind: Known) -> None:
        """Note what a name is from here on: None does not take away what it may be, too."""
        kind = shallow(kind)
        scope = next(each for each in reversed(self._scopes) if each.form != "inner")
        if name in scope.elsewhere:
            self._bind_elsewhere(name, kind)
            return
        is_none = kind is not None and kind.form == "none"
        now = join(scope.names[name], kind) if is_none and name in scope.names else kind
        scope.names[name] = now
        scope.ever[name] = join(scope.ever[name], kind) if name in scope.ever else kind

    def _bind_elsewhere(self, name: str, kind: Known) -> None:
        functions = (each for each in reversed(self._scopes[:-1])
                     if name in each.ever and each.form == "function")  # fmt: skip
        outer = next(functions, self._scopes[0])
        outer.ever[name] = join(outer.ever[name], kind) if name in outer.ever else kind
        outer.names.setdefault(name, kind)

    def narrow(self, name: str, kind: Known) -> None:
        """Note what a name is in a branch, where a test has told it."""
        self.scope.names[name] = kind
        self.scope.ever.setdefault(name, None)

    def merge(self, branches: list[Names]) -> None:
        """Go on with what the names are after one of several branches."""
        merged: Names = {}
        for branch in branches:
            for name, kind in branch.items():
                merged[name] = join(merged[name], kind) if name in merged else kind
        self.scope.names = merged

    # -- classes ---------------------------------------------------------------------------------

    def class_of(self, name: str) -> Class | None:
        """Return what is known of a class of the project, by its id."""
        if name.rpartition(":")[0] == self.module:
            before = self._before.classes.get(name) if self._before is not None else None
            return before or self.learned.classes.get(name)
        learned = self.project.learned.get(name.rpartition(":")[0])
        return None if learned is None else learned.classes.get(name)

    def bind_member(self, owner: str, name: str, kind: Known) -> None:
        """Note what an attribute of the objects of a class is."""
        found = self.learned.classes.setdefault(owner, Class()).members
        kind = shallow(kind)
        found[name] = join(found[name], kind) if name in found else kind

    # -- functions -------------------------------------------------------------------------------

    def returned(self, function: str) -> Known:
        """Return what a function of the project gives."""
        if function.rpartition(":")[0] == self.module:
            own = self._before if self._before is not None else self.learned
            return own.returns.get(function)
        return self.project.returned(function)

    def given(self, function: str, name: str) -> Known:
        """Return what a parameter of a function is in all calls of it; None if they differ."""
        kinds = []
        own = self._before.given.get(function, {}) if self._before is not None else {}
        for calls in (own, self.project.given.get(function, {})):
            if name in calls:
                kinds.append(calls[name])
        return kinds[0] if len(kinds) == 1 else join(*kinds) if kinds else None

    def give(self, function: str, name: str, kind: Known) -> None:
        """Note what a parameter is in a call."""
        calls = self.learned.given.setdefault(function, {})
        calls[name] = join(calls[name], shallow(kind)) if name in calls else shallow(kind)
