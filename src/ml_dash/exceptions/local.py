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
    """Neither a folder nor a server to record to.

    Kept: nothing was made.
    Remedy: give `dash_root`, `dash_url`, or both.
    Says: The experiment has neither a folder (dash_root) nor a server (dash_url).
    """

    code = "no-backend"


class PrefixError(ConfigurationError, KeyError, AttributeError):
    """A prefix has an unknown placeholder, an illegal segment, or leaves the root.

    Kept: nothing was made.
    Remedy: write `owner/project/name`, without `..`.
    Says: The prefix 'digits' names no owner or project.
    """

    code = "prefix"


class UsageError(ConfigurationError, TypeError):
    """Unknown keyword, wrong type, or arguments that exclude each other.

    Kept: nothing was changed.
    Remedy: use the call as its documentation says; the hint names the nearest.
    Says: Experiment() has no argument 'prefx'.
    """

    code = "usage"


class InvalidValueError(ConfigurationError, TypeError):
    """A logged value is not of the kind that this call takes.

    Kept: nothing was written.
    Remedy: give a value of the kind that the hint names.
    Says: metadata is ['a'].
    """

    code = "invalid-value"


class SerializationError(InvalidValueError):
    """A value has no JSON form; ``context["key"]`` is the path to it.

    Kept: nothing was written.
    Remedy: log numbers, texts, lists and dictionaries, or convert the value at
        `context["key"]`.
    Says: 'a'... lies inside more than 254 dicts, or in itself.
    """

    code = "serialization"


class InvalidFileError(ConfigurationError, FileNotFoundError):
    """The source file is missing, is a directory, or is too large.

    Kept: nothing was stored.
    Remedy: give the path of a plain file.
    Says: best.pt does not exist.
    """

    code = "invalid-file"


class MissingDependencyError(ConfigurationError, ModuleNotFoundError):
    """An optional package is needed; the hint names the extra that brings it.

    Kept: nothing was stored.
    Remedy: install the extra that the hint names.
    Says: This needs imageio, which is not installed.
    """

    code = "missing-dependency"


# --- the state of a run -----------------------------------------------------------------------


class NotOpenError(CriticalError, StateError):
    """The run has not been started.

    Kept: nothing was written.
    Remedy: call `run.start()`, or use `with experiment.run`.
    Says: This RUN belongs to no experiment, so there is nothing to open or close.
    """

    code = "not-open"


class ClosedExperimentError(NotOpenError):
    """The run has been closed.

    Kept: what was logged before the close.
    Remedy: log before the run closes, or open it again.
    Says: Experiment not open: the run has been closed.
    """

    code = "closed"


class RunOpenError(CriticalError, StateError):
    """The run is open, and what was asked for needs it to be closed.

    Kept: the run goes on.
    Remedy: do it before the run is opened, or after it is closed.
    Says: runs/one is being delivered by another process.
    """

    code = "run-open"


class RunCopiedError(CriticalError, StateError):
    """The run's folder is a copy, and the original is delivered to the server.

    Kept: all records, in both folders; nothing is sent from the copy.
    Remedy: deliver the original, or move it away; or open the copy under another prefix.
    Says: runs/copy/one is a copy of runs/one.
    """

    code = "run-copied"


class WriteProtectedError(CriticalError, StateError):
    """The run is write-protected.

    Kept: the run is as it was.
    Remedy: open the run without `_write_protected=True`.
    Says: The run 'ann/digits/one' is write-protected.
    """

    code = "write-protected"


class StatusUpdateError(RecoverableError, StateError):
    """The final status could not be recorded.

    Kept: all records; only the final status is missing.
    Remedy: open and close the run again when the disk works.
    Says: The status COMPLETED of runs/one cannot be recorded.
    """

    code = "status-update"


class UnsummarizedBufferError(DataLossError, StateError):
    """The run closed with buffered values that were never summarised.

    Kept: one summary of the values was logged for each metric.
    Remedy: call `metrics.buffer.log_summary(...)` or `summarize()` before closing.
    Says: The run closed with 40 buffered values that were never summarised.
    """

    code = "unsummarized-buffer"


class ShutdownIncompleteError(DataLossError, StateError, TimeoutError):
    """Closing ended before everything was written or delivered.

    Kept: what is left is on disk.
    Remedy: run `ml-dash sync`.
    Says: 3 accepted records could not be written to runs/one before the run closed.
    """

    code = "shutdown-incomplete"


# --- the store --------------------------------------------------------------------------------


