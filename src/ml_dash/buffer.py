"""0.6's buffering, as far as it still means something.

Records are on disk when a call returns, so there is nothing to buffer, no thread and no queue.
The settings are still read and checked, and ``buffer_enabled`` still decides whether track
entries of equal time are merged. The queues that 0.6 scripts looked at exist and are empty.
"""

from __future__ import annotations

from queue import Queue
from typing import TYPE_CHECKING, Any

from ml_dash._base import settings
from ml_dash.utils import _serialize_value

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

__all__ = ["BackgroundBufferManager", "BufferConfig", "_serialize_value"]


class BufferConfig:
    """Settings of 0.6's buffer.

    Args:
        flush_interval: Seconds; accepted, without effect: nothing waits in memory.
        log_batch_size: Accepted, without effect.
        metric_batch_size: Accepted, without effect.
        track_batch_size: Accepted, without effect.
        file_upload_workers: Accepted, without effect.
        buffer_enabled: False writes each track entry as a line of its own, unmerged, in call
            order, as 0.6 did.
        max_retries: Accepted, without effect.
        retry_base_delay: Seconds; accepted, without effect.
        retry_max_delay: Seconds; accepted, without effect.
    """

    _MAX_QUEUE_SIZE = 100_000
    _WARNING_THRESHOLD = 80_000
    _AGGRESSIVE_FLUSH_THRESHOLD = 50_000

    def __init__(
        self,
        flush_interval: float = 5.0,
        log_batch_size: int = 100,
        metric_batch_size: int = 100,
        track_batch_size: int = 100,
        file_upload_workers: int = 4,
        buffer_enabled: bool = True,
        max_retries: int = 3,
        retry_base_delay: float = 1.0,
        retry_max_delay: float = 30.0,
    ) -> None:
        self.flush_interval = flush_interval
        self.log_batch_size = log_batch_size
        self.metric_batch_size = metric_batch_size
        self.track_batch_size = track_batch_size
        self.file_upload_workers = file_upload_workers
        self.buffer_enabled = buffer_enabled
        self.max_retries = max_retries
        self.retry_base_delay = retry_base_delay
        self.retry_max_delay = retry_max_delay

    @classmethod
    def from_env(cls) -> BufferConfig:
        """Read the settings from the ``ML_DASH_*`` variables of 0.6.

        Raises:
            ConfigurationError: a variable has an impossible value (is a ``ValueError``).
        """
        return cls(
            flush_interval=settings.read_float("ML_DASH_FLUSH_INTERVAL", 5.0),
            log_batch_size=settings.read_int("ML_DASH_LOG_BATCH_SIZE", 100),
            metric_batch_size=settings.read_int("ML_DASH_METRIC_BATCH_SIZE", 100),
            track_batch_size=settings.read_int("ML_DASH_TRACK_BATCH_SIZE", 100),
            file_upload_workers=settings.read_int("ML_DASH_FILE_UPLOAD_WORKERS", 4),
            buffer_enabled=settings.read_bool("ML_DASH_BUFFER_ENABLED", True),
            max_retries=settings.read_int("ML_DASH_MAX_RETRIES", 3, 0),
            retry_base_delay=settings.read_float("ML_DASH_RETRY_BASE_DELAY", 1.0),
            retry_max_delay=settings.read_float("ML_DASH_RETRY_MAX_DELAY", 30.0),
        )


class BackgroundBufferManager:
    """What 0.6 scripts find at ``exp._buffer_manager``: empty queues and working flushes.

    Args:
        experiment: The experiment that is flushed.
        config: Its settings.
    """

    def __init__(self, experiment: Experiment, config: BufferConfig) -> None:
        self._experiment = experiment
        self._config = config
        self._thread = None
        self._log_queue: Queue[Any] = Queue()
        self._file_queue: Queue[Any] = Queue()
        self._metric_queues: dict[str | None, Queue[Any]] = {}
        self._track_buffers: dict[str, dict[float, dict[str, Any]]] = {}

    def start(self) -> None:
        """Do nothing: there is no thread to start."""

    def stop(self) -> None:
        """Bring everything that waits to disk."""
        self.flush_all()

    def flush_all(self) -> None:
        """Bring everything that waits to disk; see ``Experiment.flush``."""
        self._experiment.flush()

    def flush_tracks(self) -> None:
        """Merge and sort the entries of all tracks."""
        self._experiment.flush()

    def flush_track(self, topic: str) -> None:
        """Merge and sort the entries of one track."""
        self._experiment._run_store.tracks.writer(topic).merge()

    def buffer_log(
        self, message: str, level: str, metadata: dict[str, Any] | None, timestamp: Any = None
    ) -> None:
        """Write a log line at once."""
        self._experiment._write_log(level, message, metadata or {})

    def buffer_metric(
        self,
        metric_name: str | None,
        data: dict[str, Any],
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Write a point at once."""
        self._experiment.metrics(metric_name, description, tags, metadata).log(**data)

    def buffer_file(
        self, file_path: str, prefix: str = "/", filename: str = "", **said: Any
    ) -> None:
        """Store a file at once."""
        self._experiment.files(prefix=prefix, **said).upload(file_path, to=filename or None)

    def buffer_track(self, topic: str, timestamp: float, data: dict[str, Any]) -> None:
        """Write an entry at once."""
        self._experiment.tracks(topic).append(_ts=timestamp, **data)
