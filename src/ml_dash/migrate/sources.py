"""Python sources of a project: files, and notebooks as one module each."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_dash.exceptions import FileReadError

_LEFT_OUT: Final = frozenset({
    ".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__", ".dash",
    "site-packages", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache", "build", "dist",
})  # fmt: skip
_CELL: Final = "# ml-dash: cell {}\n"
_CELL_LINE: Final = re.compile(r"^# ml-dash: cell (\d+)\n", re.M)
_MAGIC: Final = re.compile(r"^(\s*)([%!?].*)$", re.M)
_HIDDEN: Final = re.compile(r"^(\s*)pass  # ml-dash: hidden: (.*)$", re.M)


@dataclass(frozen=True)
class Source:
    """The text of a module.

    Attributes:
        path: The file.
        text: Its Python code; of a notebook the cells one after the other.
        is_notebook: Whether the file is a notebook.
    """

    path: Path
    text: str
    is_notebook: bool = False

    @property
    def module(self) -> str:
        """The module's name within its folder."""
        return self.path.stem

    def place(self, line: int) -> tuple[int, int]:
        """Return cell, from 1, or 0 where there are none, and line within it."""
        if not self.is_notebook:
            return 0, line
        before = self.text.splitlines(keepends=True)[: line - 1]
        for back in range(len(before) - 1, -1, -1):
            match = _CELL_LINE.match(before[back])
            if match:
                return int(match[1]), line - back - 1
        return 0, line


def find_sources(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the Python files and notebooks of some files and folders, sorted.

    Raises:
        FileReadError: a path is not there.
    """
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from _below(path)
        else:
            raise FileReadError(f"There is no {path}", context={"path": str(path)},
                                hint="Give files and folders of your code")  # fmt: skip


def _below(top: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name not in _LEFT_OUT)
        for name in sorted(files):
            if name.endswith((".py", ".ipynb")):
                yield Path(folder) / name


def load(path: Path) -> Source:
    """Read a file.

    Raises:
        FileReadError: it cannot be read, is no UTF-8, or is a damaged notebook.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if path.suffix == ".ipynb":
            return Source(path, _of_notebook(json.loads(text)), is_notebook=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileReadError(f"Cannot read {path}: {error}", context={"path": str(path)},
                            cause=error, hint="Leave it out, or mend it") from error  # fmt: skip
    return Source(path, text)


def _of_notebook(notebook: dict[str, Any]) -> str:
    parts = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            # What is no Python is hidden, and comes back when the cell is written.
            text = _MAGIC.sub(r"\1pass  # ml-dash: hidden: \2", text)
            parts.append(_CELL.format(number) + text.rstrip("\n") + "\n")
    return "".join(parts)


def encoded(source: Source, text: str) -> bytes:
    """Return what the file of a source is to hold for its code to be ``text``.

    Raises:
        OSError: the file cannot be read again.
    """
    if not source.is_notebook:
        marked = source.path.read_bytes().startswith(codecs.BOM_UTF8)
        return (codecs.BOM_UTF8 if marked else b"") + text.encode()
    raw = source.path.read_text("utf-8")
    notebook = json.loads(raw)
    pieces = _CELL_LINE.split(text)
    for number, code in zip(pieces[1::2], pieces[2::2], strict=True):
        cell = notebook["cells"][int(number) - 1]
        plain = _HIDDEN.sub(r"\1\2", code)
        ended = "".join(cell["source"]).endswith("\n")
        plain = plain if ended else plain.removesuffix("\n")
        cell["source"] = plain.splitlines(keepends=True)
    match = re.search(r"^( +)\S", raw, re.M)
    indent = len(match[1]) if match else None
    end = "\n" if raw.endswith("\n") else ""
    return (json.dumps(notebook, indent=indent, ensure_ascii=False) + end).encode()
