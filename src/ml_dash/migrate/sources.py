"""Python sources of a project: files, and notebooks as one module each."""

from __future__ import annotations

import ast
import codecs
import io
import json
import os
import re
import tokenize
import warnings
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
_HIDDEN: Final = re.compile(r"^(\s*)pass  # ml-dash: hidden: (.*)$", re.M)
_MAGIC: Final = re.compile(r"^(\s*)((?:[%!?]|[\w., ]+= *[%!]).*|[\w.]+\?\??\s*)$", re.M)
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True)
class Source:
    """The text of a module.

    Attributes:
        path: The file.
        text: Its Python code; of a notebook the cells one after the other.
        is_notebook: Whether the file is a notebook.
        encoding: How the file is encoded.
    """

    path: Path
    text: str
    is_notebook: bool = False
    encoding: str = "utf-8"

    @property
    def lines(self) -> list[str]:
        """The lines as Python counts them: form feeds and the like end none."""
        return _LINE.findall(self.text)

    def place(self, line: int) -> tuple[int, int]:
        """Return cell, from 1, or 0 where there are none, and line within it."""
        if not self.is_notebook:
            return 0, line
        before = self.lines[: line - 1]
        for back in range(len(before) - 1, -1, -1):
            match = _CELL_LINE.match(before[back])
            if match:
                return int(match[1]), line - back - 1
        return 0, line

    def parsed(self) -> ast.Module:
        """Return the syntax tree.

        Raises:
            SyntaxError: it is no Python, or of a later release of it.
            ValueError: it has null bytes.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's own texts, such as "\d"
            # A notebook may await anywhere.
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree: ast.Module = compile(
                self.text, str(self.path), "exec", flags, dont_inherit=True
            )  # fmt: skip
            return tree


def find_sources(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the Python files and notebooks of some files and folders, sorted, each once.

    Raises:
        FileReadError: a path is not there.
    """
    seen = set()
    for path in paths:
        if not (path.is_file() or path.is_dir()):
            raise FileReadError(f"There is no file or folder {path}", context={"path": str(path)},
                                hint="Give files and folders of your code")  # fmt: skip
        for found in [path] if path.is_file() else _below(path):
            place = os.path.realpath(found)
            if place not in seen:
                seen.add(place)
                yield found


def _below(top: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(top, onerror=_refuse):
        names[:] = sorted(name for name in names if name not in _LEFT_OUT)
        for name in sorted(files):
            path = Path(folder) / name
            # A link that leads nowhere is told; a pipe would never end.
            if name.endswith((".py", ".ipynb")) and (path.is_symlink() or path.is_file()):
                yield path


def _refuse(error: OSError) -> None:
    raise FileReadError(
        f"Cannot look into {error.filename}: {error.strerror}", cause=error,
        hint="Make it readable, or name the folders beside it",
    ) from error  # fmt: skip


def load(path: Path) -> Source:
    """Read a file.

    Raises:
        FileReadError: it cannot be read or decoded, or is a damaged notebook.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".ipynb":
            return Source(path, _of_notebook(json.loads(data)), is_notebook=True)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return Source(path, data.decode(encoding), encoding=encoding)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        kind = "it is no notebook: " if path.suffix == ".ipynb" and not isinstance(
            error, OSError) else ""  # fmt: skip
        raise FileReadError(f"{kind}{why}", context={"path": str(path)},
                            cause=error, hint="Leave it out, or mend it") from error  # fmt: skip


def _of_notebook(notebook: dict[str, Any]) -> str:
    parts = []
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == "code":
            parts.append(_CELL.format(number) + _as_python("".join(cell["source"])) + "\n")
    return "".join(parts)


def _as_python(text: str) -> str:
    """Return a cell with what is no Python hidden; it comes back when the cell is written."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith("%%") and first.split()[0] not in ("%%time", "%%timeit", "%%capture"):
        return re.sub(r"^(\s*)(.*)$", r"\1pass  # ml-dash: hidden: \2", text.rstrip("\n"),
                      flags=re.M)  # fmt: skip
    return _MAGIC.sub(r"\1pass  # ml-dash: hidden: \2", text.rstrip("\n"))


def unhidden(text: str) -> str:
    """Return the code of a notebook as its cells have it."""
    return _HIDDEN.sub(r"\1\2", text)


def encoded(source: Source, text: str) -> bytes:
    """Return what the file of a source is to hold for its code to be ``text``.

    Raises:
        OSError: the file cannot be read again.
        UnicodeEncodeError: the file's encoding has not all of the characters.
    """
    if not source.is_notebook:
        marked = source.encoding == "utf-8-sig"
        return (codecs.BOM_UTF8 if marked else b"") + text.encode(
            "utf-8" if marked else source.encoding
        )
    raw = source.path.read_text("utf-8")
    notebook = json.loads(raw)
    pieces = _CELL_LINE.split(text)
    for number, code in zip(pieces[1::2], pieces[2::2], strict=True):
        cell = notebook["cells"][int(number) - 1]
        before = "".join(cell["source"])
        plain = unhidden(code).removesuffix("\n")
        if plain == before.rstrip("\n"):
            continue  # as it was
        plain += before[len(before.rstrip("\n")) :]
        is_text = isinstance(cell["source"], str)
        cell["source"] = plain if is_text else plain.splitlines(keepends=True)
    match = re.search(r"^([ \t]+)\S", raw, re.M)
    indent = match[1] if match else None
    separators = None if match or '": ' in raw else (",", ":")
    end = "\n" if raw.endswith("\n") else ""
    ascii_only = raw.isascii() and "\\u" in raw
    return (json.dumps(notebook, indent=indent, ensure_ascii=ascii_only, separators=separators)
            + end).encode()  # fmt: skip
