"""Rewriting uses of what changes, where it is certain what is meant."""

from __future__ import annotations

import ast
import difflib
import os
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import libcst as cst
from libcst.metadata import MetadataWrapper

from ml_dash.flags import api_of
from ml_dash.migrate import known
from ml_dash.migrate.check import Checked
from ml_dash.migrate.finder import CERTAIN, Use
from ml_dash.migrate.report import Row
from ml_dash.migrate.rewriter import Rewriter
from ml_dash.migrate.sources import Source, unhidden

_IMPORTED: Final = re.compile(r"^[ \t]*from[ \t]+(\S+)[ \t]+import[ \t]+(\([^)]*\)|.*)", re.M)


@dataclass(frozen=True)
class Fixed:
    """A module that was rewritten.

    Attributes:
        source: The module.
        text: Its new code.
        rewritten: How many uses were rewritten.
        left: How many were marked with a comment.
        missed: Those that could not be found again.
    """

    source: Source
    text: str
    rewritten: int
    left: int
    missed: tuple[Use, ...] = ()

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        name = self.source.path.as_posix().lstrip("/")
        before, after = (Source(self.source.path, text).lines for text in self._shown())
        lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    def _shown(self) -> tuple[str, str]:
        if self.source.is_notebook:
            return unhidden(self.source.text), unhidden(self.text)
        return self.source.text, self.text


def fix_all(
    checked: Checked, rows: Iterable[Row] | None = None
) -> tuple[list[Fixed], dict[str, str]]:
    """Return the modules that have uses, rewritten, and those that could not be, with why.

    Args:
        checked: What :func:`ml_dash.migrate.check.check` has found.
        rows: Only these lines, as :func:`ml_dash.migrate.report.collect` gives them; those in
            which the code shows nothing are marked.
    """
    done, failed = [], {}
    shared = _shared(checked.sources)
    for source, uses in checked.uses if rows is None else _met(checked, list(rows)):
        try:
            done.append(fixed := fix(source, uses, shared))
            if fixed.missed:
                lines = ", ".join(str(use.line) for use in fixed.missed)
                failed[str(source.path)] = f"LibCST does not find what is in line {lines}"
        except cst.ParserSyntaxError as error:
            failed[str(source.path)] = f"LibCST cannot read line {error.raw_line}"
        except RecursionError:
            failed[str(source.path)] = "it is nested too deeply"
    return done, failed


def unfound(checked: Checked, rows: Iterable[Row]) -> list[Row]:
    """Return the rows of a report whose lines were not checked, or have changed since."""
    sources = {_place(source.path): source for source in checked.sources}
    met = {_place(source.path): uses for source, uses in checked.uses}
    left = []
    for row in rows:
        place = _place(row["file"])
        found = any(use.first_line <= row["line"] <= use.last_line for use in met.get(place, ()))
        if not found and (place not in sources or _seen(sources[place], row) is None):
            left.append(row)
    return left


def _place(file: Path | str) -> str:
    return os.path.realpath(file)


def _met(checked: Checked, rows: Sequence[Row]) -> Iterator[tuple[Source, list[Use]]]:
    """Yield the modules of some rows, with the uses in their lines."""
    known_uses = {source.path: uses for source, uses in checked.uses}
    for source in checked.sources:
        place = _place(source.path)
        own = [row for row in rows if _place(row["file"]) == place]
        found = [use for use in known_uses.get(source.path, ())
                 if any(use.first_line <= row["line"] <= use.last_line for row in own)]  # fmt: skip
        left = [row for row in own if not any(use.first_line <= row["line"] <= use.last_line
                                              for use in found)]  # fmt: skip
        seen = {row["line"]: use for row in left if (use := _seen(source, row)) is not None}
        if found or seen:
            yield source, [*found, *seen.values()]


