"""The forms in which a track is sent, each written to a file: memory does not grow with a track."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from mcap.writer import Writer

from ml_dash._record import codec
from ml_dash.server.web.track_table import write_table

TIME = "timestamp"
FRAMES_PER_SECOND = 30
"""What 0.6 wrote into every ``mocap`` reply."""

Entries = Iterable[dict[str, Any]]
Write = Callable[[IO[bytes], Any, Entries], None]

_MOST_NS = 2**63 - 1


def write_json(sink: IO[bytes], _track: Any, entries: Entries) -> None:
    """Write entries as they were sent, nested fields as dotted ones."""
    sink.write(b'{"entries":[')
    count = _write_list(sink, entries)
    sink.write(b'],"count":%d}' % count)


def write_mocap(sink: IO[bytes], track: Any, entries: Entries) -> None:
    """Write entries as frames; what is known only after the last of them comes behind them."""
    seen = _Seen()
    sink.write(b'{"version":"1.0","frames":[')
    count = _write_list(sink, (_frame(entry) for entry in seen.pass_on(entries)))
    facts = {
        "topic": track.topic, "description": track.description, "tags": track.tags,
        "fps": FRAMES_PER_SECOND, "duration": seen.last - seen.first, "frameCount": count,
        "startTime": seen.first, "endTime": seen.last,
    }  # fmt: skip
    sink.write(b'],"channels":%b,"metadata":%b}' % (
        codec.encode(sorted(seen.channels)), codec.encode(facts),
    ))  # fmt: skip


def write_jsonl(sink: IO[bytes], _track: Any, entries: Entries) -> None:
    """Write entries as lines of JSON."""
    for entry in entries:
        sink.write(codec.encode(entry) + b"\n")


def write_mcap(sink: IO[bytes], track: Any, entries: Entries) -> None:
    """Write entries as messages of JSON; their times are nanoseconds of the track's clock."""
    writer = Writer(sink)
    writer.start(profile="", library="ml-dash")
    schema_id = writer.register_schema("entry", "jsonschema", b'{"type":"object"}')
    channel_id = writer.register_channel(track.topic, "json", schema_id)
    for entry in entries:
        # The format has no times before 0 and none after 2**63 ns; the exact one is in the message.
        at_ns = int(min(max(entry[TIME], 0), _MOST_NS // 10**9) * 1e9)
        writer.add_message(channel_id, at_ns, codec.encode(entry), at_ns)
    writer.finish()  # type: ignore[no-untyped-call]


def write_parquet(sink: IO[bytes], _track: Any, entries: Entries) -> None:
    """Write entries as a table, one column for each field."""
    write_table(sink, entries, TIME)


WRITERS: dict[str, Write] = {
    "json": write_json, "mocap": write_mocap, "jsonl": write_jsonl, "parquet": write_parquet,
    "mcap": write_mcap,
}  # fmt: skip
MEDIA_TYPES = {
    "json": "application/json", "mocap": "application/json", "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet", "mcap": "application/octet-stream",
}  # fmt: skip


class _Seen:
    """What is known of entries that have gone by."""

    def __init__(self) -> None:
        self.first: Any = 0
        self.last: Any = 0
        self.channels: set[str] = set()

    def pass_on(self, entries: Entries) -> Iterator[dict[str, Any]]:
        for count, entry in enumerate(entries):
            self.first = self.first if count else entry[TIME]
            self.last = entry[TIME]
            self.channels.update(entry.keys() - {TIME})
            yield entry


def _frame(entry: dict[str, Any]) -> dict[str, Any]:
    return {"time": entry[TIME], **{key: entry[key] for key in entry if key != TIME}}


def _write_list(sink: IO[bytes], values: Iterable[Any]) -> int:
    """Write values with commas between them, and return how many there were."""
    count = 0
    for value in values:
        sink.write(codec.encode(value) if count == 0 else b"," + codec.encode(value))
        count += 1
    return count
