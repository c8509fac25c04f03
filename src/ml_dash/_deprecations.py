"""The lines of code that got old behaviour, kept with the run: ``deprecations.jsonl``."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from ml_dash._base import deprecate
from ml_dash._base.deprecate import Rules, Use
from ml_dash._base.facts import about
from ml_dash.flags import FLAGS, RELEASES, TABLE

_log = logging.getLogger("ml_dash.deprecation")

FILE: Final = "deprecations.jsonl"
COMMAND: Final = "ml-dash migrate report"
FIX: Final = "ml-dash migrate fix"


class RunUses:
    """Writes what old behaviour an open run shows.

    A line is written when a use is met first, so that a killed process leaves it, and again with
    the final count when the run closes; a reader takes the last of each process.

    Args:
        rules: Of the experiment.
        folder: The run's folder.
    """

    def __init__(self, rules: Rules, folder: Path) -> None:
        self._rules = rules
        self._path = folder / FILE
        self._uses: list[Use] = []
        # What was met before there was a run to note it, by this experiment or by a client.
        for use in deprecate.uses():
            if use.rules is rules or not use.noted:
                self._note(use)
        deprecate.listen(rules, self._note)

    def _note(self, use: Use) -> None:
        if use not in self._uses:
            use.noted = str(self._path.parent)
            self._uses.append(use)
            self._write([use])

    def close(self) -> None:
        """Write the counts, and say once how much there was."""
        deprecate.unlisten(self._rules, self._note)
        if not self._uses:
            return
        self._write([use for use in self._uses if use.count > 1])
        _log.warning(
            self._summary(),
            extra=about("telling deprecated uses", path=self._path, count=len(self._uses)),
        )

    def _summary(self) -> str:
        release = self._rules.flags.release
        ids = sorted({use.flag for use in self._uses})
        lines = "1 line" if len(self._uses) == 1 else f"{len(self._uses)} lines"
        count = sum(use.count for use in self._uses)
        calls = "1 call" if count == 1 else f"{count} calls"
        text = (
            f"{lines} of code got behaviour that changes in {_flip(ids)} ({calls}; "
            f"{', '.join(ids)})."
        )
        parts = [text]
        if RELEASES.index(release) >= RELEASES.index("0.8"):
            parts = [text, *(f"  {use.site} {use.flag} {use.api}" for use in self._uses)]
        folder = shlex.quote(str(self._path.parent))
        parts[-1] += f" To list them: {COMMAND} {folder}; to fix them: {FIX} . --from {folder}"
        return "\n".join(parts)

    def _write(self, uses: Iterable[Use]) -> None:
        # One write, at the end of the file: several processes may have the run open.
        facts = [json.dumps({**use.facts(), "pid": os.getpid()}) + "\n" for use in uses]
        if not facts:
            return
        try:
            with open(self._path, "ab", buffering=0) as file:
                file.write("".join(facts).encode())
        except OSError as error:
            _log.warning(
                "%s cannot be written: %s", self._path, error,
                extra=about("noting deprecated uses", error, path=self._path),
            )  # fmt: skip


def _flip(ids: list[str]) -> str:
    return min(flag.since("on") for flag in TABLE if flag.id in ids)


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Return what the runs in some folders met, equal lines of code added up.

    Args:
        paths: Runs, folders of runs, or files of this kind.

    Returns:
        For each line of code ``id``, ``flag``, ``api``, ``file``, ``line``, ``count``, ``raises``,
        ``message`` and ``runs`` (folders), most frequent first.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in paths:
        for file in [path] if path.is_file() else sorted(_files_below(path)):
            for use in _last_of_each(file):
                key = (use["id"], use["api"], use["file"], use["line"], use["raises"])
                row = found.setdefault(key, {**use, "count": 0, "runs": []})
                row["count"] += use["count"]
                if str(file.parent) not in row["runs"]:
                    row["runs"].append(str(file.parent))
    return sorted(found.values(), key=lambda row: -row["count"])


_NO_RUNS: Final = frozenset({".git", "node_modules", "site-packages", "__pycache__"})
_OF_A_RUN: Final = frozenset({"logs", "metrics", "tracks", "files", ".ml-dash"})


def _files_below(top: Path) -> Iterable[Path]:
    """Yield the files of the runs below a folder; not looked for where there can be none."""
    for folder, names, files in os.walk(top, onerror=_passed_over):
        skipped = _NO_RUNS | _OF_A_RUN if "experiment.json" in files else _NO_RUNS
        names[:] = [name for name in names if name not in skipped]
        if FILE in files:
            yield Path(folder) / FILE


def _passed_over(error: OSError) -> None:
    _log.warning(
        "%s cannot be looked into: %s", error.filename, error.strerror,
        extra=about("looking for deprecated uses", error, path=error.filename),
    )  # fmt: skip


def _last_of_each(file: Path) -> list[dict[str, Any]]:
    names = {flag.id: flag.name for flag in FLAGS.values()}
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            use = json.loads(line)
            key = tuple(use.pop("pid") if name == "pid" else use[name] for name in _KEY)
        except (ValueError, KeyError, TypeError) as error:
            _log.warning(
                "A line of %s is passed over: %s", file, error,
                extra=about("reading deprecated uses", error, path=file),
            )  # fmt: skip
            continue
        last[key] = {**use, "flag": names.get(use["id"], "")}
    return list(last.values())


_KEY = ("pid", "id", "api", "file", "line", "raises", "message")
