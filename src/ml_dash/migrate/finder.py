"""Finding uses of what changes in a module, without running it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml_dash.flags import FLAGS, Api, Flag, api_of
from ml_dash.migrate import arguments, contexts, known
from ml_dash.migrate.arguments import Odd
from ml_dash.migrate.contexts import METHOD, UNUSED, USED
from ml_dash.migrate.kinds import Kind, Known
from ml_dash.migrate.members import last_name
from ml_dash.migrate.mocks import command_of, patched
from ml_dash.migrate.project import Knowledge, Learned
from ml_dash.migrate.sources import Source
from ml_dash.migrate.statements import Statements

CERTAIN: Final = "certain"
LIKELY: Final = "likely"
_MOCKED: Final = frozenset({"return_value", "side_effect", "assert_called", "assert_called_once",
                            "assert_called_with", "assert_called_once_with", "assert_not_called",
                            "called", "call_count", "call_args", "mock_calls"})  # fmt: skip
_ROUNDS: Final = 4


@dataclass(frozen=True)
class Use:
    """A use of something that changes.

    Attributes:
        line: The line of the name that is used, from 1.
        column: Its column, from 0.
        first_line: The first line of the whole expression.
        last_line: Its last one.
        flag: The id of the flag that changes it; ``MLD000`` for a name that has moved.
        api: What is used, as the flag table has it.
        certainty: ``certain`` or ``likely``.
        context: What is done with the answer: ``is None``, ``truth``, ``or``, ``unused``,
            ``used``, ``passed on`` or ``not called here``; for an argument its name.
        guarded: Whether a broad ``except`` is around it.
        advice: What to write instead.
        becomes: What ``fix`` makes of the name; empty where it only marks.
        typed_except: Where the ``Exception`` stands that means this call only; or None.
    """

    line: int
    column: int
    first_line: int
    last_line: int
    flag: str
    api: str
    certainty: str
    context: str
    guarded: bool
    advice: str
    becomes: str
    typed_except: tuple[int, int] | None = None


class Finder(Statements):
    """Reads a module and notes its uses.

    Args:
        source: The module.
        project: What is known of the project.
        lines: The module's lines.
    """

    def __init__(self, source: Source, project: Knowledge, lines: Sequence[str]) -> None:
        super().__init__(source.path, project)
        self._source = source
        self._lines = lines
        self.found: list[Use] = []
        self._touches = False

    # -- looking ---------------------------------------------------------------------------------

    def met_import(self, node: ast.ImportFrom, module: str) -> None:
        """Look for names that have moved."""
        self._touches = True
        for alias in node.names:
            changed = known.CHANGED_FUNCTIONS.get((module, alias.name))
            if changed is not None:
                self._tell(alias, changed, LIKELY, METHOD, "")
            new = known.MOVED.get(module, {}).get(alias.name)
            if new is not None:
                home, name = new
                advice = f"import {name} from {home}"
                self._note(alias, known.MOVED_ID, f"{module}.{alias.name}", CERTAIN,
                           "import", advice, name)  # fmt: skip

    def met_attribute(self, node: ast.Attribute, owner: Known) -> None:
        """Look at a member: called, given away, or a property."""
        name = node.attr
        if owner is not None and owner.form == "module":
            self._moved_attribute(node, owner)
        if name not in known.CHANGED_NAMES:
            return
        is_called = len(self.parents) > 1 and getattr(self.parents[-2], "func", None) is node
        row = known.CHANGED.get((self.type_of(owner, name), name))
        if row is not None:
            self._member(node, row, owner, is_called)
        elif owner is None and name in known.DISTINCT and (self._touches or self._knows_us()):
            mocked = last_name(self.parents[-2]) in _MOCKED
            if is_called or mocked:
                context = "mocked" if mocked else self._context(is_called)
                self._tell(node, known.DISTINCT[name], LIKELY, context, "")

    def _knows_us(self) -> bool:
        return known.PACKAGE in self._source.text

    def _member(
        self, node: ast.Attribute, row: tuple[Flag, Api], owner: Known, called: bool
    ) -> None:
        if row[1].name.startswith("userinfo."):
            context = contexts.of_answer(self.parents, shows_last=self._is_shown(node))
            becomes = 'fetch_or_raise().get("{}")' if context == USED else ""
            self._tell(node, row, CERTAIN, context, becomes.format(node.attr))
            return
        context = self._context(called)
        if row[1].name in known.PAGES and called and contexts.expects_empty(self.parents[:-1]):
            context = contexts.EMPTY
        optional = owner is not None and owner.optional
        self._tell(node, row, CERTAIN, context, _sibling(row[1], context), is_sure=not optional)

    def _context(self, called: bool) -> str:
        if not called:
            return METHOD
        call = self.parents[-2]
        return contexts.of_answer(self.parents[:-1], shows_last=self._is_shown(call))

    def _is_shown(self, node: Any) -> bool:
        """Tell whether a notebook shows the answer: the last of its cell, without ``;``."""
        if not self._source.is_notebook or not isinstance(self.parents[0], ast.Module):
            return False
        rest = self._lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
        after = next((line for line in self._lines[node.end_lineno :] if line.strip()), "")
        silent = rest.lstrip().startswith(";")
        return not silent and (not after or after.startswith("# ml-dash: cell"))

    def _moved_attribute(self, node: ast.Attribute, owner: Kind) -> None:
        new = known.MOVED.get(owner.name, {}).get(node.attr)
        if new is None or owner.name == "ml_dash.experiment":
            return
        home, name = new
        self._note(node, known.MOVED_ID, f"{owner.name}.{node.attr}", CERTAIN, "attribute",
                   f"use {home}.{name}", name if home == owner.name else "")  # fmt: skip

    def met_call(self, node: ast.Call, func: Known, given: Sequence[Known]) -> None:
        """Look at a call and its arguments."""
        for odd in self._odd(node, func):
            self._tell_odd(odd)
        name = last_name(node.func)
        if name == "getattr" and len(node.args) > 1 and given:
            self._by_text(node, given[0])
        for row in patched(node, given, self.type_of):
            self._tell(node, row, LIKELY, "mocked", "")
        command = command_of(node)
        if command:
            self._note(node, FLAGS["cli_exit_codes"].id, f"ml-dash {command}", LIKELY, "exit code",
                       "expect its exit codes 1, 3, 4 and 5, too", "")  # fmt: skip

    def _odd(self, node: ast.Call, func: Known) -> list[Odd]:
        if func is not None and func.form == "class" and self._is_experiment(func):
            own = ":" in func.name
            return [] if own else list(arguments.of_experiment(node, _run_fields()))
        if func == Kind("function", "ml_dash_experiment"):
            return list(arguments.of_experiment(node, _run_fields()))
        if func is not None and func.form == "object" and func.name == "FilesAccessor":
            from ml_dash._file_rules import OPTIONS

            return list(arguments.of_files(node, OPTIONS))
        if not isinstance(node.func, ast.Attribute):
            return []
        return self._odd_member(node, node.func)

    def _odd_member(self, node: ast.Call, func: ast.Attribute) -> list[Odd]:
        if func.attr not in ("log", "buffer", "store", "append", "set"):
            return []
        owner = self.type_of(self._quietly(func.value), func.attr)
        if owner == "Experiment" and func.attr == "log":
            found = arguments.of_log(self.parents)
            return [found] if found is not None else []
        return list(arguments.of_values(node, owner, func.attr))

    def _is_experiment(self, func: Kind) -> bool:
        return func.name == "Experiment" or self.type_of(func, "params") == "Experiment"

    def _quietly(self, node: ast.AST) -> Known:
        """Return what an expression is that was looked at before."""
        looking, self.found = self.found, []
        kind = self.kind_of(node)
        self.found = looking
        return kind

    def _by_text(self, node: ast.Call, owner: Known) -> None:
        name = node.args[1].value if isinstance(node.args[1], ast.Constant) else None
        row = known.CHANGED.get((self.type_of(owner, str(name)), str(name)))
        if row is not None:
            self._tell(node, row, CERTAIN, METHOD, "")

    def met_test(self, node: ast.expr, kind: Known) -> None:
        """Look whether the user is asked for by truth."""
        if kind == Kind("object", "UserInfo"):
            self._tell(node, api_of("bool(userinfo)"), CERTAIN, contexts.TRUTH, "")

    # -- noting ----------------------------------------------------------------------------------

    def _tell_odd(self, odd: Odd) -> None:
        flag, api = api_of(odd.api)
        self._note(odd.node, flag.id, api.name, CERTAIN if odd.certain else LIKELY, odd.what,
                   odd.advice, odd.becomes)  # fmt: skip

    def _tell(
        self, node: ast.AST, row: tuple[Flag, Api], certainty: str, context: str, becomes: str,
        is_sure: bool = False,
    ) -> None:  # fmt: skip
        flag, api = row
        typed = contexts.typed_except(self.parents[:-1]) if becomes and is_sure else None
        self._note(node, flag.id, api.name, certainty, context, api.advice, becomes, typed)

    def _note(
        self, node: Any, flag: str, api: str, certainty: str, context: str, advice: str,
        becomes: str, typed: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        line, column = _place_of_name(node)
        text = self._lines[line - 1].encode()
        if not _is_there(node, text[column:]):
            becomes = ""  # Python has the place wrong: it happens in f-strings before 3.12
        column = len(text[:column].decode("utf-8", "replace"))
        last = max(node.end_lineno, line)
        if len(self.parents) > 1 and getattr(self.parents[-2], "func", None) is node:
            last = max(last, self.parents[-2].end_lineno)  # type: ignore[attr-defined]
        guarded = contexts.is_guarded(self.parents)
        self.found.append(
            Use(line, column, min(node.lineno, line), last, flag, api, certainty, context, guarded,
                advice, becomes, typed)
        )  # fmt: skip


def _place_of_name(node: Any) -> tuple[int, int]:
    """Return where the name stands that is used: a member's, or an argument's."""
    if isinstance(node, ast.Call):
        return _place_of_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.end_lineno or node.lineno, (node.end_col_offset or 0) - len(node.attr.encode())
    return node.lineno, node.col_offset


def _is_there(node: Any, text: bytes) -> bool:
    name = node.func if isinstance(node, ast.Call) else node
    return not isinstance(name, ast.Attribute) or text.startswith(name.attr.encode())


def _sibling(api: Api, context: str) -> str:
    """Return the sibling that takes a member's place; empty where that is not certain."""
    if context in (UNUSED, METHOD, contexts.EMPTY):
        return ""
    if context != USED and api.or_none is not None:
        return api.or_none
    return api.or_raise or ""


def _run_fields() -> tuple[str, ...]:
    from ml_dash.run import RUN

    return tuple(name for name in RUN.__annotations__ if not name.startswith("_"))


def read(
    tree: ast.Module, source: Source, project: Knowledge, lines: Sequence[str]
) -> tuple[list[Use], Learned]:
    """Return the uses in a module, in order, and what is learned of it.

    It is read until nothing new is learned: a function may use what is defined behind it.

    Args:
        tree: The module.
        source: Where it is from.
        project: What is known of the project. What is learned is put into it.
        lines: The lines of the module.
    """
    for _ in range(_ROUNDS):
        finder = Finder(source, project, lines)
        finder.read(tree)
        before = project.learned.get(finder.module)
        project.learned[finder.module] = finder.learned
        if finder.learned == before:
            break
    found = dict.fromkeys(finder.found)
    return sorted(found, key=lambda use: (use.line, use.column)), finder.learned
