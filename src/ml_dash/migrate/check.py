"""Checking a project without running it: which of its lines use what changes."""

from __future__ import annotations

import functools
import os
import pickle
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ml_dash.exceptions import FileReadError
from ml_dash.migrate.finder import CERTAIN, Use, read
from ml_dash.migrate.kinds import join
from ml_dash.migrate.project import Knowledge, Learned, module_id
from ml_dash.migrate.sources import Source, find_sources, load

_OURS: Final = ("ml_dash", "ml-dash")
_MANY_LINES: Final = 4_000  # from which on several processes are worth their start
_CHUNK_LINES: Final = 1_000
_ROUNDS: Final = 5
_IMPORT: Final = re.compile(r"^\s*(?:from|import)\s+(.*)$", re.M)
_CHECKED: Final = re.compile(r"#\s*ml-dash:\s*checked\b")


@dataclass(frozen=True)
class Finding:
    """A line that uses what changes.

    Attributes:
        file: The file.
        line: The line, from 1; in a notebook that of the cell.
        column: The column, from 1.
        cell: The cell of a notebook, from 1; 0 elsewhere.
        flag: The flag that changes it; ``MLD000`` for a name that has moved.
        api: What is used.
        certainty: ``certain`` or ``likely``.
        context: What is done with the answer.
        guarded: Whether a broad ``except`` is around it.
        advice: What to write instead.
        becomes: What ``fix`` writes in its place; empty where it leaves a comment.
    """

    file: str
    line: int
    column: int
    cell: int
    flag: str
    api: str
    certainty: str
    context: str
    guarded: bool
    advice: str
    becomes: str

    @property
    def place(self) -> str:
        """Where it is, as compilers write it."""
        cell = f"cell {self.cell}:" if self.cell else ""
        return f"{self.file}:{cell}{self.line}:{self.column}"

    @property
    def is_certain(self) -> bool:
        """Whether it is sure that this is a use."""
        return self.certainty == CERTAIN


@dataclass
class Checked:
    """What a check has found.

    Attributes:
        findings: The lines, sorted.
        unread: What could not be read or is no Python, by file.
        files: How many files were looked at.
        lines: How many lines they have.
        sources: All modules that could be read.
        uses: The modules with uses, with them.
    """

    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    files: int = 0
    lines: int = 0
    sources: Sequence[Source] = ()
    uses: list[tuple[Source, list[Use]]] = field(default_factory=list)


def check(
    paths: Iterable[Path], seen: Callable[[int], object] = lambda _count: None
) -> Checked:
    """Look for uses of what changes in files and folders.

    Args:
        paths: Python files, notebooks, and folders of them.
        seen: Called with the number of files just done.

    Raises:
        FileReadError: a path is not there, or a folder cannot be looked into.
    """
    done = Checked()
    sources = []
    for path in find_sources(paths):
        done.files += 1
        try:
            sources.append(load(path))
        except FileReadError as error:
            done.unread[str(path)] = error.message
    return look(sources, done, seen)


def look(
    sources: Sequence[Source],
    done: Checked | None = None,
    seen: Callable[[int], object] = lambda _count: None,
) -> Checked:
    """Look for uses in modules that were read: one project.

    Args:
        sources: Its modules.
        done: What is known already; added to.
        seen: Called with the number of modules just done.
    """
    done = done or Checked(files=len(sources))
    done.sources = sources
    done.lines += sum(source.text.count("\n") for source in sources)
    with _Workers(sum(_lines(source) for source in sources if _is_ours(source))) as run:
        found = _Project(sources, run).read(seen)
    for source in sources:
        uses = found.get(source.path, [])
        if isinstance(uses, str):
            done.unread[str(source.path)] = uses
        elif uses:
            done.uses.append((source, uses))
            done.findings += [_finding(source, use) for use in uses]
    done.findings.sort(key=lambda each: (each.file, each.cell, each.line, each.column))
    return done


def _is_ours(source: Source) -> bool:
    return any(word in source.text for word in _OURS)


def _lines(source: Source) -> int:
    return source.text.count("\n") + 1


def _finding(source: Source, use: Use) -> Finding:
    cell, line = source.place(use.line)
    facts = {**asdict(use), "line": line, "column": use.column + 1}
    for inner in ("first_line", "last_line", "typed_except"):
        del facts[inner]
    return Finding(file=str(source.path), cell=cell, **facts)


Read = tuple[Path, "list[Use] | str", Learned]


