"""From foreign errors to ours: one table for httpx's exceptions, one for HTTP statuses.

Scripts written for ml-dash 0.6 catch ``httpx.HTTPStatusError``, ``httpx.ConnectError`` and so on.
What is raised here is of our class *and* of the httpx class that 0.6 let escape at that place, and
carries ``.request`` and ``.response`` as httpx's errors do, without the credentials.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from ml_dash._base.secrecy import redacted, shown_url
from ml_dash.exceptions import (
    ConfigurationError,
    CredentialsRejectedError,
    InvalidResponseError,
    MLDashError,
    NetworkError,
    PermissionDeniedError,
    RateLimitedError,
    RemoteNotFoundError,
    RemoteRejectedError,
    RequestTimeoutError,
    ServerError,
)

BY_EXCEPTION: dict[type[Exception], type[MLDashError]] = {
    httpx.TimeoutException: RequestTimeoutError,
    httpx.UnsupportedProtocol: ConfigurationError,
    httpx.TransportError: NetworkError,
    httpx.DecodingError: InvalidResponseError,
    httpx.TooManyRedirects: InvalidResponseError,
    httpx.RequestError: NetworkError,
    httpx.HTTPError: NetworkError,
    httpx.InvalidURL: ConfigurationError,
    httpx.CookieConflict: InvalidResponseError,
    httpx.StreamError: NetworkError,
}
"""What each exception of httpx is; a class that is missing is what its nearest base is."""

BY_STATUS: dict[int, type[MLDashError]] = {
    401: CredentialsRejectedError,
    403: PermissionDeniedError,
    404: RemoteNotFoundError,
    408: RequestTimeoutError,
    410: RemoteNotFoundError,
    425: ServerError,
    429: RateLimitedError,
}
"""What single HTTP statuses mean; :data:`BY_STATUS_CLASS` says it for the rest."""

BY_STATUS_CLASS: dict[int, type[MLDashError]] = {
    1: InvalidResponseError,
    2: InvalidResponseError,  # of a success whose content is not what was asked for
    3: InvalidResponseError,  # redirects are not followed: a token must not travel along
    4: RemoteRejectedError,
    5: ServerError,
}

_HINTS: dict[type[MLDashError], str] = {
    CredentialsRejectedError: "Run `ml-dash login`, or set ML_DASH_TOKEN to a valid token",
    PermissionDeniedError: "Ask its owner for access, or log in as another user",
    RemoteNotFoundError: "Check the server's URL and the name or id",
    RateLimitedError: "Wait and try again",
    ServerError: "Try again later; if it stays, ask the server's operator",
    NetworkError: "Check the server's URL and that it is running and reachable",
    RequestTimeoutError: "Check the connection, or try again later",
    ConfigurationError: "Give a URL like https://host or http://host:port",
    InvalidResponseError: "Check that the URL is an ml-dash server's, not a proxy's or a page's",
}
_LATER = frozenset({408, 425, 429})
_EXCERPT_CHARS = 200


def exception_class(kind: type[BaseException]) -> type[MLDashError]:
    """Return which error of ours an exception class of httpx stands for."""
    for base in kind.__mro__:
        if base in BY_EXCEPTION:
            return BY_EXCEPTION[base]
    return NetworkError


def status_class(status: int) -> type[MLDashError]:
    """Return which error of ours an HTTP status stands for."""
    named = BY_STATUS.get(status)
    return named or BY_STATUS_CLASS.get(status // 100, InvalidResponseError)


_combined: dict[tuple[type, type], type[MLDashError]] = {}


def combined(ours: type[MLDashError], theirs: type[Exception]) -> type[MLDashError]:
    """Return the class that is both, under the public name of ours; always the same object."""
    known = _combined.get((ours, theirs))
    if known is not None:
        return known
    body: dict[str, Any] = {
        "__doc__": ours.__doc__,
        "__module__": ours.__module__,
        "__reduce__": lambda self: (_rebuild, (ours, theirs, self.message, self.__dict__)),
        "_request": None,
    }
    return _combined.setdefault((ours, theirs), type(ours.__name__, (ours, theirs), body))


def _rebuild(
    ours: type[MLDashError], theirs: type[Exception], message: str, state: dict[str, Any]
) -> MLDashError:
    error = combined(ours, theirs)(message)
    error.__dict__.update(state)
    return error


def from_exception(error: Exception, what: str, secret: str = "") -> MLDashError:
    """Return our error for one of httpx's.

    Args:
        error: What was raised.
        what: The request, as in ``GET http://host/path``.
        secret: A token that must not show up in the text.
    """
    if isinstance(error, httpx.HTTPStatusError):
        return from_response(error.response, what, secret)
    kind = type(error)
    ours = exception_class(kind)
    text = redacted(str(error), secret) or kind.__name__
    made = combined(ours, kind)(
        f"{what} failed: {kind.__name__}: {text}" if text != kind.__name__ else f"{what}: {text}",
        context={"request": what, "error": kind.__name__},
        hint=_HINTS.get(ours, ""),
        cause=_harmless(error, secret),
    )
    request = getattr(error, "_request", None)
    if isinstance(request, httpx.Request):
        made.__dict__["_request"] = without_credentials(request)
    return made


def from_response(response: httpx.Response, what: str, secret: str = "") -> MLDashError:
    """Return our error for an answer that is no success; its body must have been read.

    Args:
        response: The answer.
        what: The request, as in ``GET http://host/path``.
        secret: A token that must not show up in the text.
    """
    status = response.status_code
    ours = status_class(status)
    context: dict[str, Any] = {"request": what, "status": status}
    wait_s = retry_after_s(response.headers.get("retry-after"))
    if wait_s is not None:
        context["retry_after_s"] = wait_s
    excerpt = redacted(" ".join(response.text.split())[:_EXCERPT_CHARS], secret)
    location = response.headers.get("location")
    if location and status // 100 == 3:
        excerpt = f"redirects to {shown_url(location)}, which is not followed"
    made = combined(ours, httpx.HTTPStatusError)(
        f"{what} was answered with {_status_text(status)}" + (f": {excerpt}" if excerpt else ""),
        context=context,
        hint=_HINTS.get(ours, ""),
        retryable=status in _LATER or status >= 500,
    )
    made.__dict__["_request"] = without_credentials(response.request)
    made.__dict__["response"] = response
    return made


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; None without a usable one."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def without_credentials(request: httpx.Request) -> httpx.Request:
    """Take the token out of a request that has been used, and return it."""
    if "authorization" in request.headers:
        request.headers["authorization"] = "[secure]"
    return request


def _harmless(error: Exception, secret: str) -> Exception | None:
    """Return the original as a cause, unless its text would give the token away."""
    return error if redacted(str(error), secret) == str(error) else None


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
