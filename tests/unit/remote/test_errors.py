"""The table of foreign errors is total, and what it gives is both ours and httpx's."""

from __future__ import annotations

import pickle

import httpx
import pytest

from ml_dash import exceptions
from ml_dash._remote import errors
from ml_dash.exceptions import MLDashError

CLASSES = [each for each in vars(httpx).values() if isinstance(each, type)]
FOREIGN = sorted((each for each in CLASSES if issubclass(each, Exception)), key=str)
REQUEST = httpx.Request("POST", "http://host/api/x?q=1", headers={"authorization": "Bearer abc"})


def foreign_error(kind: type[Exception]) -> Exception:
    """Return an error of an httpx class."""
    if issubclass(kind, httpx.HTTPStatusError):
        return kind("boom", request=REQUEST, response=httpx.Response(503, request=REQUEST))
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return kind()  # type: ignore[call-arg]
    error = kind("boom")
    if isinstance(error, httpx.HTTPError):
        error.request = REQUEST
    return error


def test_all_of_httpx_is_covered() -> None:
    """The list that the other tests run over has every kind of exception."""
    assert len(FOREIGN) >= 27
    assert {httpx.ConnectError, httpx.InvalidURL, httpx.StreamConsumed} <= set(FOREIGN)


@pytest.mark.parametrize("kind", FOREIGN)
def test_exception_has_one_of_ours(kind: type[Exception]) -> None:
    """Every exception of httpx becomes one of our classes, named in public, and stays its own."""
    error = errors.from_exception(foreign_error(kind), "POST http://host/api/x")
    assert isinstance(error, MLDashError)
    assert isinstance(error, kind)
    assert isinstance(error, getattr(exceptions, type(error).__name__))
    assert type(error).__name__ != "MLDashError"
    assert "POST http://host/api/x" in str(error)


@pytest.mark.parametrize("kind", FOREIGN)
def test_exception_travels_between_processes(kind: type[Exception]) -> None:
    """A pickled error comes back as the same class with the same facts."""
    error = errors.from_exception(foreign_error(kind), "POST http://host/api/x")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), back.context, back.hint) == (str(error), error.context, error.hint)


@pytest.mark.parametrize("status", range(100, 1000))
def test_status_has_one_of_ours(status: int) -> None:
    """Every status becomes an error of ours that old clauses for httpx catch as well."""
    response = httpx.Response(status, content=b"words", request=REQUEST)
    error = errors.from_response(response, "GET http://host/api/x")
    assert isinstance(error, exceptions.RemoteClientError)
    assert isinstance(error, httpx.HTTPStatusError)
    assert error.response.status_code == error.context["status"] == status
    assert error.request.url.path == "/api/x"
    assert error.retryable == (status in (408, 425, 429) or status >= 500)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, exceptions.InvalidResponseError),
        (400, exceptions.RemoteRejectedError),
        (401, exceptions.CredentialsRejectedError),
        (403, PermissionError),
        (404, exceptions.RemoteNotFoundError),
        (408, TimeoutError),
        (409, exceptions.RemoteRejectedError),
        (422, exceptions.RemoteRejectedError),
        (429, exceptions.RateLimitedError),
        (500, exceptions.ServerError),
        (503, exceptions.ServerError),
    ],
)
def test_status_that_callers_tell_apart(status: int, kind: type[Exception]) -> None:
    """The statuses that mean something of their own have a class of their own."""
    assert issubclass(errors.status_class(status), kind)


def test_combined_class_is_made_once() -> None:
    """Two errors of a kind are of one class."""
    first = errors.combined(exceptions.NetworkError, httpx.ConnectError)
    assert first is errors.combined(exceptions.NetworkError, httpx.ConnectError)
    assert first.__name__ == "NetworkError"


def test_token_is_nowhere_in_an_error() -> None:
    """Neither text, representation, request, response nor pickle of an error shows the token."""
    request = httpx.Request("GET", "http://u:pw@host/", headers={"authorization": "Bearer s3cr3t"})
    response = httpx.Response(500, content=b"got Bearer s3cr3t, and s3cr3t", request=request)
    for error in (
        errors.from_response(response, "GET http://host/", "s3cr3t"),
        errors.from_exception(httpx.LocalProtocolError("Illegal header value b'Bearer s3cr3t'",
                                                       request=request), "GET x", "s3cr3t"),
    ):  # fmt: skip
        assert "s3cr3t" not in str(error) + repr(error) + repr(error.context)
        assert error.request.headers["authorization"] == "[secure]"
        assert error.__cause__ is None
    made = errors.from_exception(httpx.ConnectError("refused", request=request), "GET x")
    assert b"s3cr3t" not in pickle.dumps(made)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), ("", None), (None, None),
     ("inf", None), ("nan", None), ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_read(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are understood; nonsense counts as not given."""
    assert errors.retry_after_s(value) == seconds


def test_shown_url_has_no_credentials() -> None:
    """A URL in a text has no user, password, query or fragment."""
    assert errors.shown_url("https://a:b@host:1/p/q?t=1#f") == "https://host:1/p/q"
