"""Log lines: ``exp.log(...)`` and ``exp.logs.info(...)``."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from ml_dash.exceptions import InvalidValueError

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment


class LogLevel(Enum):
    """The levels of a log line."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    DEBUG = "debug"
    FATAL = "fatal"

    @classmethod
    def validate(cls, level: str) -> str:
        """Return the level's lowercase name; case does not matter.

        Raises:
            InvalidValueError: there is no such level (is a ``ValueError``).
        """
        name = level.value if isinstance(level, cls) else level
        if isinstance(name, str) and name.lower() in _NAMES:
            return name.lower()
        raise InvalidValueError(
            f"Invalid log level {level!r}",
            hint="Use one of: " + ", ".join(member.value for member in cls),
            context={"level": level},
        )


_NAMES = frozenset(member.value for member in LogLevel)


class LogBuilder:
    """Writes log lines of one run, all with the same extra metadata.

    Args:
        experiment: The run's experiment.
        metadata: Facts added to each line.
    """

    def __init__(self, experiment: Experiment, metadata: dict[str, Any] | None = None) -> None:
        self._experiment = experiment
        self._metadata = metadata

    def info(self, message: str, **extra_metadata: Any) -> None:
        """Log at level ``info``; the line is on disk when this returns.

        Raises:
            SerializationError: a metadata value has no JSON form; nothing was written.
            NotOpenError: the run is not open.
        """
        self._write("info", message, extra_metadata)

    def warn(self, message: str, **extra_metadata: Any) -> None:
        """Log at level ``warn``; see :meth:`info`."""
        self._write("warn", message, extra_metadata)

    def error(self, message: str, **extra_metadata: Any) -> None:
        """Log at level ``error``; see :meth:`info`."""
        self._write("error", message, extra_metadata)

    def debug(self, message: str, **extra_metadata: Any) -> None:
        """Log at level ``debug``; see :meth:`info`."""
        self._write("debug", message, extra_metadata)

    def fatal(self, message: str, **extra_metadata: Any) -> None:
        """Log at level ``fatal``; see :meth:`info`."""
        self._write("fatal", message, extra_metadata)

    def _write(self, level: str, message: Any, extra: dict[str, Any]) -> None:
        self._experiment._write_log(level, message, {**(self._metadata or {}), **extra})
