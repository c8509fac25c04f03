"""What goes wrong on this machine: arguments, the run's state, its folder, its files."""

from __future__ import annotations

import json

from ml_dash.exceptions.base import (
    ConfigurationError,
    CriticalError,
    DataLossError,
    FileAccessError,
    RecoverableError,
    StateError,
    StoreError,
)

# --- what the caller passed -------------------------------------------------------------------


class NoBackendError(ConfigurationError, TypeError):
    """Neither a folder nor a server to record to."""

    code = "no-backend"


class PrefixError(ConfigurationError, KeyError, AttributeError):
    """A prefix has an unknown placeholder, an illegal segment, or leaves the root."""

    code = "prefix"


class UsageError(ConfigurationError, TypeError):
    """Unknown keyword, wrong type, or arguments that exclude each other."""

    code = "usage"


class InvalidValueError(ConfigurationError, TypeError):
    """A logged value is not of the kind that this call takes."""

    code = "invalid-value"


class SerializationError(InvalidValueError):
    """A value has no JSON form; ``context["key"]`` is the path to it."""

    code = "serialization"


class InvalidFileError(ConfigurationError, FileNotFoundError):
    """The source file is missing, is a directory, or is too large."""

    code = "invalid-file"


class MissingDependencyError(ConfigurationError, ModuleNotFoundError):
    """An optional package is needed; the hint names the extra that brings it."""

    code = "missing-dependency"


# --- the state of a run -----------------------------------------------------------------------


class NotOpenError(CriticalError, StateError):
    """The run has not been started."""

    code = "not-open"


class ClosedExperimentError(NotOpenError):
    """The run has been closed."""

    code = "closed"


class RunOpenError(CriticalError, StateError):
    """The run is open, and what was asked for needs it to be closed."""

    code = "run-open"


class WriteProtectedError(CriticalError, StateError):
    """The run is write-protected."""

    code = "write-protected"


class StatusUpdateError(RecoverableError, StateError):
    """The final status could not be recorded."""

    code = "status-update"


class UnsummarizedBufferError(DataLossError, StateError):
    """The run closed with buffered values that were never summarised."""

    code = "unsummarized-buffer"


class ShutdownIncompleteError(DataLossError, StateError, TimeoutError):
    """Closing ended before everything was written or delivered."""

    code = "shutdown-incomplete"


# --- the store --------------------------------------------------------------------------------


class LocalWriteError(DataLossError, StoreError, OSError):
    """The run's folder refused a write: full, read-only, removed, out of descriptors."""

    code = "local-write"
    retryable = True


class CorruptDataError(CriticalError, StoreError, json.JSONDecodeError):
    """A stored document or line is unreadable; ``context["path"]`` says where."""

    code = "corrupt-data"


class ChecksumMismatchError(CorruptDataError):
    """Content differs from its recorded checksum."""

    code = "checksum-mismatch"


class TokenStoreError(CriticalError, StoreError, OSError, ValueError):
    """The token store cannot be read or written."""

    code = "token-store"


# --- files ------------------------------------------------------------------------------------


class FileUploadError(DataLossError, FileAccessError):
    """A file could not be stored; the source is untouched."""

    code = "file-upload"
    retryable = True


class FileReadError(RecoverableError, FileAccessError):
    """A stored file, or the index of files, could not be examined."""

    code = "file-read"


class AmbiguousFileError(RecoverableError, FileAccessError, ValueError):
    """More than one stored file matches."""

    code = "ambiguous-file"
    retryable = False


# --- not found --------------------------------------------------------------------------------


class NotFoundError(RecoverableError, LookupError):
    """What was asked for truly does not exist."""

    code = "not-found"
    retryable = False


class ExperimentFileNotFoundError(NotFoundError, FileAccessError, FileNotFoundError, ValueError):
    """The run holds no such file."""

    code = "file-not-found"


class MetricNotFoundError(NotFoundError, StoreError, FileNotFoundError):
    """The run holds no such metric."""

    code = "metric-not-found"


class TrackNotFoundError(NotFoundError, StoreError, FileNotFoundError):
    """The run holds no such track."""

    code = "track-not-found"


# --- side effects of little value -------------------------------------------------------------


class CleanupError(RecoverableError, OSError):
    """A temporary object could not be removed."""

    code = "cleanup"


class ConsoleEchoError(RecoverableError, OSError):
    """Printing a log line failed; the record itself is stored."""

    code = "console-echo"
