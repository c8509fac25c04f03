"""Every error that ml-dash raises, in one tree.

Two axes. The *severity* says what a failure means and what :func:`ml_dash.handle_error` does with it;
the *domain* says where it happened. A leaf has one of each and, where ml-dash 0.6 let a builtin
escape, that builtin as well, so that ``except`` clauses written for 0.6 go on catching::

    MLDashError                                   (MlDashError: the name of late 0.6 releases)
    |-- CriticalError                             always raised
    |   |-- ConfigurationError (ValueError)       what the caller passed or configured cannot be used
    |   |   |-- NoBackendError (TypeError)
    |   |   |-- PrefixError (KeyError, AttributeError)
    |   |   |-- UsageError (TypeError)
    |   |   |-- InvalidValueError (TypeError)
    |   |   |   `-- SerializationError
    |   |   |-- InvalidFileError (FileNotFoundError)
    |   |   `-- MissingDependencyError (ModuleNotFoundError)
    |   |-- NotOpenError [StateError]
    |   |   `-- ClosedExperimentError
    |   |-- WriteProtectedError [StateError]
    |   |-- CorruptDataError [StoreError] (json.JSONDecodeError)
    |   |   `-- ChecksumMismatchError
    |   |-- TokenStoreError [StoreError] (OSError, ValueError)
    |   |-- AuthenticationError [RemoteClientError]
    |   |   |-- NotAuthenticatedError
    |   |   |-- CredentialsRejectedError
    |   |   |-- DeviceCodeExpiredError
    |   |   |-- AuthorizationDeniedError
    |   |   `-- TokenExchangeError
    |   |-- PermissionDeniedError [RemoteClientError] (PermissionError)
    |   `-- ServerUnreachableError [RemoteClientError] (ConnectionError)
    |-- DataLossError                             something accepted could be lost
    |   |-- LocalWriteError [StoreError] (OSError)
    |   |-- FileUploadError [FileAccessError] (OSError)
    |   |-- UnsummarizedBufferError [StateError]
    |   |-- ShutdownIncompleteError [StateError] (TimeoutError)
    |   |-- RemoteRejectedError [RemoteClientError]
    |   `-- PartialAcceptError [RemoteClientError] (ValueError)
    `-- RecoverableError                          will be retried or can be worked around
        |-- NetworkError [RemoteClientError] (ConnectionError)
        |   `-- RequestTimeoutError (TimeoutError)
        |-- RateLimitedError [RemoteClientError]
        |-- ServerError [RemoteClientError]
        |-- InvalidResponseError [RemoteClientError] (ValueError, TypeError, KeyError, AttributeError)
        |   `-- GraphQLError
        |-- NotFoundError (LookupError)
        |   |-- RemoteNotFoundError [RemoteClientError]
        |   |   `-- ProjectNotFoundError, NamespaceNotFoundError (ConfigurationError's ValueError)
        |   |-- ExperimentFileNotFoundError [FileAccessError] (FileNotFoundError, ValueError)
        |   `-- MetricNotFoundError, TrackNotFoundError [StoreError] (FileNotFoundError)
        |-- FileReadError [FileAccessError] (OSError)
        |-- AmbiguousFileError [FileAccessError] (ValueError)
        |-- StatusUpdateError [StateError]
        |-- SkippedValueError (ValueError, TypeError)
        |-- CleanupError (OSError)
        `-- ConsoleEchoError (OSError)

    Domains (mixins): RemoteClientError, FileAccessError, StoreError (StorageError), StateError
    (ExperimentError), ConfigurationError, TokenStoreError.
    Warnings: MLDashWarning -> DataLossWarning (RuntimeWarning), RecoverableWarning (UserWarning),
    MLDashDeprecationWarning (DeprecationWarning).

This module imports nothing but the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar


def _rebuild(cls: type[MLDashError], message: str, state: dict[str, Any]) -> MLDashError:
    """Make an error again from its pickled parts."""
    error = cls(message)
    error.__dict__.update(state)
    if isinstance(error, OSError) and "_errno" in state:
        error.errno = state["_errno"]
    return error


class MLDashError(Exception):
    """Base of every error raised by ml-dash.

    Args:
        message: What happened, and to what. One or two sentences.
        context: Machine-readable facts (``path``, ``run``, ``key``, ``count`` ...).
        kept: Where the data is now; empty when no data is concerned.
        hint: What to do next.
        retryable: Whether the same call may succeed later; the class's own value when omitted.
        cause: The original error; also becomes ``__cause__``.

    Attributes:
        code: Stable name of this kind of error, for programs.
    """

    code: ClassVar[str] = "error"
    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        context: Mapping[str, Any] | None = None,
        kept: str = "",
        hint: str = "",
        retryable: bool | None = None,
        cause: BaseException | None = None,
    ) -> None:
        Exception.__init__(self, message)
        self.message = message
        self.context: dict[str, Any] = dict(context or {})
        self.kept = kept
        self.hint = hint
        if retryable is not None:
            self.retryable = retryable
        if cause is not None:
            self.__cause__ = cause
        if isinstance(self, OSError) and isinstance(cause, OSError):
            self.errno = self._errno = cause.errno
            self.filename = cause.filename
        if isinstance(self, json.JSONDecodeError):
            self.msg, self.doc, self.pos, self.lineno, self.colno = message, "", 0, 0, 0

    def __str__(self) -> str:
        parts = [self.message]
        if self.kept:
            parts.append(f"Kept: {self.kept}")
        if self.hint:
            parts.append(f"Next: {self.hint}")
        return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.__dict__)


MlDashError = MLDashError


# --- severities -------------------------------------------------------------------------------


class CriticalError(MLDashError):
    """Always raised: wrong use, wrong configuration, refused credentials, damaged data."""

    code = "critical"


class DataLossError(MLDashError):
    """Something that was accepted could be lost."""

    code = "data-loss"


class RecoverableError(MLDashError):
    """Will be retried, or can be worked around."""

    code = "recoverable"
    retryable = True


# --- domains ----------------------------------------------------------------------------------


class RemoteClientError(MLDashError):
    """Happened while talking to a server."""

    code = "remote"


class FileAccessError(MLDashError, OSError):
    """Happened while reading, checking or storing a file of a run."""

    code = "file-access"


class StoreError(MLDashError):
    """Happened in the run's folder on disk."""

    code = "store"


