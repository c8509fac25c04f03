"""What 0.6 leaves behind in a run's folder when it is killed, or when its processes race."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_dash._record import codec
from ml_dash._store import file_scan, layout
from ml_dash._store.places import SNAPSHOT

_CHUNK_BYTES: Final = 1 << 20
_BARE: Final = re.compile(rb"(?<![\w\"])(?:NaN|-?Infinity)(?![\w\"])")
_BARE_WORDS: Final = "a bare NaN or Infinity, which ml-dash reads, and other programs may refuse"
_PAIR: Final = re.compile(r'\s*(?:[{,])?\s*("(?:[^"\\]|\\.)*")\s*:\s*')


@dataclass(frozen=True)
class Damage:
    """Something that is not as it should be.

    Attributes:
        kind: ``document``, ``parameters``, ``lines``, ``indexes``, ``counter``, ``files``,
            ``numbers`` or ``folder``.
        path: The file.
        what: What is wrong with it.
        lost: What was lost in 0.6 and cannot be recovered; empty for nothing.
        made: What the file is to hold to be mended; None when it cannot be, or need not.
    """

    kind: str
    path: Path
    what: str
    lost: str = ""
    made: bytes | None = None


def of_run(run: Path) -> Iterator[Damage]:
    """Yield the damages of a run's folder, its document apart.

    Raises:
        OSError: a file cannot be read.
    """
    yield from _parameters(run / layout.PARAMETERS)
    yield from _logs(run)
    for path in sorted((run / layout.METRICS).rglob(layout.POINTS)):
        yield from _metric(path)
    for path in sorted((run / layout.TRACKS).rglob(layout.POINTS)):
        yield from _track(path)
    yield from _files(run)


# -- documents -------------------------------------------------------------------------------------


def _json(path: Path) -> Any:
    """Return what a document holds; None when it is not there, or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def readable_part(text: str) -> dict[str, Any]:
    """Return the whole pairs at the beginning of a JSON object that is cut off."""
    found: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    position = 0
    while match := _PAIR.match(text, position):
        try:
            value, position = decoder.raw_decode(text, match.end())
        except ValueError:
            return found | _inner(json.loads(match[1]), text[match.end() :])
        # A number at the very end may be cut off itself.
        if position == len(text) and isinstance(value, (int, float)):
            return found
        found[json.loads(match[1])] = value
    return found


def _inner(name: str, text: str) -> dict[str, Any]:
    """Return what can be read of an object that is itself cut off."""
    inner = readable_part(text) if text.startswith("{") else {}
    return {name: inner} if inner else {}


def _parameters(path: Path) -> Iterator[Damage]:
    if not path.exists():
        return
    if isinstance(_json(path), dict):
        if has_bare_numbers(path.read_bytes()):
            yield Damage("numbers", path, f"it has {_BARE_WORDS}")
        return
    found = readable_part(path.read_text("utf-8", "replace"))
    data = found.get("data")
    if not isinstance(data, dict):
        yield Damage("parameters", path, "it is cut off or overwritten, and nothing can be read",
                     lost="all parameters that are not in the file any more")  # fmt: skip
        return
    version = found.get("version")
    made = {**found, "version": version if isinstance(version, int) else 1, "data": data}
    yield Damage(
        "parameters", path, f"it is cut off; {len(data)} parameters can be read",
        lost="the parameters behind the cut", made=json.dumps(made, indent=2).encode(),
    )  # fmt: skip


def _summary(path: Path, expected: dict[str, Any], kind: str) -> Iterator[Damage]:
    """Yield what is wrong with the counters beside a stream."""
    found = _json(path)
    if not isinstance(found, dict):
        if path.exists():
            yield Damage(kind, path, "it is no JSON", lost="what was said about it: description, "
                         "tags", made=json.dumps(expected, indent=2).encode())  # fmt: skip
        return
    wrong = {name: found[name] for name, value in expected.items()
             if isinstance(value, int) and name in found and found[name] != value}  # fmt: skip
    if wrong:
        told = ", ".join(f"{name} is {value} and should be {expected[name]}"
                         for name, value in wrong.items())  # fmt: skip
        made = {**found, **{name: expected[name] for name in wrong}}
        yield Damage(kind, path, told, made=json.dumps(made, indent=2).encode())


# -- streams ---------------------------------------------------------------------------------------


def has_bare_numbers(content: bytes) -> bool:
    """Tell whether JSON has NaN or infinities as 0.6 wrote them; in texts they are none."""
    if not _BARE.search(content):
        return False
    found: list[str] = []
    json.loads(content, parse_constant=found.append)
    return bool(found)


