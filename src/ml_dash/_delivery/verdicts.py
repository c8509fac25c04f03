"""What becomes of a batch: delivered, sent again later, refused, or kept until somebody acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ml_dash.exceptions import (
    AuthenticationError,
    ChecksumMismatchError,
    CorruptDataError,
    GraphQLError,
    InvalidFileError,
    InvalidResponseError,
    InvalidValueError,
    MLDashError,
    NotFoundError,
    PartialAcceptError,
    PermissionDeniedError,
    RemoteClientError,
    RemoteNotFoundError,
    RemoteRejectedError,
    UsageError,
)

_NEVER_ARRIVED = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})


@dataclass(frozen=True)
class Done:
    """The server has it."""


@dataclass(frozen=True)
class Retry:
    """Send the same batch again, after a wait."""

    error: MLDashError

    @property
    def retry_after_s(self) -> float | None:
        """How long the server asks to wait, in seconds."""
        wait_s = self.error.context.get("retry_after_s")
        return float(wait_s) if isinstance(wait_s, (int, float)) else None

    @property
    def may_have_arrived(self) -> bool:
        """Whether the server may have taken the batch all the same."""
        facts = self.error.context
        return facts.get("error") not in _NEVER_ARRIVED and facts.get("status") not in (429, 503)


@dataclass(frozen=True)
class Reject:
    """At least one record of the batch will never be taken; the others may.

    Attributes:
        error: Why.
        set_aside: Whether the record is found and kept aside.
    """

    error: MLDashError
    set_aside: bool = False


@dataclass(frozen=True)
class Halt:
    """Nothing can be sent until somebody acts; everything is kept.

    Attributes:
        error: Why.
        whole_run: Whether that holds for all streams of the run.
    """

    error: MLDashError
    whole_run: bool = True


Verdict = Done | Retry | Reject | Halt

_WHOLE_RUN = (AuthenticationError, PermissionDeniedError, RemoteNotFoundError)
_REJECT = (
    RemoteRejectedError,
    ChecksumMismatchError,
    CorruptDataError,
    InvalidFileError,
    InvalidValueError,
    NotFoundError,
    UsageError,
)


def judge(error: MLDashError) -> Verdict:
    """Return what an error means for the batch that met it."""
    if isinstance(error, _WHOLE_RUN):
        return Halt(error)
    if isinstance(error, PartialAcceptError):
        # An answer without a count is a broken answer; another count is a decision.
        return Retry(error) if error.context.get("accepted") is None else Halt(error, False)
    if isinstance(error, _REJECT):
        return Reject(error)
    if isinstance(error, InvalidResponseError) and not isinstance(error, GraphQLError):
        return Retry(error)  # a proxy's page or its way to a login, which pass
    if isinstance(error, RemoteClientError) and not error.retryable:
        return Halt(error)
    return Retry(error) if error.retryable else Halt(error, False)


def attempt(call: Callable[[], object]) -> Verdict:
    """Return what becomes of a batch that ``call`` sends."""
    try:
        call()
    except MLDashError as error:
        return judge(error)
    return Done()
