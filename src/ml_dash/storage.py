"""0.6's ``LocalStorage``: a data root, addressed by prefix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._record import codec, flatten, jsonable
from ml_dash._record import prefix as prefixes
from ml_dash._storage_reads import StoredRuns
from ml_dash._store.logs import LogStore
from ml_dash._store.metrics import CHUNK_SIZE
from ml_dash._store.outage import write_error
from ml_dash.exceptions import InvalidValueError


class LocalStorage(StoredRuns):
    """A folder of runs.

    In all methods ``prefix`` alone says which run is meant; ``owner`` and ``project`` are accepted
    as in 0.6. A method that reads answers as 0.6 did when data are damaged (``None`` or empty),
    and logs what it hid; its sibling ``*_or_raise`` raises.

    Args:
        root_path: The folder; made at once.

    Raises:
        LocalWriteError: it cannot be made.
    """

    def create_experiment(
        self,
        project: str,
        prefix: str,
        description: str | None = None,
        tags: list[str] | None = None,
        bindrs: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Path:
        """Make or take up a run's folder and return it.

        Raises:
            LocalWriteError: the folder cannot be made.
            PrefixError: the prefix leaves the root.
        """
        run = self.run_store(prefix, project)
        run.create({
            "name": prefixes.check(prefix)[-1], "project": project, "prefix": prefix,
            "description": description, "tags": tags, "bindrs": bindrs, "metadata": metadata,
            "write_protected": False,
        })  # fmt: skip
        return run.folder

    def write_log(
        self,
        owner: str,
        project: str,
        prefix: str,
        message: str = "",
        level: str = "info",
        timestamp: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Write one log line.

        Raises:
            LocalWriteError: it cannot be written.
            SerializationError: a value has no JSON form.
        """
        run = self.run_store(prefix, project)
        tail = LogStore.encode(level, message, timestamp or stamp(), metadata)
        run.write(run.logs.stream, tail, "logs")
        run.logs.flush()

    def write_parameters(
        self, owner: str, project: str, prefix: str, data: dict[str, Any] | None = None
    ) -> None:
        """Merge parameters (flat) into a run.

        Raises:
            LocalWriteError: they cannot be written; the earlier ones are kept.
            SerializationError: a value has no JSON form; nothing was changed.
        """
        if data:
            run = self.run_store(prefix, project)
            try:
                run.params.set(jsonable.to_plain(data))
            except OSError as error:
                raise write_error(error, run.folder, "parameters", "the earlier ones") from error

    def append_to_metric(
        self,
        owner: str,
        project: str,
        prefix: str,
        metric_name: str | None = None,
        data: dict[str, Any] | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Append one point; return its index and the metric's size (both texts, as in 0.6).

        Raises:
            LocalWriteError: it cannot be written.
            SerializationError: a value has no JSON form.
        """
        batch = self.append_batch_to_metric(
            owner, project, prefix, metric_name, [data or {}], description, tags, metadata
        )
        return {
            "metricId": batch["metricId"],
            "index": batch["startIndex"],
            "bufferedDataPoints": batch["bufferedDataPoints"],
            "chunkSize": CHUNK_SIZE,
        }

    def append_batch_to_metric(
        self,
        owner: str,
        project: str,
        prefix: str,
        metric_name: str | None,
        data_points: list[dict[str, Any]],
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Append points, all or none.

        Raises:
            LocalWriteError: they cannot be written.
            SerializationError: a value has no JSON form; nothing was written.
        """
        run = self.run_store(prefix, project)
        definition = {"description": description, "tags": tags, "metadata": metadata}
        now = stamp().encode()
        tails = [b',"data":%b,"createdAt":"%b"}' % (codec.encode(p), now) for p in data_points]
        try:
            metric = run.metrics.writer(metric_name, definition)
            with metric.stream.exclusive() as fd:
                first = metric.stream.append_locked(fd, tails)
            metric.flush()
        except OSError as error:
            raise write_error(error, run.folder, "points", "the earlier ones") from error
        return {
            "metricId": metric.metric_id,
            "startIndex": str(first),
            "endIndex": str(first + len(tails) - 1),
            "count": len(tails),
            "bufferedDataPoints": str(metric.stream.next_number),
            "chunkSize": CHUNK_SIZE,
        }

    def append_batch_to_track(
        self, owner: str, project: str, prefix: str, topic: str, entries: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Append entries, each with its ``timestamp``, each as a line of its own, all or none.

        Raises:
            InvalidValueError: an entry has no timestamp; nothing was written.
            LocalWriteError: they cannot be written.
            SerializationError: a value has no JSON form; nothing was written.
        """
        run = self.run_store(prefix, project)
        checked = sorted(map(_checked_entry, entries), key=lambda entry: float(entry["timestamp"]))
        lines = [codec.encode(entry) for entry in checked]
        try:
            track = run.tracks.writer(topic)
            with track.data.exclusive() as fd:
                track.data.append_locked(fd, lines)
            track.flush()
        except OSError as error:
            raise write_error(error, run.folder, "entries", "the earlier ones") from error
        return {"trackId": track.track_id, "count": len(lines)}

    def write_file(
        self,
        owner: str,
        project: str,
        prefix: str,
        file_path: str,
        path: str = "",
        filename: str = "",
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        checksum: str = "",
        content_type: str = "",
        size_bytes: int = 0,
        bindrs: list[str] | None = None,
    ) -> dict[str, Any]:
        """Copy a file into a run and return its record.

        ``checksum`` and ``size_bytes`` are accepted as in 0.6; the record has those of the bytes
        that were stored.

        Raises:
            InvalidFileError: the file is missing or is no file.
            FileUploadError: it cannot be written.
        """
        files = self.run_store(prefix, project).files
        record = files.store(
            file_path,
            path=path,
            filename=filename,
            description=description,
            tags=tags,
            bindrs=bindrs,
            metadata=metadata,
            content_type=content_type or None,
        )
        files.flush()
        return record

    def flush(self) -> None:
        """Bring the snapshots of all runs written through this object up to date."""
        for run in list(self._runs.values()):
            run.flush()

    def read_file(
        self, owner: str, project: str, prefix: str, file_id: str, dest_path: str | None = None
    ) -> str:
        """Copy a stored file out, verified; return where it is now.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
            ChecksumMismatchError: the stored bytes are damaged; nothing was written.
        """
        return self.run_store(prefix, project).files.fetch(file_id, dest_path)

    def delete_file(self, owner: str, project: str, prefix: str, file_id: str) -> dict[str, Any]:
        """Mark a file as deleted; its bytes stay.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
        """
        files = self.run_store(prefix, project).files
        deleted = files.delete(file_id)
        files.flush()
        return deleted

    def update_file_metadata(
        self,
        owner: str,
        project: str,
        prefix: str,
        file_id: str,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Change what is said about a file; None leaves a field as it is.

        Raises:
            ExperimentFileNotFoundError: there is no such file.
        """
        files = self.run_store(prefix, project).files
        record = files.update(file_id, description=description, tags=tags, metadata=metadata)
        files.flush()
        return record


def _checked_entry(entry: dict[str, Any]) -> dict[str, Any]:
    time = entry.get("timestamp")
    if isinstance(time, bool) or not isinstance(time, (int, float)):
        raise InvalidValueError(
            f"An entry's timestamp is {time!r}", hint="Give each entry its time in seconds"
        )
    fields = {key: value for key, value in entry.items() if key != "timestamp"}
    return {"timestamp": time, **flatten.flatten(jsonable.to_plain(fields))}
