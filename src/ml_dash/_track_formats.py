"""The forms in which a track is read: json, jsonl, parquet, mocap."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from ml_dash._record import codec
from ml_dash._store.merging import Entry
from ml_dash.exceptions import InvalidValueError, MissingDependencyError

FRAMES_PER_SECOND = 30
"""What 0.6 wrote into every ``mocap`` reply."""


def check(name: str) -> None:
    """Refuse an unknown format.

    Raises:
        InvalidValueError: there is no such format.
    """
    if name not in _RENDERERS:
        raise InvalidValueError(
            f"Unsupported format {name!r}", hint="Use one of: " + ", ".join(_RENDERERS)
        )


def render(name: str, topic: str, entries: list[Entry] | None, columns: list[str] | None) -> Any:
    """Return entries in a format; None stands for a track that does not exist.

    Raises:
        InvalidValueError: there is no such format.
        MissingDependencyError: the format needs a package that is not installed.
    """
    check(name)
    return _RENDERERS[name](topic, _selected(entries, columns))


def _selected(entries: list[Entry] | None, columns: list[str] | None) -> list[Entry] | None:
    if not columns or entries is None:
        return entries
    wanted = {"timestamp", *columns}
    return [{key: value for key, value in e.items() if key in wanted} for e in entries]


def _json(_topic: str, entries: list[Entry] | None) -> dict[str, Any]:
    found = entries or []
    return {"entries": found, "count": len(found)}


def _jsonl(_topic: str, entries: list[Entry] | None) -> bytes:
    return b"\n".join(codec.encode(entry) for entry in entries or [])


def _parquet(_topic: str, entries: list[Entry] | None) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "Reading a track as parquet needs pyarrow", hint='pip install "ml-dash[parquet]"'
        ) from error
    found = entries or []
    # Every column of any entry, in order of appearance; 0.6 took those of the first entry only.
    names = list(dict.fromkeys(["timestamp", *(key for entry in found for key in entry)]))
    try:
        table = pa.table({name: _column(pa, name, found) for name in names})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidValueError(f"The track has no parquet form: {error}") from error
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _column(pa: Any, name: str, entries: list[Entry]) -> Any:
    values = [entry.get(name) for entry in entries]
    if name == "timestamp":
        return pa.array([float(entry[name]) for entry in entries], type=pa.float64())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A column of mixed kinds has no type of its own: numbers become floats, else texts.
        if all(value is None or isinstance(value, (int, float)) for value in values):
            return pa.array([None if v is None else float(v) for v in values], type=pa.float64())
        return pa.array([None if v is None else codec.encode(v).decode() for v in values])


def _mocap(topic: str, entries: list[Entry] | None) -> dict[str, Any]:
    if entries is None:
        metadata: dict[str, Any] = {"topic": topic, "frameCount": 0, "duration": 0}
        return {"version": "1.0", "metadata": metadata, "channels": [], "frames": []}
    first = entries[0]["timestamp"] if entries else 0
    last = entries[-1]["timestamp"] if entries else 0
    metadata = {
        "topic": topic,
        "description": None,
        "tags": [],
        "fps": FRAMES_PER_SECOND,
        "duration": last - first,
        "frameCount": len(entries),
        "startTime": first,
        "endTime": last,
    }
    channels = sorted({key for entry in entries for key in entry} - {"timestamp"})
    frames = [
        {"time": e["timestamp"], **{k: v for k, v in e.items() if k != "timestamp"}}
        for e in entries
    ]
    return {"version": "1.0", "metadata": metadata, "channels": channels, "frames": frames}


_RENDERERS: dict[str, Callable[[str, list[Entry] | None], Any]] = {
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "mocap": _mocap,
}