class LocalWriteError(DataLossError, StoreError, OSError):
    """The run's folder refused a write: full, read-only, removed, out of descriptors.

    Kept: what was accepted before is on disk; what waits is in memory and is written when the
        disk works again.
    Remedy: free space, or restore the folder and its permissions.
    Says: Cannot write 1 record to runs/one/logs/logs.jsonl: No space left on device.
    """

    code = "local-write"
    retryable = True


class CorruptDataError(CriticalError, StoreError, json.JSONDecodeError):
    """A stored document or line is unreadable; ``context["path"]`` says where.

    Kept: the file, untouched or moved aside as `<name>.damaged-<time>`.
    Remedy: mend or remove the line or file at `context["path"]`.
    Says: runs/one has no document that says which run it is.
    """

    code = "corrupt-data"


class ChecksumMismatchError(CorruptDataError):
    """Content differs from its recorded checksum.

    Kept: the file as it is; the destination of a copy is as it was.
    Remedy: store or download the file again.
    Says: What arrived of best.pt is not what was stored: its SHA-256 is 9f86d0, not 60303a.
    """

    code = "checksum-mismatch"


class TokenStoreError(CriticalError, StoreError, OSError, ValueError):
    """The token store cannot be read or written.

    Kept: the tokens that were stored before.
    Remedy: mend the store, log in again, or set `ML_DASH_TOKEN`.
    Says: This system has no keyring that can be used.
    """

    code = "token-store"


class DamagedTokensError(TokenStoreError, CorruptDataError):
    """The file of tokens holds something else.

    Kept: the file; the next login moves it aside.
    Remedy: mend it, run `ml-dash login`, or set `ML_DASH_TOKEN`.
    Says: The token store ~/.dash/tokens.encrypted cannot be decrypted.
    """

    code = "damaged-tokens"


# --- files ------------------------------------------------------------------------------------


class FileUploadError(DataLossError, FileAccessError):
    """A file could not be stored; the source is untouched.

    Kept: the source file and what was stored before.
    Remedy: free space or restore permissions, then store it again.
    Says: Cannot store best.pt: No space left on device.
    """

    code = "file-upload"
    retryable = True


class FileReadError(RecoverableError, FileAccessError):
    """A file of a run, or the list of its stored files, could not be read.

    Kept: the files, as they were.
    Remedy: give this process the right to read there.
    Says: Cannot make the folder out for downloads: Permission denied.
    """

    code = "file-read"


class AmbiguousFileError(RecoverableError, FileAccessError, ValueError):
    """More than one stored file matches.

    Kept: nothing was changed.
    Remedy: give the whole path.
    Says: 2 files are called 'best.pt': a/best.pt, b/best.pt.
    """

    code = "ambiguous-file"
    retryable = False


# --- not found --------------------------------------------------------------------------------


class NotFoundError(RecoverableError, LookupError):
    """What was asked for truly does not exist.

    Kept: nothing is concerned.
    Remedy: list what there is.
    """

    code = "not-found"
    retryable = False


class ExperimentFileNotFoundError(NotFoundError, FileAccessError, FileNotFoundError, ValueError):
    """The run holds no such file.

    Kept: nothing is concerned.
    Remedy: list the files with `files().list()`.
    Says: File not found: the run has no file 'best.pt'.
    """

    code = "file-not-found"


class MetricNotFoundError(NotFoundError, StoreError, FileNotFoundError):
    """The run holds no such metric.

    Kept: nothing is concerned.
    Remedy: list the metrics with `metrics(...).list_all()`.
    Says: The run in runs/one has no metric 'los'.
    """

    code = "metric-not-found"


class TrackNotFoundError(NotFoundError, StoreError, FileNotFoundError):
    """The run holds no such track.

    Kept: nothing is concerned.
    Remedy: check the topic.
    Says: The run in runs/one has no track 'pose'.
    """

    code = "track-not-found"


# --- side effects of little value -------------------------------------------------------------


class CleanupError(RecoverableError, OSError):
    """A temporary object could not be removed.

    Kept: all records; a temporary object is left behind.
    Remedy: remove what it names, when convenient.
    Says: runs/one/files/.partial is left behind.
    """

    code = "cleanup"


class ConsoleEchoError(RecoverableError, OSError):
    """Printing a log line failed; the record itself is stored.

    Kept: the record is stored; only its copy on the console is missing.
    Remedy: set `ML_DASH_ECHO=0` to log without the console.
    Says: The console (<stdout>) took no text: BrokenPipeError: Broken pipe.
    """

    code = "console-echo"
