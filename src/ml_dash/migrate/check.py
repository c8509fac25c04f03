"""Checking a project without running it: which of its lines use what changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_dash.exceptions import FileReadError, MissingDependencyError
from ml_dash.migrate.sources import Source, find_sources, load

if TYPE_CHECKING:
    from ml_dash.migrate.finder import Use

_OURS: Final = "ml_dash"
_MANY: Final = 40  # files, from which on several processes are worth their start
_CHUNK: Final = 20


@dataclass(frozen=True)
class Finding:
    """A line that uses what changes.

    Attributes:
        file: The file.
        line: The line, from 1; in a notebook that of the cell.
        column: The column, from 1.
        cell: The cell of a notebook, from 1; 0 elsewhere.
        flag: The flag that changes it.
        api: What is used.
        certainty: ``certain`` or ``likely``.
        context: What is done with the answer.
        guarded: Whether a broad ``except`` is around it.
        advice: What to write instead.
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

    @property
    def place(self) -> str:
        """Where it is, as compilers write it."""
        cell = f"cell {self.cell}:" if self.cell else ""
        return f"{self.file}:{cell}{self.line}:{self.column}"


@dataclass
class Checked:
    """What a check has found.

    Attributes:
        findings: The lines, sorted.
        unread: What could not be read or is no Python, by file.
        files: How many files were looked at.
        lines: How many lines they have.
    """

    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    files: int = 0
    lines: int = 0


def need_libcst() -> None:
    """Look whether what reads Python is installed.

    Raises:
        MissingDependencyError: it is not.
    """
    try:
        import libcst  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "Checking and fixing code needs LibCST", hint='pip install "ml-dash[migrate]"'
        ) from error


def check(
    paths: Iterable[Path], seen: Callable[[int], object] = lambda _count: None
) -> Checked:
    """Look for uses of what changes in files and folders.

    Args:
        paths: Python files, notebooks, and folders of them.
        seen: Called with the number of files just done.

    Raises:
        FileReadError: a path is not there.
        MissingDependencyError: LibCST is not installed.
    """
    need_libcst()
    done = Checked()
    sources = [source for path in find_sources(paths) if (source := _loaded(path, done))]
    done.files += len(sources)
    done.lines += sum(source.text.count("\n") for source in sources)
    for found, unread in _over(sources, seen):
        done.findings += found
        done.unread.update(unread)
    done.findings.sort(key=lambda each: (each.file, each.cell, each.line, each.column))
    return done


def _loaded(path: Path, done: Checked) -> Source | None:
    try:
        return load(path)
    except FileReadError as error:
        done.unread[str(path)] = error.message
        done.files += 1
        return None


Found = tuple[list[Finding], dict[str, str]]


def _over(sources: Sequence[Source], seen: Callable[[int], object]) -> Iterable[Found]:
    from ml_dash.migrate.known import Knowledge

    own = [source for source in sources if _OURS in source.text]
    with _Workers(len(own)) as run:
        project = Knowledge()
        for learned in run(_learn, [(part,) for part in _parts(own)]):
            project.returns.update(learned.returns)
            project.attributes.update(learned.attributes)
        names = {module for module, _ in project.returns}
        names.add(_OURS)
        wanted = [each for each in sources if any(name in each.text for name in names)]
        seen(len(sources) - len(wanted))
        parts = _parts(wanted)
        for part, found in zip(parts, run(_find, [(part, project) for part in parts]), strict=True):
            seen(len(part))
            yield found


def known_of(sources: Sequence[Source]) -> Any:
    """Return what the functions and classes of a project give (a ``Knowledge``)."""
    return _learn([source for source in sources if _OURS in source.text])


def _parts(sources: Sequence[Source]) -> list[Sequence[Source]]:
    return [sources[start : start + _CHUNK] for start in range(0, len(sources), _CHUNK)]


class _Workers:
    """Runs a function over arguments: here, or in processes where there are many files."""

    def __init__(self, files: int) -> None:
        many = files >= _MANY and (os.cpu_count() or 1) > 1
        self._pool = ProcessPoolExecutor() if many else None

    def __enter__(self) -> Callable[[Callable[..., Any], list[Any]], Iterable[Any]]:
        return self._run

    def _run(self, work: Callable[..., Any], arguments: list[Any]) -> Iterable[Any]:
        if self._pool is None:
            return (work(*each) for each in arguments)
        return self._pool.map(work, *zip(*arguments, strict=True)) if arguments else ()

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _learn(sources: Sequence[Source]) -> Any:
    """Return what the functions and classes of some modules give."""
    from ml_dash.migrate.known import Knowledge

    project = Knowledge()
    for source in sources:
        _uses(source, project)
    return project


def _find(sources: Sequence[Source], project: Any) -> Found:
    """Return the findings in some modules, and what is no Python."""
    found: list[Finding] = []
    unread = {}
    for source in sources:
        uses = _uses(source, project)
        if isinstance(uses, str):
            unread[str(source.path)] = uses
            continue
        for use in uses:
            cell, line = source.place(use.line)
            facts = {**asdict(use), "line": line, "column": use.column + 1}
            del facts["name_at"]
            found.append(Finding(file=str(source.path), cell=cell, **facts))
    return found, unread


def _uses(source: Source, project: Any) -> list[Use] | str:
    """Return the uses in a module; a text that says why it cannot be read."""
    import libcst as cst

    from ml_dash.migrate.finder import find

    try:
        return find(cst.parse_module(source.text), source.module, project)
    except cst.ParserSyntaxError as error:
        return f"line {error.raw_line}: {error.message.splitlines()[0]}"
    except RecursionError:
        return "it is nested too deeply"