def _seen(source: Source, row: Row) -> Use | None:
    """Return the use that a program has met in a line; None if the line is another one now."""
    number = row["line"]
    if source.is_notebook or not 0 < number <= len(source.lines):
        return None
    text = source.lines[number - 1]
    column = len(text) - len(text.lstrip())
    flag, api = api_of(row["api"])
    names = re.findall(r"\w+", api.name)
    code = text.partition("#")[0]
    if not any(re.search(rf"\b{name}\b", code) for name in names):
        return None
    return Use(number, column, number, number, flag.id, api.name, CERTAIN, "met by a run", False,
               api.advice, "")  # fmt: skip


def _shared(sources: Iterable[Source]) -> set[str]:
    """Return names of ours that modules import from each other: they keep their names."""
    moved = {name for names in known.MOVED.values() for name in names}
    found = set()
    for source in sources:
        for module, names in _IMPORTED.findall(source.text):
            if module.split(".")[0] != known.PACKAGE:
                found |= moved & set(re.findall(r"\w+", names))
    return found


def fix(source: Source, uses: Sequence[Use], shared: Collection[str] = ()) -> Fixed:
    """Return a module with its uses rewritten: the same code where nothing is certain.

    Args:
        source: The module.
        uses: Its uses.
        shared: Names that other modules import from it.

    Raises:
        libcst.ParserSyntaxError: LibCST cannot read it.
    """
    if not uses:
        return Fixed(source, source.text, 0, 0)
    kept = {*shared, *_bound_elsewhere(source.parsed())}
    if source.path.name == "__init__.py":
        kept |= {name for names in known.MOVED.values() for name in names}
    rewriter = Rewriter(uses, source.lines, kept)
    wrapper = MetadataWrapper(cst.parse_module(source.text), unsafe_skip_copy=True)
    changed = wrapper.visit(rewriter)
    missed = tuple(rewriter.missed)
    return Fixed(source, changed.code, rewriter.rewritten, rewriter.left, missed)


def _bound_elsewhere(tree: ast.Module) -> set[str]:
    """Return the names that a module binds other than by imports at its top, or exports."""
    found: set[str] = set()
    tops = {id(each) for each in tree.body}
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {each.asname or each.name for each in node.names}
            found |= names & seen if id(node) in tops else names
            seen |= names
        elif isinstance(node, ast.Name):
            found |= set() if isinstance(node.ctx, ast.Load) else {node.id}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # in `__all__`, and in quoted annotations
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            found.add(str(node.name))
    return found


# -- git -------------------------------------------------------------------------------------------

_STATES: Final = {"??": "is not in git", "!!": "is ignored by git"}


def why_not(paths: Iterable[Path], *, written: bool = False) -> str:
    """Return why files should not be rewritten; empty when git can undo it.

    Args:
        paths: Files and folders; they need no commits that are not made yet.
        written: Whether it is about the very files that are written: then git must have them.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        whole = path.resolve()
        by_folder.setdefault(whole if whole.is_dir() else whole.parent, []).append(whole)
    more = ["--untracked-files=all", "--ignored"] if written else ["--untracked-files=no"]
    for folder, inside in by_folder.items():
        git = ["git", "-C", str(folder), "status", "--porcelain", *more, "--", *map(str, inside)]
        try:
            done = subprocess.run(git, capture_output=True, text=True, check=False)
        except OSError:
            return "git is not installed, so nothing could be undone"
        why = _why(folder, done.returncode, done.stdout, done.stderr)
        if why:
            return f"{why}, so nothing could be undone"
    return ""


def _why(folder: Path, code: int, out: str, err: str) -> str:
    if code and "not a git repository" in err:
        return f"{folder} is in no git repository"
    if code:
        return f"git says: {err.strip().splitlines()[0] if err.strip() else f'exit code {code}'}"
    lines = out.splitlines()
    if not lines:
        return ""
    state, name = lines[0][:2], lines[0][3:]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"{name}{more} {_STATES.get(state, 'has changes that are not committed')}"
