"""The parts of a run as they are fetched: each knows what is missing, and when it is whole."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ml_dash._base.clock import stamp
from ml_dash._record import codec
from ml_dash._store import layout
from ml_dash._store.documents import Document
from ml_dash._store.places import SNAPSHOT, checked_place
from ml_dash._store.run_store import RunStore
from ml_dash.client import RemoteClient
from ml_dash.download.lines import LineFile
from ml_dash.exceptions import InvalidResponseError, RemoteNotFoundError
from ml_dash.runs.remote import ServerRun, file_place

_BATCH: Final = 1000
_PARTS: Final = ".ml-dash/parts"
_DESCRIBING: Final = ("description", "tags", "metadata")
Seen = Callable[[int], object]


class Part(ABC):
    """One part of a run.

    Attributes:
        kind: What it is: ``params``, ``logs``, ``metrics``, ``tracks`` or ``files``.
        name: Unique in the run, such as ``metrics/train``.
    """

    kind: str
    name: str

    @abstractmethod
    def fetch(self, seen: Seen) -> int:
        """Fetch what is missing and return how many records that was.

        Raises:
            RemoteClientError: a request failed; what has arrived stays.
            InvalidResponseError: the server sent less than it says there is.
            OSError: it cannot be written.
        """

    @abstractmethod
    def publish(self, store: RunStore) -> None:
        """Bring the documents about it up to date.

        Raises:
            OSError: they cannot be written.
        """


def listed(kind: str, run: ServerRun, client: RemoteClient, store: RunStore) -> list[Part]:
    """Return the parts of a kind that the server has.

    Raises:
        RemoteClientError: the server does not say.
        InvalidResponseError: it lists less than it counts.
    """
    if kind == "params":
        return [Params(run, client, store)]
    if kind == "logs":
        return [Logs(run, store)]
    if kind == "metrics":
        return [Metric(run, store, each) for each in client.list_metrics(run.id)]
    if kind == "tracks":
        return [Track(run, client, store, each) for each in run.tracks()]
    found = run.files()
    if len(found) < (run.facts.files or 0):
        raise _too_few("files", len(found), run.facts.files or 0)
    return [Files(client, store, found)]


def _too_few(what: str, found: int, there: int) -> InvalidResponseError:
    return InvalidResponseError(
        f"The server sent {found} of {there} {what}", context={"found": found, "expected": there},
        kept="what has arrived", hint="Download again; the rest is fetched then",
    )  # fmt: skip


class Params(Part):
    """The parameters."""

    kind = name = "params"

    def __init__(self, run: ServerRun, client: RemoteClient, store: RunStore) -> None:
        self._run = run
        self._client = client
        self._path = store.folder / layout.PARAMETERS

    def fetch(self, seen: Seen) -> int:
        """Fetch them, if they are others than those here."""
        try:
            found = self._client.get_parameters_document(self._run.id)
        except RemoteNotFoundError:
            return 0  # none were ever set
        before = Document(self._path).read_or_empty()
        if before.get("data") == found["data"]:
            return 0
        times = {name: found.get(name) or self._run.facts.created_at
                 for name in ("createdAt", "updatedAt")}  # fmt: skip
        Document(self._path).write(
            {"version": int(found.get("version") or 1), "data": found["data"], **times}
        )
        seen(len(found["data"]))
        return len(found["data"])

    def publish(self, store: RunStore) -> None:
        """Do nothing: the document is all there is."""


class Logs(Part):
    """The log lines."""

    kind = name = "logs"

    def __init__(self, run: ServerRun, store: RunStore) -> None:
        self._run = run
        self._path = store.folder / layout.LOGS

    def fetch(self, seen: Seen) -> int:
        """Fetch the lines behind those here."""
        there = self._run.count_logs()
        with LineFile(self._path) as file:
            first = file.count
            lines = self._run.log_lines(first)
            while batch := list(islice(lines, _BATCH)):
                file.add([_log_line(file.count + n, each) for n, each in enumerate(batch)])
                seen(len(batch))
            if file.count < there:
                raise _too_few("log lines", file.count, there)
            return file.count - first

    def publish(self, store: RunStore) -> None:
        """Do nothing: the counter is made with the run's documents."""


def _log_line(number: int, record: dict[str, Any]) -> bytes:
    line = {"sequenceNumber": number, **{name: record.get(name) for name in
                                         ("timestamp", "level", "message")}}  # fmt: skip
    if record.get("metadata"):
        line["metadata"] = record["metadata"]
    return codec.encode(line)


