"""What the server answers when it does not do what was asked: one table from error to status.

Every answer is JSON: ``{"error": code, "message": what, "hint": what to do, "requestId": id}``,
with further facts under ``details``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import (
    DataError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ml_dash.exceptions import (
    ChecksumMismatchError,
    ConfigurationError,
    CorruptDataError,
    CriticalError,
    FileReadError,
    FileUploadError,
    InvalidValueError,
    MLDashError,
    NotFoundError,
)


class RefusedError(CriticalError):
    """A request that is not carried out; nothing was changed."""

    code = "refused"
    status = 400

    def __init__(self, message: str = "", **facts: Any) -> None:
        self.headers: dict[str, str] = facts.pop("headers", {})
        super().__init__(message, **facts)


class BadRequestError(RefusedError):
    """It is not well formed."""

    code = "bad-request"


class UnauthenticatedError(RefusedError):
    """It carries no valid token."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(RefusedError):
    """Its token does not allow it."""

    code = "forbidden"
    status = 403


class MissingError(RefusedError):
    """What it is about does not exist, or not for this token."""

    code = "not-found"
    status = 404


class MethodError(RefusedError):
    """The path has no such method."""

    code = "method-not-allowed"
    status = 405


class SilentError(RefusedError):
    """Its sender has fallen silent in the middle of it."""

    code = "request-timeout"
    status = 408


class TakenError(RefusedError):
    """The name is taken."""

    code = "already-exists"
    status = 409


class ForgottenError(RefusedError):
    """It is so old that nobody knows whether it was carried out before."""

    code = "key-expired"
    status = 409


class OffsetError(RefusedError):
    """It goes on at another place than where the file ends that it is a part of."""

    code = "wrong-offset"
    status = 409

    @classmethod
    def at(cls, offset: int) -> OffsetError:
        """Return the error for a file of which so many bytes have arrived."""
        return cls(
            f"{offset} bytes of the file have arrived", hint="Go on there",
            context={"offset": offset},
        )  # fmt: skip


class TooLargeError(RefusedError):
    """It is larger than a limit of the server."""

    code = "too-large"
    status = 413


class MediaTypeError(RefusedError):
    """Its body is of a kind that is not taken here."""

    code = "unsupported-media-type"
    status = 415


class RangeError(RefusedError):
    """The file has no such range."""

    code = "range-not-satisfiable"
    status = 416


class UnfitError(RefusedError):
    """It is well formed, but what it says cannot be stored."""

    code = "invalid"
    status = 422


class TooManyError(RefusedError):
    """Its token sends too many."""

    code = "rate-limited"
    status = 429


class UnavailableError(RefusedError):
    """Another server that is needed for it does not answer."""

    code = "unavailable"
    status = 503


BY_ERROR: tuple[tuple[type[Exception], int, str], ...] = (
    (ChecksumMismatchError, 422, "checksum-mismatch"),
    (CorruptDataError, 500, "corrupt-data"),
    (InvalidValueError, 422, "invalid"),
    (NotFoundError, 404, "not-found"),
    (FileUploadError, 507, "cannot-store"),
    (FileReadError, 503, "cannot-read"),
    (ConfigurationError, 400, "bad-request"),
    # A number or text that the database cannot hold, or asks for.
    (DataError, 422, "invalid"),
    (UnicodeError, 422, "invalid"),
    (OverflowError, 422, "invalid"),
    (OperationalError, 503, "database-unavailable"),
    (InterfaceError, 503, "database-unavailable"),
    (PoolTimeoutError, 503, "database-busy"),
    (SQLAlchemyError, 500, "database"),
)
"""What an error becomes that is no :class:`RefusedError`; the first row that fits counts."""

FORESEEN: tuple[type[Exception], ...] = (RefusedError, *(kind for kind, _, _ in BY_ERROR))
"""What a request can meet that has an answer of its own."""

_LATER = frozenset({429, 503, 507})


@dataclass(frozen=True)
class Answer:
    """An error as it is told to a client."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


def answer(error: Exception, request_id: str) -> Answer:
    """Return what a client is told of an error."""
    status, code = _row(error)
    body: dict[str, Any] = {"error": code, "message": _message(error, status)}
    headers = dict(getattr(error, "headers", {}))
    if isinstance(error, MLDashError) and status < 500:
        if error.hint:
            body["hint"] = error.hint
        if error.context:
            body["details"] = error.context
    if status in _LATER:
        headers.setdefault("retry-after", "1")
    body["requestId"] = request_id
    return Answer(status, body, headers)


def _row(error: Exception) -> tuple[int, str]:
    if isinstance(error, RefusedError):
        return error.status, error.code
    found = [(status, code) for kind, status, code in BY_ERROR if isinstance(error, kind)]
    return found[0] if found else (500, "internal")


def _message(error: Exception, status: int) -> str:
    if status >= 500:
        return "The server could not do this now; its log says why under the requestId"
    if isinstance(error, MLDashError):
        return error.message
    return "A value cannot be stored: a text or a number is outside of what the database holds"
