"""What a run folder says, read straight from disk by the published layout, without ml_dash.

The results are plain values that can be compared: times, ids and white space are left out, and
floats that JSON lacks are tagged in one way, whichever release wrote them.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_NON_FINITE = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
_WRITTEN_BY_0_6 = re.compile(rb'\{"\w+": ')
_FILE_KEYS = ("path", "filename", "description", "tags", "metadata", "sizeBytes", "checksum")


def canonical(value: Any) -> Any:
    """Return ``value`` with NaN and the infinities as ``{"$float": ...}``, tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


def unescaped(value: Any) -> Any:
    """Undo how 0.7 writes floats that JSON lacks: ``"NaN"`` is NaN, ``"~NaN"`` the text NaN."""
    if isinstance(value, str):
        if value in _NON_FINITE:
            return {"$float": _NON_FINITE[value]}
        return value[1:] if value.lstrip("~") in _NON_FINITE and value[0] == "~" else value
    if isinstance(value, dict):
        return {key: unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    return value


def blurred(value: Any) -> Any:
    """Return ``value`` with floats that JSON lacks and the texts of 0.7 for them made equal.

    That is how 0.6 sees what 0.7 wrote: it knows nothing of these texts and gives them back.
    """
    if isinstance(value, dict) and set(value) == {"$float"}:
        return next(text for text, name in _NON_FINITE.items() if name == value["$float"])
    if isinstance(value, str) and value.lstrip("~") in _NON_FINITE:
        return value.lstrip("~")
    if isinstance(value, dict):
        return {key: blurred(item) for key, item in value.items()}
    return [blurred(item) for item in value] if isinstance(value, list) else value


def document(path: Path) -> Any:
    """Return a JSON document, its non-finite floats tagged."""
    return canonical(json.loads(path.read_text(encoding="utf-8")))


def lines(path: Path) -> list[Any]:
    """Return the objects of a JSONL file; [] when there is none. Every line must be whole."""
    if not path.exists():
        return []
    content = path.read_bytes()
    assert not content or content.endswith(b"\n"), f"{path} ends in a torn line"
    return [parsed(line) for line in content.split(b"\n")[:-1]]


def parsed(line: bytes) -> Any:
    """Return one line's object; compact lines are of 0.7, those of 0.6 have spaces."""
    value = canonical(json.loads(line))
    return value if _WRITTEN_BY_0_6.match(line) else unescaped(value)


def read(run: Path, *, escaped: bool = False) -> dict[str, Any]:
    """Return everything the run folder holds.

    Args:
        run: The folder with experiment.json.
        escaped: Whether 0.7 wrote (some of) it.
    """
    path = run / "parameters.json"
    params = document(path)["data"] if path.exists() else {}
    return {
        "params": unescaped(params) if escaped else params,
        "logs": [log_line(line) for line in lines(run / "logs" / "logs.jsonl")],
        "metrics": {
            name: [point["data"] for point in points]
            for name, points in streams(run / "metrics", "name")
        },
        "tracks": dict(streams(run / "tracks", "topic")),
        "files": files(run),
    }


def counts(run: Path) -> dict[str, Any]:
    """Return what the snapshots count, from which other programs go on."""
    sequence = run / "logs" / ".log_sequence"
    found: dict[str, Any] = {"logs": sequence.read_text().strip() if sequence.exists() else None}
    shown = ("totalDataPoints", "nextIndex", "totalEntries", "firstTimestamp", "lastTimestamp",
             "columns", "description", "tags", "metadata", "metricId", "trackId")  # fmt: skip
    for path in sorted((*run.glob("metrics/*/metadata.json"), *run.glob("tracks/*/metadata.json"))):
        about = document(path)
        name = path.parent.relative_to(run).as_posix()
        found[name] = {key: about[key] for key in shown if key in about}
    return found


def log_line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a log line without its number and time."""
    return {key: value for key, value in line.items() if key in ("level", "message", "metadata")}


def streams(folder: Path, key: str) -> Iterable[tuple[str, list[Any]]]:
    """Yield the name and the lines of each stream below ``folder``."""
    for path in sorted(folder.glob("*/data.jsonl")):
        metadata = path.with_name("metadata.json")
        name = document(metadata)[key] if metadata.exists() else path.parent.name
        yield "None" if name is None else name, lines(path)


def files(run: Path) -> list[dict[str, Any]]:
    """Return the file records, sorted, each checked against the bytes on disk."""
    index = run / "files" / ".files_metadata.json"
    if not index.exists():
        return []
    out = []
    for record in document(index)["files"]:
        shown = {key: record.get(key) for key in _FILE_KEYS}
        if record.get("deletedAt"):
            shown["deleted"] = True
        else:
            check_bytes(run, record)
        out.append(shown)
    return sorted(out, key=file_order)


def file_order(record: dict[str, Any]) -> tuple[str, str, bool]:
    """Return what to sort file records by."""
    return record["path"], record["filename"], "deleted" in record


def check_bytes(run: Path, record: dict[str, Any]) -> None:
    """Assert that the stored bytes are those the record describes."""
    folder = run / "files" / record["path"].strip("/") / record["id"]
    stored = (folder / record["filename"]).read_bytes()
    assert len(stored) == record["sizeBytes"]
    assert hashlib.sha256(stored).hexdigest() == record["checksum"]


def without_call_times(metrics: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return metric points without the ``_ts`` that 0.6.27 adds to each of them."""
    return {
        name: [{key: item for key, item in data.items() if key != "_ts"} for data in points]
        for name, points in metrics.items()
    }
