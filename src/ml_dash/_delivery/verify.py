"""Comparing a run here with the run on its server, record by record: counts and checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from ml_dash._delivery import run_facts
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.run_facts import Difference, canonical
from ml_dash._delivery.sinks import Server, decoded
from ml_dash.exceptions import RemoteNotFoundError

_PAGE: Final = 1000
_CHUNK_RECORDS: Final = 5000


@dataclass(frozen=True)
class Compared:
    """One stream, here and there.

    Attributes:
        stream: Its name.
        here: How many records were delivered; of ``run``, how many facts.
        there: How many of them the server has.
        same: Whether their checksums agree.
        differences: Facts of the run itself that differ.
    """

    stream: str
    here: int
    there: int
    same: bool
    differences: tuple[Difference, ...] = ()


class _Sum:
    """Count and checksum of records, in order."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = hashlib.sha256()

    def add(self, record: Any) -> None:
        self.count += 1
        self._digest.update(json.dumps(canonical(record), sort_keys=True).encode() + b"\n")

    @classmethod
    def of(cls, records: Iterable[Any]) -> _Sum:
        made = cls()
        for record in records:
            made.add(record)
        return made

    def compared(self, stream: str, there: _Sum) -> Compared:
        same = self._digest.digest() == there._digest.digest()
        return Compared(stream, self.count, there.count, same)


def verify(delivery: RunDelivery) -> Iterator[Compared]:
    """Yield a comparison of each stream of a run with what its server has.

    Raises:
        MLDashError: the server cannot be asked, or the run's folder is damaged.
        OSError: the run's folder cannot be read.
    """
    delivery.find()
    server, run_id = delivery.server, delivery.folder.target.run_id
    for name in delivery.names():
        kind, _, rest = name.partition("/")
        if kind == "run":
            yield _run(delivery, server, run_id)
        elif kind == "logs":
            here = _Sum.of(map(_line, _records(delivery, name)))
            yield here.compared(name, _Sum.of(_logs_there(server, run_id)))
        elif kind == "metrics":
            here = _Sum.of(point["data"] for point in _records(delivery, name))
            yield here.compared(name, _Sum.of(_points_there(server, run_id, rest)))
        elif kind == "tracks":
            here = _Sum.of(_by_time(_records(delivery, name)))
            yield here.compared(name, _Sum.of(_by_time(_entries_there(server, run_id, rest))))
        elif kind == "params":
            yield _params(delivery, server, run_id)
        elif kind == "files":
            yield _files(delivery, server, run_id)


def _records(delivery: RunDelivery, name: str) -> Iterator[dict[str, Any]]:
    """Yield what was delivered of a stream: all up to the cursor, without what was refused."""
    lane = delivery.lane(name)
    refused = {entry["number"] for entry in delivery.refused() if entry["stream"] == name}
    start, number = 0, 0
    while start < lane.cursor.offset:
        piece = lane.source.read(start, lane.cursor.offset, _CHUNK_RECORDS, 1 << 22)
        for line in piece.lines:
            if number not in refused:
                yield from decoded([line])
            number += 1
        if piece.end <= start:
            return
        start = piece.end


def _line(record: dict[str, Any]) -> dict[str, Any]:
    message = record.get("message")
    return {
        "message": message if isinstance(message, str) else str(message),
        "level": record.get("level"),
        "metadata": record.get("metadata") or None,
    }


def _missing_is_empty(pages: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    try:
        yield from pages()
    except RemoteNotFoundError:
        return  # a stream that the server does not have has no records there


def _logs_there(server: Server, run_id: str) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        page = server.query_logs(run_id, _PAGE, offset, "sequenceNumber", "asc")
        yield from map(_line, page["logs"])
        offset += len(page["logs"])
        if not page["logs"] or not page.get("hasMore"):
            return


def _points_there(server: Server, run_id: str, name: str) -> Iterator[Any]:
    def pages() -> Iterator[Any]:
        start = 0
        while True:
            page = server.get_metric_data(run_id, name, start, _PAGE)
            yield from (point["data"] for point in page["data"])
            start += len(page["data"])
            if not page["data"] or not page.get("hasMore"):
                return

    return _missing_is_empty(pages)


def _entries_there(server: Server, run_id: str, topic: str) -> Iterator[Any]:
    return _missing_is_empty(lambda: iter(server.get_track_data(run_id, topic)["entries"]))


def _by_time(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put entries of equal time together, as a server may."""
    merged: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        merged.setdefault(entry["timestamp"], {}).update(entry)
    return [merged[time] for time in sorted(merged)]


def _run(delivery: RunDelivery, server: Server, run_id: str) -> Compared:
    """Compare the last state of the run that was delivered with what the server says of the run."""
    states = [event["data"] for event in _records(delivery, "run")]
    here = run_facts.here(states[-1], delivery.folder.target.prefix) if states else {}
    there = run_facts.there(server.run_facts(run_id)) if states else {}
    differences = run_facts.differences(here, there)
    shared = sum(fact in there for fact in here)
    return Compared("run", len(here), shared, not differences, differences)


def _params(delivery: RunDelivery, server: Server, run_id: str) -> Compared:
    here: dict[str, Any] = {}
    for event in _records(delivery, "params"):
        here |= event["data"]["data"]
    there: dict[str, Any] = {}
    if here:
        there = server.get_parameters_or_raise(run_id)
    return _Sum.of(sorted(here.items())).compared("params", _Sum.of(sorted(there.items())))


def _files(delivery: RunDelivery, server: Server, run_id: str) -> Compared:
    here: dict[str, str] = {}
    for record in delivery.store.files.list():
        here[f"{record['path'].strip('/')}/{record['filename']}".strip("/")] = record["checksum"]
    there = {
        str(file.get("pPath") or file["name"]).strip("/"): (file.get("physicalFile") or {}).get(
            "checksum"
        )
        for file in server.list_files_or_raise(run_id)
    }
    return _Sum.of(sorted(here.items())).compared("files", _Sum.of(sorted(there.items())))
