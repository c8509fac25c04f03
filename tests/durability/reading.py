"""Reads a run's folder by its published layout, without any code of the library.

Lines are strict JSON (no bare ``NaN``); only lines that have their end count, as for any reader.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

Line = dict[str, Any]


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is not JSON")


def strict_loads(text: bytes | str) -> Any:
    """Parse JSON as the standard has it.

    Raises:
        ValueError: it is no JSON, or holds a bare NaN or Infinity.
    """
    return json.loads(text, parse_constant=_refuse)


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that are terminated; none for a file that is not there."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]


@dataclass(frozen=True)
class Tally:
    """How many of the accepted items are not stored, and how many are stored more than once."""

    accepted: int
    lost: int
    twice: int

    @classmethod
    def of(cls, accepted: Iterable[Any], stored: Iterable[Any]) -> Tally:
        """Compare the numbers that were accepted with those found."""
        wanted, found = set(accepted), Counter(list(stored))
        twice = sum(count - 1 for number, count in found.items() if number in wanted)
        return cls(len(wanted), len(wanted - found.keys()), twice)


@dataclass
class RawRun:
    """One run's folder; reading it collects what is unreadable."""

    folder: Path
    bad_lines: list[str] = field(default_factory=list)

    def lines(self, path: Path) -> list[Line]:
        """Return the readable whole lines of a stream; the others go to ``bad_lines``."""
        found = []
        for number, line in enumerate(whole_lines(path), 1):
            try:
                record = strict_loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict):
                found.append(record)
            else:
                self.bad_lines.append(f"{path.name}:{number}: {line[:120]!r}")
        return found

    def logs(self) -> list[Line]:
        """Return the log lines."""
        return self.lines(self.folder / "logs" / "logs.jsonl")

    def points(self, metric: str = "train") -> list[Line]:
        """Return the points of a metric whose name is its directory's."""
        return self.lines(self.folder / "metrics" / metric / "data.jsonl")

    def metrics(self) -> Iterator[tuple[str, list[Line]]]:
        """Yield the directory name and the points of every metric."""
        for path in sorted((self.folder / "metrics").rglob("data.jsonl")):
            name = path.parent.relative_to(self.folder / "metrics").as_posix()
            yield name, self.lines(path)

    def entries(self, topic: str = "pose") -> list[Line]:
        """Return a track's entries: the merged ones, and those accepted but not merged yet.

        A merge that was killed half way has an entry in both files; it is one entry. Lines that
        carry no time stamp are marks of the library's own.
        """
        folder = self.folder / "tracks" / topic
        merged = self.lines(folder / "data.jsonl")
        known = {json.dumps(entry, sort_keys=True) for entry in merged}
        waiting = [e for e in self.lines(folder / ".pending.jsonl") if "timestamp" in e]
        return merged + [e for e in waiting if json.dumps(e, sort_keys=True) not in known]

    def merged_entries(self, topic: str = "pose") -> list[Line]:
        """Return only the lines of a track that are in their final place."""
        return self.lines(self.folder / "tracks" / topic / "data.jsonl")

    def topics(self) -> list[str]:
        """Return the directory names of the tracks."""
        folder = self.folder / "tracks"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def params(self) -> dict[str, Any]:
        """Return the parameters; nothing when the document is missing or unreadable."""
        document = self.document("parameters.json")
        data = document.get("data", {}) if document else {}
        return data if isinstance(data, dict) else {}

    def files(self) -> list[Line]:
        """Return the records of the stored files that are not deleted."""
        document = self.document("files/.files_metadata.json") or {}
        return [r for r in document.get("files", []) if not r.get("deletedAt")]

    def content_path(self, record: Line) -> Path:
        """Return where the bytes of a stored file lie."""
        path = record["path"].strip("/")
        return self.folder / "files" / path / record["id"] / record["filename"]

    def document(self, name: str) -> Line | None:
        """Return a document; None when it is missing or unreadable."""
        try:
            found = strict_loads((self.folder / name).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def bad_documents(self) -> list[str]:
        """Return the documents that are there and cannot be read."""
        bad = []
        for path in sorted(self.folder.rglob("*.json")):
            if "files" in path.relative_to(self.folder).parts[:1] and path.name[0] != ".":
                continue  # a file of the user's
            if self.document(str(path.relative_to(self.folder))) is None:
                bad.append(path.relative_to(self.folder).as_posix())
        counter = self.folder / "logs" / ".log_sequence"
        if counter.exists() and not counter.read_text().strip().isdigit():
            bad.append("logs/.log_sequence")
        return bad

    def numbering_faults(self) -> list[str]:
        """Return what is wrong with the numbers: each stream has 0, 1, 2 ... once each."""
        faults = []
        streams = [(f"metrics/{name}", "index", points) for name, points in self.metrics()]
        streams.append(("logs", "sequenceNumber", self.logs()))
        for name, key, lines in streams:
            numbers = Counter(line.get(key) for line in lines)
            repeated = sum(count - 1 for count in numbers.values())
            missing = len(set(range(len(lines))) - numbers.keys())
            if repeated or missing:
                faults.append(f"{name}: {repeated} numbers repeated, {missing} missing")
        return faults


def numbers(lines: Iterable[Line], *keys: str) -> list[Any]:
    """Return the number each line carries, found under ``keys``; None where it has none."""
    found = []
    for line in lines:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        found.append(value)
    return found


def point_numbers(lines: Iterable[Line]) -> list[Any]:
    """Return the numbers carried by metric points."""
    return numbers(lines, "data", "n")


def log_numbers(lines: Iterable[Line]) -> list[Any]:
    """Return the numbers carried by log lines."""
    return numbers(lines, "metadata", "n")


def entry_numbers(lines: Iterable[Line]) -> list[Any]:
    """Return the numbers carried by track entries."""
    return numbers(lines, "n")
