"""A run's files on their way to the server: new ones many at a time, then what else happened."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ml_dash._delivery.ports import Batch, Bounds
from ml_dash._delivery.sinks import RunId, Server, events
from ml_dash._delivery.small_files import SmallFiles, is_small, key_of
from ml_dash._delivery.status import Conflicts, retried_conflict
from ml_dash._delivery.uploaded import Uploaded
from ml_dash._delivery.verdicts import Reject, Verdict, attempt
from ml_dash._store.files import FileStore
from ml_dash.exceptions import InvalidFileError, MLDashError, RemoteNotFoundError

Record = dict[str, Any]
_AT_A_TIME: Final = 4


class FileSink:
    """Takes what happens to files: stored, replaced, described anew, deleted."""

    bounds = Bounds(200)
    doubles = False

    def __init__(
        self, server: Server, run_id: RunId, project_id: RunId, files: FileStore, done: Uploaded
    ) -> None:
        self._server = server
        self._run_id = run_id
        self._project_id = project_id
        self._files = files
        self._done = done
        self._small = SmallFiles(server, run_id, files)
        self._conflicts = Conflicts()
        # What was refused among others: the batch is halved to find it, which asks no server.
        self._refused: dict[str, MLDashError] = {}

    def send(self, batch: Batch) -> Verdict:
        """Send what happened to files; sent twice it does what it does when sent once."""
        verdict = attempt(lambda: self._tell_all(events(batch.lines)))
        return self._conflicts.judged(batch.key, verdict)

    def part(self, batch: Batch) -> None:
        """Return None: it goes by itself."""

    def _tell_all(self, happened: list[Record]) -> None:
        if len(happened) == 1:
            self._raise_refusal(happened[0])
        new = self._new(happened)
        if len(new) > 1:
            self._upload_together(new)
        for event in happened:
            record = event.get("record")
            if record is not None:
                self._tell(record)
            if "removed" in event:
                self._delete(event["removed"])

    def _raise_refusal(self, event: Record) -> None:
        """Raise what the server has said of a file already: it is alone now, and is set aside."""
        file_id = (event.get("record") or {}).get("id", "")
        refusal = self._refused.pop(file_id, None)
        if refusal is not None and not self._is_gone(file_id):
            raise refusal

    def _new(self, happened: list[Record]) -> list[Record]:
        """Return the files whose bytes are to be sent; of the same name the first only.

        The others replace it, each at its turn.
        """
        new: dict[tuple[str, str], Record] = {}
        for record in (event["record"] for event in happened if event.get("record")):
            is_known = self._done.node(record["id"]) is not None or record["id"] in self._refused
            if not record.get("deletedAt") and not is_known and not self._is_gone(record["id"]):
                new.setdefault((record["path"].strip("/"), record["filename"]), record)
        return list(new.values())

    def _upload_together(self, new: Sequence[Record]) -> None:
        """Send the bytes of several new files at a time."""
        if not self._small.are_taken and (small := list(filter(is_small, new))):
            self._upload(small[0])  # the answer says whether they are
        for told in self._small.send(each for each in new if not self._is_dealt_with(each)):
            self._done.note((file, node) for file, node in told if isinstance(node, str))
            for file, error in told:
                # A conflict may pass, and is met again where the file goes by itself.
                if isinstance(error, MLDashError) and not _may_pass(error):
                    self._refused[file["id"]] = error
        left = [each for each in new if not self._is_dealt_with(each)]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for done in [pool.submit(self._upload, record) for record in left]:
                done.result()

    def _is_dealt_with(self, record: Record) -> bool:
        return record["id"] in self._refused or self._done.node(record["id"]) is not None

    def _tell(self, record: Record) -> None:
        file_id = record["id"]
        node = self._done.node(file_id)
        if record.get("deletedAt"):
            self._delete(file_id)
        elif node is None:
            self._upload(record)
        elif self._done.owns(file_id) and not self._done.is_told(record):
            facts = {name: record.get(name) for name in ("description", "tags", "metadata")}
            self._server.update_file(self._run_id(), node, **facts)

    def _upload(self, record: Record) -> None:
        if self._is_gone(record["id"]):
            return  # replaced or deleted since: a later event says so
        if record["id"] in self._refused:
            raise self._refused[record["id"]]
        try:
            answer = self._server.upload_once(
                key_of(record), self._run_id(), str(self._files.index.path_of(record)),
                record["path"], record["filename"], record.get("description"), record.get("tags"),
                record.get("metadata"), record.get("checksum") or "",
                record.get("contentType") or "", record.get("sizeBytes") or 0,
                self._project_id() or None,
            )  # fmt: skip
        except InvalidFileError:
            if self._is_gone(record["id"]):
                return  # just now
            raise
        self._done.note([(record, answer["id"])])

    def _is_gone(self, file_id: str) -> bool:
        now = self._files.index.get(file_id)
        return now is None or bool(now.get("deletedAt"))

    def _delete(self, file_id: str) -> None:
        node = self._done.node(file_id)
        # A file that came later in its place has its node on most servers.
        if node is None or not self._done.owns(file_id):
            return
        try:
            self._server.delete_file(self._run_id(), node)
        except RemoteNotFoundError:
            return  # deleted there before


def _may_pass(error: MLDashError) -> bool:
    return not isinstance(retried_conflict(Reject(error)), Reject)