class _Project:
    """Reads modules, and again those that import what was learned meanwhile."""

    def __init__(self, sources: Sequence[Source], run: Callable[..., Iterable[Any]]) -> None:
        self._sources = {module_id(source.path): source for source in sources}
        self._run = run
        self._project = Knowledge.of(source.path for source in sources)
        self._found: dict[Path, list[Use] | str] = {}
        self._imported: dict[str, set[str]] = {}

    def read(self, seen: Callable[[int], object]) -> dict[Path, list[Use] | str]:
        wanted = [name for name, source in self._sources.items() if _is_ours(source)]
        seen(len(self._sources) - len(wanted))
        for number in range(_ROUNDS):
            changed = self._read(wanted, seen if not number else lambda _count: None)
            wanted = self._who_imports(changed)
            if not wanted:
                break
        return self._found

    def _read(self, names: Iterable[str], seen: Callable[[int], object]) -> set[str]:
        """Read modules; return those that may say something new to others."""
        parts = _parts([self._sources[name] for name in names])
        changed, given_before = set(), self._project.given
        known = pickle.dumps(self._project)
        for part, done in zip(parts, self._run(_read, [(each, known) for each in parts]),
                              strict=True):  # fmt: skip
            seen(len(part))
            for path, found, learned in done:
                name = module_id(path)
                self._found[path] = found
                before = self._project.learned.get(name)
                self._project.learned[name] = learned
                if learned != before and learned.says_something:
                    changed.add(name)
        self._project.given = _given(self._project.learned)
        again = {function.rpartition(":")[0] for function, calls in self._project.given.items()
                 if calls != given_before.get(function)}  # fmt: skip
        return changed | {f"={name}" for name in again}

    def _who_imports(self, changed: set[str]) -> list[str]:
        called = {name[1:] for name in changed if name.startswith("=")}
        changed = {name for name in changed if not name.startswith("=")}
        words = {os.path.basename(name) for name in changed}
        found = []
        for name in self._sources:
            learned = self._project.learned.get(name)
            if learned is not None:
                wanted = not learned.imports.isdisjoint(changed)
            else:
                wanted = not words.isdisjoint(self._words(name))
            if wanted or name in called or (os.path.basename(name) != "conftest"
                                            and _has_fixtures(name, changed)):  # fmt: skip
                found.append(name)
        return found

    def _words(self, name: str) -> set[str]:
        """Return the words of the imports of a module that was not read yet."""
        words = self._imported.get(name)
        if words is None:
            lines = _IMPORT.findall(self._sources[name].text)
            words = self._imported[name] = set(re.findall(r"\w+", " ".join(lines)))
        return words


def _has_fixtures(name: str, changed: set[str]) -> bool:
    """Tell whether a test may get fixtures of a ``conftest`` that has changed."""
    if not os.path.basename(name).startswith(("test_", "conftest")) and not name.endswith("_test"):
        return False
    return any(each.endswith(f"{os.sep}conftest") and name.startswith(each.removesuffix("conftest"))
               for each in changed)  # fmt: skip


def _given(learned: dict[str, Learned]) -> dict[str, dict[str, Any]]:
    """Return what functions are given by modules other than their own."""
    found: dict[str, dict[str, Any]] = {}
    for module, each in learned.items():
        for function, calls in each.given.items():
            if function.rpartition(":")[0] != module:
                known = found.setdefault(function, {})
                for name, kind in calls.items():
                    known[name] = join(known[name], kind) if name in known else kind
    return found


def _parts(sources: Sequence[Source]) -> list[list[Source]]:
    """Return modules in parts of about the same size."""
    parts: list[list[Source]] = []
    lines = 0
    for source in sources:
        if not parts or lines > _CHUNK_LINES:
            parts.append([])
            lines = 0
        parts[-1].append(source)
        lines += _lines(source)
    return parts


class _Workers:
    """Runs a function over arguments: here, or in processes where there is much to read."""

    def __init__(self, lines: int) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        many = lines >= _MANY_LINES and (cores or 1) > 1
        self._pool = ProcessPoolExecutor(cores) if many else None

    def __enter__(self) -> Callable[[Callable[..., Any], list[Any]], Iterable[Any]]:
        return self._run

    def _run(self, work: Callable[..., Any], arguments: list[Any]) -> Iterable[Any]:
        if self._pool is None or len(arguments) < 2:
            return (work(*each) for each in arguments)
        return self._pool.map(work, *zip(*arguments, strict=True))

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _read(sources: Sequence[Source], known: bytes) -> list[Read]:
    """Return the uses in some modules, or why one is no Python, and what was learned."""
    project = _unpickled(known)
    own = Knowledge(project.modules, dict(project.learned), project.given)
    return [(source.path, *_read_one(source, own)) for source in sources]


@functools.lru_cache(maxsize=1)
def _unpickled(known: bytes) -> Knowledge:
    project: Knowledge = pickle.loads(known)
    return project


def _read_one(source: Source, project: Knowledge) -> tuple[list[Use] | str, Learned]:
    lines = source.lines
    try:
        uses, learned = read(source.parsed(), source, project, lines)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}", Learned()
    except ValueError as error:
        return f"it is no Python: {error}", Learned()
    except RecursionError:
        return "it is nested too deeply", Learned()
    return [use for use in uses if not _is_checked(use, lines)], learned


def _is_checked(use: Use, lines: Sequence[str]) -> bool:
    """Tell whether a comment says that somebody has looked at the line."""
    return any(_CHECKED.search(line) for line in lines[use.first_line - 1 : use.last_line])