def without_bare_numbers(path: Path) -> bytes | None:
    """Return what a file is to hold for its numbers to be JSON; None where they are.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if path.suffix == ".json":
        return codec.encode_document(codec.decode(data)) if has_bare_numbers(data) else None
    lines = data.splitlines(keepends=True)
    made = [codec.encode(codec.decode(line)) + b"\n" if has_bare_numbers(line) else line
            for line in lines]  # fmt: skip
    return b"".join(made) if made != lines else None


@dataclass
class _Lines:
    """The lines of a stream."""

    good: list[dict[str, Any]]
    raw: list[bytes]
    bad: int = 0
    torn: bool = False
    bare: int = 0


def _read(path: Path) -> _Lines:
    found = _Lines([], [])
    for line in path.read_bytes().splitlines(keepends=True):
        content = line.rstrip(b"\r\n")
        if not content:
            continue
        try:
            record = json.loads(content)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            found.torn |= not line.endswith(b"\n")
            found.bad += 1
            continue
        found.bare += has_bare_numbers(content)
        found.good.append(record)
        found.raw.append(content)
    return found


def _stream(path: Path, lines: _Lines, what: str) -> Iterator[Damage]:
    if lines.bad:
        torn = ", the last of them cut off" if lines.torn else ""
        yield Damage(
            "lines", path, f"{lines.bad} lines are no records{torn}", lost=f"{lines.bad} {what}",
            made=b"".join(line + b"\n" for line in lines.raw),
        )  # fmt: skip
    if lines.bare:
        yield Damage("numbers", path, f"{lines.bare} lines have {_BARE_WORDS}")


def _logs(run: Path) -> Iterator[Damage]:
    path = run / layout.LOGS
    if not path.exists():
        return
    lines = _read(path)
    yield from _stream(path, lines, "log lines")
    numbers = Counter(record.get("sequenceNumber") for record in lines.good)
    twice = sum(count - 1 for number, count in numbers.items() if number is not None)
    if twice:
        made = _renumbered(lines.good, "sequenceNumber")
        yield Damage("indexes", path, f"{twice} log lines have a number that another has",
                     made=made)  # fmt: skip
    following = max((n for n in numbers if isinstance(n, int)), default=-1) + 1
    following = len(lines.good) if twice else following
    counter = run / layout.LOG_COUNTER
    text = counter.read_text("utf-8", "replace").strip() if counter.exists() else str(following)
    if text != str(following):
        yield Damage("counter", counter, f"it says {text[:20]!r} and should say {following}",
                     made=str(following).encode())  # fmt: skip


def _metric(path: Path) -> Iterator[Damage]:
    lines = _read(path)
    yield from _stream(path, lines, "points")
    indexes = [record.get("index") for record in lines.good]
    twice = len(indexes) - len(set(indexes))
    if twice:
        yield Damage("indexes", path, f"{twice} points have an index that another has",
                     made=_renumbered(lines.good, "index"))  # fmt: skip
    numbers = [n for n in indexes if isinstance(n, int)]
    following = max(numbers, default=-1) + 1
    missing = following - len(set(numbers))
    if missing and not twice:
        yield Damage("indexes", path, f"{missing} indexes are missing", lost=f"{missing} points")
    following = len(lines.good) if twice else following
    yield from _summary(
        path.with_name(layout.SUMMARY),
        {"name": path.parent.name, "totalDataPoints": len(lines.good), "nextIndex": following},
        "counter",
    )


def _track(path: Path) -> Iterator[Damage]:
    lines = _read(path)
    yield from _stream(path, lines, "entries")
    yield from _summary(
        path.with_name(layout.SUMMARY),
        {"topic": path.parent.name, "totalEntries": len(lines.good)},
        "counter",
    )


def _renumbered(records: list[dict[str, Any]], name: str) -> bytes:
    return b"".join(
        json.dumps({**record, name: number}).encode() + b"\n"
        for number, record in enumerate(records)
    )


# -- files -----------------------------------------------------------------------------------------


def _files(run: Path) -> Iterator[Damage]:
    folder = run / layout.FILES
    path = folder / SNAPSHOT
    found = _json(path)
    records = found.get("files") if isinstance(found, dict) else None
    damaged = path.exists() and not isinstance(records, list)
    known = [each for each in records or [] if isinstance(each, dict)]
    orphans = file_scan.unlisted(folder, {str(each.get("id")) for each in known}, _identity(run))
    if damaged:
        yield Damage("files", path, f"it is damaged; {len(orphans)} files are there",
                     lost="their descriptions, tags and metadata",
                     made=json.dumps({"files": orphans}, indent=2).encode())  # fmt: skip
        return
    if orphans:
        yield Damage("files", path, f"{len(orphans)} files are not in the list",
                     lost="their descriptions, tags and metadata",
                     made=json.dumps({"files": [*known, *orphans]}, indent=2).encode())  # fmt: skip
    for record in known:
        yield from _file(folder, record)


def _identity(run: Path) -> str:
    document = _json(run / layout.DOCUMENT)
    facts = document if isinstance(document, dict) else {}
    return f"{facts.get('project')}/{facts.get('prefix')}"


def _file(folder: Path, record: dict[str, Any]) -> Iterator[Damage]:
    if record.get("deletedAt"):
        return
    parts = (str(record.get("path") or "").strip("/"), str(record.get("id")),
             str(record.get("filename")))  # fmt: skip
    path = folder.joinpath(*parts)
    if not path.is_file():
        yield Damage("files", path, "it is in the list, and is not there", lost="the file")
        return
    expected = record.get("checksum")
    if expected and _sha256(path) != expected:
        yield Damage("files", path, "its bytes are not those that were stored",
                     lost="the file as it was stored")  # fmt: skip


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            found.update(piece)
    return found.hexdigest()
