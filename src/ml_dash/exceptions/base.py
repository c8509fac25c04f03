"""The root, the severities and the domains."""

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
        self._fill_in_builtin(cause)

    def _fill_in_builtin(self, cause: BaseException | None) -> None:
        """Set what callers of the builtin classes look at; their own constructors are not run."""
        found: dict[str, Any] = {}
        if isinstance(self, OSError) and isinstance(cause, OSError):
            self._errno = cause.errno
            found = {"errno": cause.errno, "filename": cause.filename}
        if isinstance(self, json.JSONDecodeError):
            found |= {"msg": self.message, "doc": "", "pos": 0, "lineno": 0, "colno": 0}
        for name, value in found.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        parts = [self.message]
        if self.kept:
            parts.append(f"Kept: {self.kept}")
        if self.hint:
            parts.append(f"Next: {self.hint}")
        return " ".join(
            part if part.endswith((".", "!", "?", "\n")) else f"{part}." for part in parts
        )

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
