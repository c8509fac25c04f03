"""The lines of code that got behaviour that changes, from what real runs and logs say."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ml_dash import _deprecations
from ml_dash._base import fsio
from ml_dash.exceptions import ConfigurationError, FileReadError
from ml_dash.flags import FLAGS

Row = dict[str, Any]

_LINE: Final = re.compile(
    r"(?P<file>[^\s:][^:\n]*?):(?P<line>\d+): (?:MLDashDeprecationWarning: )?"
    r"(?P<id>MLD\d{3}) \((?P<flag>\w+)\): (?P<api>\S+) .*"
    r"Here it would raise (?P<raises>\w+): (?P<message>.*?)"
    r"(?:\.? (?:To fix it: |It is in an installed package).*)?$"
)
_DEPENDENCY: Final = re.compile(r"[/\\](site|dist)-packages[/\\]")
_NAMES: Final = {flag.id: flag.name for flag in FLAGS.values()}


def collect(paths: Iterable[Path]) -> list[Row]:
    """Return what runs and logs have met, equal lines of code added up.

    Args:
        paths: Runs, folders of runs, ``deprecations.jsonl`` files, and logs: plain text, or JSON
            lines with the fields of docs/logging.md.

    Returns:
        For each line of code ``id``, ``flag``, ``api``, ``file``, ``line``, ``count``, ``raises``,
        ``message``, ``runs`` and ``dependency`` (whether it lies in an installed package), most
        frequent first.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[tuple[Any, ...], Row] = {}
    for path in paths:
        is_log = path.is_file() and path.name != _deprecations.FILE
        for row in _of_log(path) if is_log else _deprecations.read([path]):
            key = tuple(row[name] for name in ("id", "api", "file", "line", "raises"))
            known = found.setdefault(key, {**row, "count": 0, "runs": []})
            known["count"] += row["count"]
            known["runs"] += [run for run in row["runs"] if run not in known["runs"]]
    for row in found.values():
        row["dependency"] = _DEPENDENCY.search(row["file"]) is not None
    return sorted(found.values(), key=lambda row: (row["dependency"], -row["count"], row["file"]))


def _of_log(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            row = _of_json(line) if line.lstrip().startswith("{") else None
            match = None if row else _LINE.search(line)
            if match:
                row = {**match.groupdict(), "line": int(match["line"])}
            if row:
                yield {"count": 1, **row, "runs": [str(path)]}


def _of_json(line: str) -> Row | None:
    """Return what a line of a JSON log says: one of ours by its fields, or by its message."""
    try:
        record = json.loads(line)
    except ValueError:
        return None  # a line that only begins like JSON
    if not isinstance(record, dict):
        return None
    if {"id", "api", "file", "line", "raises", "message"} <= record.keys():
        return {**record, "flag": _NAMES.get(record["id"], "")}
    for text in record.values():
        match = _LINE.search(text) if isinstance(text, str) else None
        if match:
            return {**match.groupdict(), "line": int(match["line"])}
    return None


# -- baselines -------------------------------------------------------------------------------------


def write_baseline(path: Path, rows: Iterable[Row]) -> None:
    """Keep what is known, for :func:`new_since`.

    Raises:
        OSError: it cannot be written.
    """
    known = Counter(map(_kind, rows))
    facts = [{"id": id_, "api": api, "file": file, "lines": count}
             for (id_, api, file), count in sorted(known.items())]  # fmt: skip
    fsio.write_atomic(path, (json.dumps(facts, indent=2) + "\n").encode())


def new_since(path: Path, rows: Iterable[Row]) -> list[Row]:
    """Return what a baseline does not have.

    Lines move when code is edited: of each file, as many lines that use a name are known as the
    baseline has; what goes beyond is new.

    Raises:
        FileReadError: the baseline cannot be read.
        ConfigurationError: it is none.
    """
    left = _known(path)
    fresh = []
    for row in rows:
        if left[_kind(row)]:
            left[_kind(row)] -= 1
        else:
            fresh.append(row)
    return fresh


def _kind(row: Row) -> tuple[str, str, str]:
    return row["id"], row["api"], row["file"]


def _known(path: Path) -> Counter[tuple[str, str, str]]:
    hint = "Make it with `ml-dash migrate report --write-baseline FILE`"
    try:
        found = json.loads(path.read_bytes())
        return Counter({_kind(each): int(each["lines"]) for each in found})
    except OSError as error:
        raise FileReadError(f"Cannot read the baseline {path}: {error.strerror}", hint=hint,
                            cause=error) from error  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no baseline", hint=hint, cause=error) from error
