"""What is known of a project's own modules: what their names are, and what their functions give."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ml_dash.migrate.kinds import Kind, Known


def module_id(path: Path) -> str:
    """Return what a module is known by: its path without suffix; of a package its folder."""
    folder, name = os.path.split(os.path.abspath(path))
    return folder if name == "__init__.py" else os.path.join(folder, os.path.splitext(name)[0])


@dataclass(frozen=True)
class Class:
    """A class of the project.

    Attributes:
        bases: What it inherits from.
        members: The kinds of its attributes and methods.
    """

    bases: tuple[Known, ...] = ()
    members: dict[str, Known] = field(default_factory=dict)


@dataclass
class Learned:
    """What is known of a module.

    Attributes:
        names: What its names are.
        classes: Its classes, by id (``module:Name``).
        returns: What its functions give, by id.
        fixtures: What its pytest fixtures give.
        given: What functions are given, wherever they are: kinds by function and parameter.
        imports: The modules of the project that it imports.
    """

    names: dict[str, Known] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    returns: dict[str, Known] = field(default_factory=dict)
    fixtures: dict[str, Known] = field(default_factory=dict)
    given: dict[str, dict[str, Known]] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)

    @property
    def says_something(self) -> bool:
        """Whether a module that imports this one could learn from it."""
        return (
            any(self.names.values()) or any(self.fixtures.values()) or any(self.returns.values())
        )


@dataclass
class Knowledge:
    """What is known of a project.

    Attributes:
        modules: The ids of all its modules, by their last part.
        learned: What is known of those that matter, by id.
        given: What functions are given by modules other than their own.
    """

    modules: dict[str, frozenset[str]] = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)
    given: dict[str, dict[str, Known]] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Knowledge:
        """Return a project of which nothing is known but its modules."""
        found: dict[str, set[str]] = {}
        for name in map(module_id, paths):
            found.setdefault(os.path.basename(name), set()).add(name)
        return cls({last: frozenset(names) for last, names in found.items()})

    def resolve(self, importer: Path, name: str, level: int = 0) -> str | None:
        """Return the id of a module of the project by the name that another imports it by.

        Args:
            importer: The file of the other.
            name: The dotted name; may be empty where there are dots in front.
            level: The number of dots in front.
        """
        tail = name.split(".") if name else []
        if tail and tail[-1] not in self.modules:
            return None
        folder = os.path.dirname(os.path.abspath(importer))
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        if level:
            return self._known(folder, tail)
        above = None
        while folder != above:
            found = self._known(folder, tail)
            if found:
                return found
            above, folder = folder, os.path.dirname(folder)
        return self._elsewhere(tail)

    def _known(self, folder: str, tail: list[str]) -> str | None:
        found = os.path.join(folder, *tail)
        return found if self.has(found) else None

    def has(self, module: str) -> bool:
        """Tell whether a module is one of the project."""
        return module in self.modules.get(os.path.basename(module), ())

    def _elsewhere(self, tail: list[str]) -> str | None:
        """Return the only module that a name can mean: in `src`, or of a package."""
        ending = os.sep + os.path.join(*tail)
        places = [each for each in self.modules[tail[-1]] if each.endswith(ending)]
        sure = len(tail) > 1 or any(each.endswith(f"{os.sep}src{ending}") for each in places)
        return places[0] if len(places) == 1 and sure else None

    def fixture(self, path: Path, name: str) -> Known:
        """Return what a pytest fixture gives that a module's functions may ask for."""
        folders = [each / "conftest" for each in path.absolute().parents]
        for place in (module_id(path), *map(str, folders)):
            learned = self.learned.get(place)
            if learned is not None and name in learned.fixtures:
                return learned.fixtures[name]
        return None

    def name_of(self, module: str, name: str) -> Known:
        """Return what a name of a module is; a module itself where it is one."""
        learned = self.learned.get(module)
        if learned is not None and name in learned.names:
            return learned.names[name]
        below = os.path.join(module, name)
        return Kind("module", f"{below}:") if self.has(below) else None

    def returned(self, function: str) -> Known:
        """Return what a function of the project gives."""
        learned = self.learned.get(function.rpartition(":")[0])
        return None if learned is None else learned.returns.get(function)