class Metric(Part):
    """The points of a metric."""

    kind = "metrics"

    def __init__(self, run: ServerRun, store: RunStore, facts: dict[str, Any]) -> None:
        self._run = run
        self._metric = str(facts["name"])
        self.name = f"metrics/{self._metric}"
        said = {key: facts[key] for key in _DESCRIBING if facts.get(key)}
        self._path = store.metrics.writer(self._metric, said).stream.path

    def fetch(self, seen: Seen) -> int:
        """Fetch the points behind those here."""
        there = self._run.count_points(self._metric)
        with LineFile(self._path) as file:
            first = file.count
            points = self._run.points(self._metric, first)
            while batch := list(islice(points, _BATCH)):
                file.add([_point_line(each) for each in batch])
                seen(len(batch))
            if file.count < there:
                raise _too_few(f"points of {self._metric!r}", file.count, there)
            return file.count - first

    def publish(self, store: RunStore) -> None:
        """Make the metric's snapshot from its points."""
        (self._path.parent / layout.SUMMARY).unlink(missing_ok=True)
        store.metrics.writer(self._metric)


def _point_line(point: dict[str, Any]) -> bytes:
    return codec.encode({"index": int(point["index"]), "data": point["data"],
                         "createdAt": point.get("createdAt")})  # fmt: skip


class Track(Part):
    """The entries of a track."""

    kind = "tracks"

    def __init__(
        self, run: ServerRun, client: RemoteClient, store: RunStore, facts: dict[str, Any]
    ) -> None:
        self._run = run
        self._client = client
        self._topic = str(facts["topic"])
        self.name = f"tracks/{self._topic}"
        self._there = int(facts.get("totalEntries") or 0)
        said = {key: facts[key] for key in _DESCRIBING if facts.get(key)}
        track = store.tracks.writer(self._topic, said)
        self._path = track.data.path
        self._part = store.folder / _PARTS / f"{track.folder.name}.jsonl"

    def fetch(self, seen: Seen) -> int:
        """Fetch all entries when their number is another: new ones may lie between the old."""
        with LineFile(self._path) as file:
            before = file.count
        if before == self._there:
            return 0
        self._part.unlink(missing_ok=True)
        with LineFile(self._part) as file:
            lines = self._client.iter_track_lines(self._run.id, self._topic)
            while batch := list(islice(lines, _BATCH)):
                file.add(batch)
                seen(len(batch))
            if file.count < self._there:
                raise _too_few(f"entries of {self._topic!r}", file.count, self._there)
            count = file.count
        os.replace(self._part, self._path)
        return count

    def publish(self, store: RunStore) -> None:
        """Make the track's snapshot from its entries; its name is what tells whose they are."""
        Document(self._path.parent / layout.SUMMARY).write({"topic": self._topic})
        store.tracks.writer(self._topic)


class Files(Part):
    """The files, one after the other, each verified."""

    kind = name = "files"

    def __init__(
        self, client: RemoteClient, store: RunStore, found: list[dict[str, Any]]
    ) -> None:
        self._client = client
        self._folder = store.folder
        self._records = [_record(each) for each in found]

    def fetch(self, seen: Seen) -> int:
        """Fetch those that are not here, or are of another size."""
        count = 0
        for record in self._records:
            path = self._path_of(record)
            if path.is_file() and path.stat().st_size == record["sizeBytes"]:
                continue
            part = self._folder / _PARTS / str(record["id"])
            name = f"{record['path']}/{record['filename']}"
            self._client.fetch_file(record["id"], path, part, record["checksum"] or None, name)
            seen(1)
            count += 1
        return count

    def _path_of(self, record: dict[str, Any]) -> Path:
        folder = self._folder / layout.FILES
        return folder.joinpath(record["path"].strip("/"), record["id"], record["filename"])

    def publish(self, store: RunStore) -> None:
        """Write the list of files: what is described anew, or gone there, has a new time."""
        document = Document(self._folder / layout.FILES / SNAPSHOT)
        before = document.read_or_empty().get("files") or []
        now = _merged(before, self._records)
        if before != now:
            document.write({"files": now})


def _merged(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {record["id"]: record for record in before}
    merged = []
    for record in now:
        old = known.pop(record["id"], None)
        said = old is None or all(old.get(name) == record[name] for name in _DESCRIBING)
        merged.append(record if old is None else old if said else {**record, "updatedAt": stamp()})
    gone = [each if each.get("deletedAt") else {**each, "updatedAt": stamp(), "deletedAt": stamp()}
            for each in known.values()]  # fmt: skip
    return merged + gone


def _record(found: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a file as it stands in a run's folder."""
    place, filename = checked_place(*file_place(found))
    physical = found.get("physicalFile") or {}
    created = found.get("createdAt")
    return {
        "id": str(found["id"]), "path": place, "filename": filename,
        "description": found.get("description"), "tags": found.get("tags") or [], "bindrs": [],
        "contentType": physical.get("contentType"),
        "sizeBytes": int(physical.get("sizeBytes") or 0),
        "checksum": physical.get("checksum") or "", "metadata": found.get("metadata"),
        "uploadedAt": created, "updatedAt": found.get("updatedAt") or created, "deletedAt": None,
    }  # fmt: skip