StorageError = StoreError


class StateError(MLDashError, RuntimeError):
    """The run is not in a state in which the call makes sense."""

    code = "state"


ExperimentError = StateError


class ConfigurationError(CriticalError, ValueError):
    """A setting, argument or environment variable cannot be used."""

    code = "configuration"


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


class RemoteNotFoundError(NotFoundError, RemoteClientError):
    """The server says that it does not exist (404)."""

    code = "remote-not-found"


class ProjectNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such project."""

    code = "project-not-found"


class NamespaceNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such namespace."""

    code = "namespace-not-found"


# --- the server -------------------------------------------------------------------------------


class ServerUnreachableError(CriticalError, RemoteClientError, ConnectionError):
    """No server answered while opening a run, after retries."""

    code = "server-unreachable"
    retryable = True


class AuthenticationError(CriticalError, RemoteClientError):
    """Credentials are missing or refused."""

    code = "authentication"


class NotAuthenticatedError(AuthenticationError):
    """No token is stored for this server."""

    code = "not-authenticated"


class CredentialsRejectedError(AuthenticationError):
    """The server refused the token (401)."""

    code = "credentials-rejected"


class DeviceCodeExpiredError(AuthenticationError):
    """The code shown at login expired before it was confirmed."""

    code = "device-code-expired"


class AuthorizationDeniedError(AuthenticationError):
    """The login was refused by its user."""

    code = "authorization-denied"


class TokenExchangeError(AuthenticationError):
    """The login token could not be exchanged for an ml-dash token."""

    code = "token-exchange"


class PermissionDeniedError(CriticalError, RemoteClientError, PermissionError):
    """The token is valid but not for this (403)."""

    code = "permission-denied"


class RemoteRejectedError(DataLossError, RemoteClientError):
    """The server refused the data and would refuse it again (400, 404, 409, 413, 422)."""

    code = "remote-rejected"


class PartialAcceptError(DataLossError, RemoteClientError, ValueError):
    """The server took fewer records than it was sent, or its answer proves nothing."""

    code = "partial-accept"


class NetworkError(RecoverableError, RemoteClientError, ConnectionError):
    """The connection was refused, reset, or broke the protocol."""

    code = "network"


class RequestTimeoutError(NetworkError, TimeoutError):
    """The server did not answer in time."""

    code = "request-timeout"


class RateLimitedError(RecoverableError, RemoteClientError):
    """Too many requests (429); ``context["retry_after_s"]`` when the server said."""

    code = "rate-limited"


class ServerError(RecoverableError, RemoteClientError):
    """The server failed (5xx)."""

    code = "server"


class InvalidResponseError(
    RecoverableError, RemoteClientError, ValueError, TypeError, KeyError, AttributeError
):
    """The server said yes but sent something else than what was asked for."""

    code = "invalid-response"


class GraphQLError(InvalidResponseError):
    """The GraphQL reply carries ``errors``."""

    code = "graphql"
    retryable = False


# --- side effects of little value -------------------------------------------------------------


class SkippedValueError(RecoverableError, ValueError, TypeError):
    """A buffered value is no number and was skipped, as 0.6 did without a word."""

    code = "skipped-value"
    retryable = False


class CleanupError(RecoverableError, OSError):
    """A temporary object could not be removed."""

    code = "cleanup"


class ConsoleEchoError(RecoverableError, OSError):
    """Printing a log line failed; the record itself is stored."""

    code = "console-echo"


# --- warnings ---------------------------------------------------------------------------------


class MLDashWarning(Warning):
    """Base of the warnings of ml-dash."""


class DataLossWarning(MLDashWarning, RuntimeWarning):
    """A data-loss error that the error mode turned into a warning."""


class RecoverableWarning(MLDashWarning, UserWarning):
    """A recoverable error that the error mode turned into a warning."""


class MLDashDeprecationWarning(MLDashWarning, DeprecationWarning):
    """A call whose answer changes in a later release."""


__all__ = sorted(
    name for name, thing in list(globals().items())
    if isinstance(thing, type) and issubclass(thing, (MLDashError, MLDashWarning))
)
