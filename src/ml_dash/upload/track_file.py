"""A file of track entries that becomes part of a run on a server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ml_dash._store.logs import decode_line
from ml_dash.client import RemoteClient
from ml_dash.exceptions import CorruptDataError, FileReadError, UsageError
from ml_dash.runs.remote import run_on_the_way

_BATCH: Final = 1000
_FEWEST_PARTS: Final = 4
_CHUNK_BYTES: Final = 1 << 20


@dataclass
class SentTrack:
    """What became of a file of entries.

    Attributes:
        run: The run on the server, as ``owner/project/.../name``.
        topic: The track.
        sent: How many entries the server has taken.
        damaged: The lines that are no entries, and were left out.
    """

    run: str
    topic: str
    sent: int = 0
    damaged: list[CorruptDataError] = field(default_factory=list)


def send_track_file(
    client: RemoteClient,
    file: Path,
    path: str,
    seen: Callable[[int], object] = lambda _count: None,
) -> SentTrack:
    """Append the entries of a file to a track of a run that the server has.

    The same file sent twice to the same track is there once, on servers that know batches again.

    Args:
        client: The server.
        file: One JSON object a line, each with a number ``timestamp``, in seconds.
        path: ``owner/project/.../run/topic``; the topic may have several parts.
        seen: Called with the number of entries just sent.

    Raises:
        UsageError: the path is too short.
        RemoteNotFoundError: no part of the path names a run.
        FileReadError: the file cannot be read.
        RemoteClientError: a request failed; what was sent before stays.
    """
    if len([part for part in path.split("/") if part]) < _FEWEST_PARTS:
        raise UsageError(f"{path!r} is too short to name a track of a run",
                         hint="Write owner/project/run/topic")  # fmt: skip
    run, topic = run_on_the_way(client, path)
    if not topic:
        raise UsageError(f"{path!r} names a run, and no track of it",
                         hint=f"Write {path}/topic")  # fmt: skip
    done = SentTrack(run.path, topic)
    mark = _digest(file, run.path, topic)
    batch: list[dict[str, Any]] = []
    first = 0
    for entry in _entries(file, done.damaged):
        batch.append(entry)
        if len(batch) == _BATCH:
            first = _send(client, run.id, done, batch, f"{mark}/{first}", seen)
            batch = []
    if batch:
        _send(client, run.id, done, batch, f"{mark}/{first}", seen)
    return done


def _send(
    client: RemoteClient, run_id: str, done: SentTrack, batch: list[dict[str, Any]], key: str,
    seen: Callable[[int], object],
) -> int:  # fmt: skip
    client.append_batch_to_track(run_id, done.topic, batch, idempotency_key=key)
    done.sent += len(batch)
    seen(len(batch))
    return done.sent


def _entries(file: Path, damaged: list[CorruptDataError]) -> Iterator[dict[str, Any]]:
    with _opened(file) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                entry = decode_line(line, file)
            except CorruptDataError as error:
                damaged.append(CorruptDataError(f"Line {number} of {file} is no JSON object",
                                                cause=error))  # fmt: skip
                continue
            time = entry.get("timestamp")
            if isinstance(time, bool) or not isinstance(time, (int, float)):
                damaged.append(CorruptDataError(
                    f"Line {number} of {file} has the timestamp {time!r}, which is no number"
                ))  # fmt: skip
                continue
            yield entry


def _digest(file: Path, *more: str) -> str:
    """Return what tells this file, sent to this place, from any other."""
    found = hashlib.sha256("\0".join(more).encode())
    with _opened(file) as stream:
        while piece := stream.read(_CHUNK_BYTES):
            found.update(piece)
    return f"track-file/{found.hexdigest()[:32]}"


def _opened(file: Path) -> Any:
    try:
        return open(file, "rb")
    except OSError as error:
        raise FileReadError(f"Cannot read {file}: {error.strerror}", cause=error,
                            hint="Give a file of JSON lines") from error  # fmt: skip
