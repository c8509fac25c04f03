"""A run's files on their way to the server: bytes first, streamed and verified, then the record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from ml_dash._delivery.ports import Batch, Bounds
from ml_dash._delivery.sinks import RunId, Server, events
from ml_dash._delivery.status import Conflicts
from ml_dash._delivery.verdicts import Verdict, attempt
from ml_dash._record import codec
from ml_dash._store.files import FileStore
from ml_dash._store.stream import Stream
from ml_dash.exceptions import InvalidFileError, RemoteNotFoundError

Record = dict[str, Any]
_AT_A_TIME: Final = 4


class Uploaded:
    """Which node of the server is which file of the run.

    Args:
        path: The file that keeps it.
    """

    def __init__(self, path: Path) -> None:
        self._stream = Stream(path)
        self._nodes: dict[str, str] | None = None

    def node(self, file_id: str) -> str | None:
        """Return the server's id of a file; None when it is not there.

        Raises:
            OSError: the notes cannot be read.
        """
        if self._nodes is None:
            self._nodes = {}
            if self._stream.path.exists():
                data = self._stream.path.read_bytes()
                for line in data[: data.rfind(b"\n") + 1].splitlines():
                    note = codec.decode(line)
                    self._nodes[note["id"]] = note["node"]
        return self._nodes.get(file_id)

    def note(self, file_id: str, node: str) -> None:
        """Note where a file is.

        Raises:
            OSError: nothing was noted.
        """
        self._stream.append(codec.encode({"id": file_id, "node": node}))
        if self._nodes is not None:
            self._nodes[file_id] = node

    def reload(self) -> None:
        """Read the notes again when they are asked for."""
        self._nodes = None

    def close(self) -> None:
        """Give the descriptor back."""
        self._stream.close()


class FileSink:
    """Takes what happens to files: stored, replaced, described anew, deleted."""

    bounds = Bounds(16)
    doubles = False

    def __init__(
        self, server: Server, run_id: RunId, project_id: RunId, files: FileStore, done: Uploaded
    ) -> None:
        self._server = server
        self._run_id = run_id
        self._project_id = project_id
        self._files = files
        self._done = done
        self._conflicts = Conflicts()

    def send(self, batch: Batch) -> Verdict:
        """Send what happened to one file; sent twice it does what it does when sent once."""
        verdict = attempt(lambda: self._tell_all(events(batch.lines)))
        return self._conflicts.judged(batch.key, verdict)

    def part(self, batch: Batch) -> None:
        """Return None: it goes by itself."""

    def _tell_all(self, happened: list[Record]) -> None:
        sent = self._upload_together(happened)
        for position, event in enumerate(happened):
            self._tell(event, is_sent=position in sent)

    def _upload_together(self, happened: list[Record]) -> set[int]:
        """Send the bytes of several new files at a time, and return which events are done by that.

        Of files of the same name the first only: the others replace it, each at its turn.
        """
        new: dict[tuple[str, str], tuple[int, Record]] = {}
        for position, event in enumerate(happened):
            record = event.get("record")
            if record and not record.get("deletedAt") and self._done.node(record["id"]) is None:
                new.setdefault((record["path"], record["filename"]), (position, record))
        if len(new) < 2:
            return set()
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for done in [pool.submit(self._upload, record) for _, record in new.values()]:
                done.result()
        return {position for position, _ in new.values()}

    def _tell(self, event: Record, *, is_sent: bool) -> None:
        record = event.get("record")
        if record is not None and not is_sent:
            self._tell_record(record)
        if "removed" in event:
            self._forget(event["removed"], record)

    def _tell_record(self, record: Record) -> None:
        node = self._done.node(record["id"])
        if record.get("deletedAt"):
            self._delete(node)
        elif node is not None:
            facts = {name: record.get(name) for name in ("description", "tags", "metadata")}
            self._server.update_file(self._run_id(), node, **facts)
        else:
            self._upload(record)

    def _upload(self, record: Record) -> None:
        if self._is_gone(record["id"]):
            return  # replaced or deleted since: a later event says so
        try:
            answer = self._server.upload_file(
                self._run_id(), str(self._files.index.path_of(record)), record["path"],
                record["filename"], record.get("description"), record.get("tags"),
                record.get("metadata"), record.get("checksum") or "",
                record.get("contentType") or "", record.get("sizeBytes") or 0,
                self._project_id() or None,
            )  # fmt: skip
        except InvalidFileError:
            if self._is_gone(record["id"]):
                return  # just now
            raise
        self._done.note(record["id"], answer["id"])

    def _is_gone(self, file_id: str) -> bool:
        now = self._files.index.get(file_id)
        return now is None or bool(now.get("deletedAt"))

    def _forget(self, removed: str, successor: Record | None) -> None:
        node = self._done.node(removed)
        if successor is None or node != self._done.node(successor["id"]):
            self._delete(node)

    def _delete(self, node: str | None) -> None:
        if node is None:
            return
        try:
            self._server.delete_file(self._run_id(), node)
        except RemoteNotFoundError:
            return  # deleted there before
