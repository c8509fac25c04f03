"""The forms in which a track is sent: jsonl, parquet and mcap as files, json and mocap as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from mcap.writer import Writer

from ml_dash._record import codec

TIME = "timestamp"
FRAMES_PER_SECOND = 30
"""What 0.6 wrote into every ``mocap`` reply."""

Entries = Iterable[dict[str, Any]]


def write_jsonl(sink: IO[bytes], _topic: str, entries: Entries) -> None:
    """Write entries as lines of JSON."""
    for entry in entries:
        sink.write(codec.encode(entry) + b"\n")


def write_mcap(sink: IO[bytes], topic: str, entries: Entries) -> None:
    """Write entries as messages of JSON; their times are nanoseconds of the track's clock."""
    writer = Writer(sink)
    writer.start(profile="", library="ml-dash")
    schema_id = writer.register_schema("entry", "jsonschema", b'{"type":"object"}')
    channel_id = writer.register_channel(topic, "json", schema_id)
    for entry in entries:
        # The format has no times before 0; the exact one is in the message.
        at_ns = min(max(int(entry[TIME] * 1e9), 0), 2**63 - 1)
        writer.add_message(channel_id, at_ns, codec.encode(entry), at_ns)
    writer.finish()  # type: ignore[no-untyped-call]


def write_parquet(sink: IO[bytes], _topic: str, entries: Entries) -> None:
    """Write entries as a table, one column for each field."""
    found = list(entries)
    names = list(dict.fromkeys([TIME, *(key for entry in found for key in entry)]))
    table = pa.table({name: _column(name, found) for name in names})
    pq.write_table(table, sink, compression="zstd")


FILES: dict[str, tuple[Callable[[IO[bytes], str, Entries], None], str]] = {
    "jsonl": (write_jsonl, "application/x-ndjson"),
    "parquet": (write_parquet, "application/vnd.apache.parquet"),
    "mcap": (write_mcap, "application/octet-stream"),
}
"""What writes each form, and its media type."""


def as_json(entries: Entries) -> dict[str, Any]:
    """Return entries as they were sent, nested fields as dotted ones."""
    found = list(entries)
    return {"entries": found, "count": len(found)}


def as_mocap(track: Any, entries: Entries) -> dict[str, Any]:
    """Return entries as frames."""
    found = list(entries)
    first, last = (found[0][TIME], found[-1][TIME]) if found else (0, 0)
    return {
        "version": "1.0",
        "metadata": {
            "topic": track.topic, "description": track.description, "tags": track.tags,
            "fps": FRAMES_PER_SECOND, "duration": last - first, "frameCount": len(found),
            "startTime": first, "endTime": last,
        },
        "channels": sorted({key for entry in found for key in entry} - {TIME}),
        "frames": [
            {"time": entry[TIME], **{key: entry[key] for key in entry if key != TIME}}
            for entry in found
        ],
    }  # fmt: skip


def _column(name: str, entries: list[dict[str, Any]]) -> Any:
    values = [entry.get(name) for entry in entries]
    if name == TIME:
        return pa.array([float(entry[TIME]) for entry in entries], type=pa.float64())
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        # A column of mixed kinds has no type of its own: numbers become floats, else JSON.
        if all(value is None or type(value) in (int, float) for value in values):
            return pa.array([None if v is None else float(v) for v in values], type=pa.float64())
        return pa.array([None if v is None else codec.encode(v).decode() for v in values])
