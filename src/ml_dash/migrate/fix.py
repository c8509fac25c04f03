"""Rewriting uses of what changes, where it is certain what is meant."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor
from libcst.metadata import MetadataWrapper, PositionProvider

from ml_dash.flags import api_of
from ml_dash.migrate import known
from ml_dash.migrate.finder import CERTAIN, Use, find
from ml_dash.migrate.known import Knowledge
from ml_dash.migrate.nodes import name_of
from ml_dash.migrate.sources import Source

_TODO: Final = "# TODO(ml-dash {flag}): {api} {old} until 0.9, and raises then; {advice}"
_MARK: Final = "TODO(ml-dash "
_TESTED: Final = frozenset({"is None", "truth", "or"})


@dataclass(frozen=True)
class Fixed:
    """A module that was rewritten.

    Attributes:
        source: The module.
        text: Its new code.
        rewritten: How many uses were rewritten.
        left: How many were marked with a comment.
    """

    source: Source
    text: str
    rewritten: int
    left: int

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        name = str(self.source.path)
        lines = difflib.unified_diff(
            self.source.text.splitlines(keepends=True), self.text.splitlines(keepends=True),
            f"a/{name}", f"b/{name}",
        )  # fmt: skip
        return "".join(lines)


def fix(
    source: Source,
    project: Knowledge,
    lines: Collection[int] | None = None,
) -> Fixed:
    """Return a module with its uses rewritten: the same code where nothing is certain.

    Args:
        source: The module; it must parse.
        project: What is known of the project.
        lines: Only uses in these lines.

    Raises:
        libcst.ParserSyntaxError: it is no Python.
    """
    code = cst.parse_module(source.text)
    uses = find(code, source.module, project)
    chosen = [use for use in uses if lines is None or use.line in lines]
    if not chosen:
        return Fixed(source, source.text, 0, 0)
    rewriter = _Rewriter(chosen)
    changed = MetadataWrapper(code, unsafe_skip_copy=True).visit(rewriter)
    if rewriter.needs_error:
        context = CodemodContext()
        AddImportsVisitor.add_needed_import(context, "ml_dash.exceptions", "MLDashError")
        changed = AddImportsVisitor(context).transform_module(changed)
    return Fixed(source, changed.code, rewriter.rewritten, rewriter.left)


def new_name(use: Use) -> str | None:
    """Return the sibling that takes the place of what is used; None where that is not certain."""
    _, api = api_of(use.api)
    if use.certainty != CERTAIN or use.context == "unused" or use.api.startswith("userinfo."):
        return None
    if use.context in _TESTED and api.or_none is not None:
        return api.or_none
    return api.or_raise


class _Rewriter(cst.CSTTransformer):
    """Rewrites what is certain, and marks the rest."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, uses: list[Use]) -> None:
        super().__init__()
        self._uses = {use.name_at: use for use in uses}
        self._marks: list[list[Use]] = []
        self.rewritten = 0
        self.left = 0
        self.needs_error = False

    def _use_at(self, node: cst.CSTNode) -> Use | None:
        start: Any = self.get_metadata(PositionProvider, name_of(node)).start
        return self._uses.get((start.line, start.column))

    # -- rewriting -------------------------------------------------------------------------------

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Give a call its sibling's name."""
        func = updated_node.func
        if not isinstance(func, cst.Attribute):
            return updated_node
        use = self._use_at(original_node)
        if use is None or use.api.startswith("userinfo."):
            return updated_node
        name = new_name(use)
        if name is None:
            self._mark(use)
            return updated_node
        self.rewritten += 1
        return updated_node.with_changes(func=func.with_changes(attr=cst.Name(name)))

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Ask for the user as a whole where a property of it is used."""
        use = self._use_at(original_node)
        if use is None or not use.api.startswith("userinfo."):
            return updated_node
        if use.certainty != CERTAIN or use.context != "used":
            self._mark(use)
            return updated_node
        self.rewritten += 1
        name = cst.Arg(cst.SimpleString(f'"{updated_node.attr.value}"'))
        asked = cst.Call(cst.Attribute(updated_node.value, cst.Name("fetch_or_raise")))
        return cst.Call(cst.Attribute(asked, cst.Name("get")), [name])

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        """Give an argument its new name."""
        keyword = updated_node.keyword
        if keyword is None or keyword.value not in known.RENAMED:
            return updated_node
        use = self._use_at(original_node)
        if use is None:
            return updated_node
        self.rewritten += 1
        return updated_node.with_changes(keyword=cst.Name(known.RENAMED[keyword.value]))

    # -- marking ---------------------------------------------------------------------------------

    def _mark(self, use: Use) -> None:
        if self._marks:
            self._marks[-1].append(use)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect what is to be marked above each statement."""
        if hasattr(node, "leading_lines"):
            self._marks.append([])
        return super().on_visit(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Write the marks of a statement above it, if they are not there yet."""
        left: Any = super().on_leave(original_node, updated_node)
        if not hasattr(original_node, "leading_lines"):
            return left
        uses = self._marks.pop()
        there = [line.comment.value for line in left.leading_lines if line.comment is not None]
        new = []
        for text in dict.fromkeys(map(_todo, uses)):
            self.left += 1
            if text not in there:
                new.append(cst.EmptyLine(comment=cst.Comment(text)))
        return left.with_changes(leading_lines=[*left.leading_lines, *new]) if new else left

    # -- except ----------------------------------------------------------------------------------

    def leave_Try(self, original_node: cst.Try, updated_node: cst.Try) -> cst.Try:
        """Name the error where a broad ``except`` is around nothing but one changed call."""
        if len(updated_node.handlers) != 1 or not self._is_one_use(original_node.body):
            return updated_node
        handler = updated_node.handlers[0]
        if not isinstance(handler.type, cst.Name) or handler.type.value != "Exception":
            return updated_node
        self.needs_error = True
        typed = handler.with_changes(type=cst.Name("MLDashError"))
        return updated_node.with_changes(handlers=[typed])

    def _is_one_use(self, body: cst.BaseSuite) -> bool:
        if not isinstance(body, cst.IndentedBlock) or len(body.body) != 1:
            return False
        calls: list[cst.Call] = []

        class Calls(cst.CSTVisitor):
            def visit_Call(self, node: cst.Call) -> None:
                calls.append(node)

        body.visit(Calls())
        used = [call for call in calls if isinstance(call.func, cst.Attribute)
                and (use := self._use_at(call)) is not None
                and new_name(use) is not None]  # fmt: skip
        return len(used) == 1 and _only_builds(calls, used[0])


def _only_builds(calls: list[cst.Call], use: cst.Call) -> bool:
    """Tell whether all calls are the use itself, and what leads to it (``exp.metrics("x")``)."""
    chain: set[int] = {id(use)}
    node: cst.CSTNode = use.func
    while isinstance(node, (cst.Attribute, cst.Call)):
        chain.add(id(node))
        node = node.value if isinstance(node, cst.Attribute) else node.func
    return all(id(call) in chain for call in calls)


def _todo(use: Use) -> str:
    flag, api = api_of(use.api)
    return _TODO.format(flag=flag.id, api=api.name, old=api.old, advice=use.advice)


# -- git -------------------------------------------------------------------------------------------


def why_not(path: Path, run: Callable[..., Any] = subprocess.run) -> str:
    """Return why the files of a place should not be rewritten; empty when git can undo it."""
    folder = path if path.is_dir() else path.parent
    git = ["git", "-C", str(folder)]
    place = ["--", str(path.resolve())]
    try:
        done = run([*git, "status", "--porcelain", *place], capture_output=True, text=True,
                   check=False)  # fmt: skip
        if done.returncode:
            return f"{folder} is in no git repository, so nothing could be undone"
        if done.stdout.strip():
            return f"{path} has changes that are not committed"
        # What is ignored is clean, too.
        kept = run([*git, "ls-files", *place], capture_output=True, text=True, check=False)
    except OSError:
        return "git is not installed, so nothing could be undone"
    return "" if kept.stdout.strip() else f"git does not keep {path}, so nothing could be undone"
