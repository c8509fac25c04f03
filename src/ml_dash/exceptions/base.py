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

    Kept: as the error's `kept` says.
    Remedy: `except MLDashError` catches everything that ml-dash raises.
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
    """Always raised: wrong use, wrong configuration, refused credentials, damaged data.

    Kept: what was recorded before.
    Remedy: mend the cause; no error mode hides it.
    """

    code = "critical"


class DataLossError(MLDashError):
    """Something that was accepted could be lost.

    Kept: as the error's `kept` says.
    Remedy: mend the cause; in the mode `default` it is a `DataLossWarning`.
    Says: Unexpected ZeroDivisionError while encoding a frame: division by zero.
    """

    code = "data-loss"


class RecoverableError(MLDashError):
    """Will be retried, or can be worked around.

    Kept: everything recorded.
    Remedy: nothing, if it goes away by itself; else as the hint says.
    """

    code = "recoverable"
    retryable = True


# --- domains ----------------------------------------------------------------------------------


class RemoteClientError(MLDashError):
    """Happened while talking to a server.

    Kept: everything recorded is on disk.
    Remedy: `except RemoteClientError` catches all that a server or the way to it can do.
    """

    code = "remote"


class FileAccessError(MLDashError, OSError):
    """Happened while reading, checking or storing a file of a run.

    Kept: the source file and what was stored before.
    Remedy: check path, permissions and disk.
    """

    code = "file-access"


class StoreError(MLDashError):
    """Happened in the run's folder on disk.

    Kept: what the folder holds.
    Remedy: check the folder's disk and permissions.
    """

    code = "store"


StorageError = StoreError


class StateError(MLDashError, RuntimeError):
    """The run is not in a state in which the call makes sense.

    Kept: what was recorded before.
    Remedy: call it while the run is open.
    """

    code = "state"


ExperimentError = StateError


class ConfigurationError(CriticalError, ValueError):
    """A setting, argument or environment variable cannot be used.

    Kept: nothing was changed.
    Remedy: correct the setting, argument or variable that it names.
    Says: 'lookup_raise' is no flag and no release.
    """

    code = "configuration"
