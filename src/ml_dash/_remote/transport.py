"""One connection pool to one server, opened when first needed."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote
from urllib.request import getproxies

import httpx

from ml_dash._base.fork import reset_in_child
from ml_dash._base.secrecy import checked_url, shown_url
from ml_dash._remote import errors, replies
from ml_dash._remote.credentials import Credentials
from ml_dash._remote.retry import RetryPolicy
from ml_dash.exceptions import (
    ConfigurationError,
    CredentialsRejectedError,
    MissingDependencyError,
    MLDashError,
    NetworkError,
    NotAuthenticatedError,
    RemoteClientError,
    UsageError,
)

T = TypeVar("T")
CONNECT_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 4.0  # below the 5 s after which common servers drop an idle connection
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_ERROR_BODY_MAX_BYTES = 64 * 1024
_COMPRESS_FROM_BYTES = 1024
_COMPRESSION = 3


class _Session:
    """A pool, and the event that ends whoever waits to use it again."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.stop = threading.Event()
        self.timeout_s = timeout_s
        self.http = httpx.Client(
            limits=httpx.Limits(max_connections=20, keepalive_expiry=KEEP_ALIVE_S),
            follow_redirects=False,
            # Certificates take 25 ms to load; without TLS and proxies nobody looks at them.
            verify=url.startswith("https:") or bool(getproxies()),
        )

    def timeout(self, patience_s: float) -> httpx.Timeout:
        connect_s = min(CONNECT_TIMEOUT_S, self.timeout_s)
        return httpx.Timeout(self.timeout_s, connect=connect_s, read=self.timeout_s + patience_s)


def _new_session(url: str, timeout_s: float) -> _Session:
    try:
        return _Session(url, timeout_s)
    except ImportError as error:  # a proxy of a kind that httpx needs another package for
        raise MissingDependencyError(
            f"The proxy named in the environment cannot be used: {error}",
            hint="Install `httpx[socks]`, or unset ALL_PROXY and HTTPS_PROXY", cause=error,
        ) from error  # fmt: skip
    except (OSError, ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(
            f"The certificates or the proxy named in the environment cannot be used: {error}",
            hint="Check SSL_CERT_FILE, SSL_CERT_DIR, HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            cause=error,
        ) from error


class Transport:
    """Sends requests to one server, with its token, and turns what goes wrong into our errors.

    Nothing is read, opened or connected before the first request.

    Args:
        url: The server, such as ``https://host`` or ``http://host:8000/prefix``.
        credentials: Where the token comes from; asked when a request is made.
        policy: When a request is sent again.
        timeout_s: Seconds that a connection may be silent.

    Attributes:
        honours_keys: Whether the server knows a repeated request by its idempotency key: it says so
            by sending the key back.
        bundle_max: How many appends the server takes in one request; 0 until it has said so.
        files_max: How many small files the server takes in one request; 0 until it has said so.
        resumes_uploads: Whether the server has said that it takes large files in pieces.
        takes_times: Whether the server has said that it takes the times of points.

    Raises:
        ConfigurationError: the URL is none of an HTTP server, or carries credentials.
    """

    def __init__(
        self, url: str, credentials: Credentials, policy: RetryPolicy, timeout_s: float
    ) -> None:
        self.url = checked_url(url)
        self.timeout_s = timeout_s
        self._credentials = credentials
        self._policy = policy
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._takes_gzip = False
        self.honours_keys = False
        self.bundle_max = 0
        self.files_max = 0
        self.resumes_uploads = False
        self.takes_times = False
        self._left_behind: list[_Session] = []
        reset_in_child(self)

    # -- requests --------------------------------------------------------------------------------

    def json(
        self, method: str, path: str, body: bytes | None = None, *, values: bool = False, **how: Any
    ) -> Any:
        """Send a request and return the JSON of its answer.

        Args:
            method: The HTTP method.
            path: The path below the server's URL, quoted.
            body: JSON to send.
            values: Whether the answer carries logged values.
            **how: More arguments of :meth:`request`.

        Raises:
            RemoteClientError: it failed, or the answer is no JSON.
        """
        headers = dict(how.pop("headers", None) or {})
        if body is not None:
            headers.setdefault("content-type", "application/json")
            if self._takes_gzip and len(body) >= _COMPRESS_FROM_BYTES:
                headers["content-encoding"] = "gzip"
                body = gzip.compress(body, _COMPRESSION, mtime=0)
        response = self.request(
            method, path, lambda: {} if body is None else {"content": body}, headers=headers, **how
        )
        return replies.parsed(response, self.what(method, path), values=values)

    def request(
        self,
        method: str,
        path: str,
        body: Callable[[], dict[str, Any]] = dict,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
        also_retry: Collection[int] = (),
        patience_s: float = 0.0,
    ) -> httpx.Response:
        """Send a request, again where that is safe, and return its answer, read.

        Args:
            method: The HTTP method.
            path: The path below the server's URL, quoted.
            body: Makes the body anew for each attempt, as keywords of httpx.
            headers: More headers.
            params: The query.
            idempotent: Whether sending it twice does what sending it once does; by the method
                when omitted.
            idempotency_key: Sent along; by it the server knows a repeated request.
            also_retry: Statuses after which this request is sent again, besides the usual.
            patience_s: Seconds to give to a large request beyond the usual, for the server to
                think and for another attempt to begin.

        Raises:
            RemoteClientError: what went wrong, after the last attempt.
        """
        all_headers = dict(headers or {})
        if idempotency_key is not None:
            all_headers["idempotency-key"] = idempotency_key
        safe = (method in _IDEMPOTENT if idempotent is None else idempotent) or bool(
            idempotency_key
        )

        def send() -> httpx.Response:
            with self._answer(method, path, body(), all_headers, params, patience_s) as response:
                response.read()
                self._take_note(response, idempotency_key)
                return response

        return self.retried(send, safe=safe, also_retry=also_retry, patience_s=patience_s)

    def _take_note(self, response: httpx.Response, idempotency_key: str | None) -> None:
        """Note what the server's answer says about the server."""
        offered = response.headers.get("accept-encoding", "")
        self._takes_gzip = "gzip" in (word.strip().split(";")[0] for word in offered.split(","))
        self.bundle_max = _number(response.headers.get("ml-dash-bundle", ""))
        self.files_max = _number(response.headers.get("ml-dash-file-bundle", ""))
        self.resumes_uploads = response.headers.get("ml-dash-upload-resume") == "1"
        self.takes_times = response.headers.get("ml-dash-point-times") == "1"
        if idempotency_key is not None:
            self.honours_keys = response.headers.get("idempotency-key") == idempotency_key

    @contextmanager
    def stream(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Send a request once and hold its answer open, unread.

        Raises:
            RemoteClientError: it failed, or the answer is no success.
        """
        with self._answer(method, path, {}, dict(headers or {}), None, 0.0) as response:
            yield response

    def retried(
        self,
        send: Callable[[], T],
        *,
        safe: bool,
        also_retry: Collection[int] = (),
        patience_s: float = 0.0,
    ) -> T:
        """Call ``send`` until it succeeds, where it is safe to do so; see :class:`RetryPolicy`.

        Raises:
            RemoteClientError: what went wrong in the last attempt.
        """

        def again(error: RemoteClientError) -> bool:
            return safe and (error.retryable or error.context.get("status") in also_retry)

        policy = replace(self._policy, deadline_s=self._policy.deadline_s + patience_s)
        return policy.run(send, again, self._open_session().stop)

    def what(self, method: str, path: str) -> str:
        """Return a request as errors name it."""
        return f"{method} {shown_url(self.url)}{path}"

    @contextmanager
    def waiting_at_most(self, timeout_s: float) -> Iterator[None]:
        """Let a connection be silent for no longer than this for the length of a block, in seconds.

        Raises:
            ConfigurationError: the certificates or the proxy of the environment cannot be used.
        """
        session = self._open_session()
        before_s = session.timeout_s
        session.timeout_s = min(before_s, timeout_s)
        try:
            yield
        finally:
            session.timeout_s = before_s

    # -- one attempt -----------------------------------------------------------------------------

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str],
        params: Mapping[str, Any] | None,
        patience_s: float,
    ) -> Iterator[httpx.Response]:
        what = self.what(method, path)
        token = checked_token(self._credentials.require())
        headers["authorization"] = f"Bearer {token}"
        session = self._open_session()
        with self._translating(what, token, session):
            timeout = session.timeout(patience_s)
            request = session.http.build_request(
                method, self.url + path, params=params, headers=headers, timeout=timeout, **body
            )
            response = session.http.send(request, stream=True)
            try:
                if not response.is_success:
                    raise errors.from_response(_read_some(response, token), what, token)
                yield response
            finally:
                response.close()
                errors.without_credentials(request)

    @contextmanager
    def _translating(self, what: str, token: str, session: _Session) -> Iterator[None]:
        try:
            yield
        except CredentialsRejectedError:
            self._credentials.forget()
            raise
        except MLDashError:  # which may be a class of httpx as well
            raise
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as e:
            made = errors.from_exception(e, what, token)
            raise made from made.__cause__
        except RuntimeError as error:
            if not session.stop.is_set():
                raise
            raise NetworkError(
                f"{what}: the client was closed meanwhile", retryable=False, cause=error
            ) from error

    # -- the pool --------------------------------------------------------------------------------

    def _open_session(self) -> _Session:
        session = self._session
        if session is None:
            with self._lock:
                if self._session is None:
                    self._session = _new_session(self.url, self.timeout_s)
                session = self._session
        return session

    def close(self) -> None:
        """Close the pool, if it was opened; whoever waits to try again stops waiting."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.stop.set()
            session.http.close()

    def reset_after_fork(self) -> None:
        """Give the child a pool of its own; the parent's connections are not for it to close."""
        self._lock = threading.Lock()
        if self._session is not None:
            self._left_behind.append(self._session)
            self._session = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_session": None, "_left_behind": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
        reset_in_child(self)


def _number(header: str) -> int:
    return int(header) if header.isdecimal() else 0


def route(*segments: str | int) -> str:
    """Return a path of quoted segments: a ``/`` in a name does not part the path.

    Raises:
        UsageError: a segment is empty.
    """
    return "".join(f"/{_quoted(str(segment))}" for segment in segments)


def _quoted(segment: str) -> str:
    if not segment:
        raise UsageError("An id or name for the server is empty", hint="Give its id or name")
    if set(segment) == {"."}:
        return segment.replace(".", "%2E")  # as a plain segment it would leave the path
    return quote(segment, safe="", errors="surrogatepass")


def checked_token(token: str) -> str:
    """Return a token that can stand in a header.

    Raises:
        NotAuthenticatedError: it cannot; the text does not show it.
    """
    if token and token.isascii() and token.isprintable() and " " not in token:
        return token
    raise NotAuthenticatedError(
        "The token has characters that no token has, such as spaces or line ends"
        if token else "The token is empty",
        hint="Run `ml-dash login` again, or set ML_DASH_TOKEN to the token alone",
    )  # fmt: skip


def _read_some(response: httpx.Response, secret: str) -> httpx.Response:
    """Return an answer with the first part of its body read, without the token."""
    body = b""
    try:
        for part in response.iter_bytes():
            body += part
            if len(body) >= _ERROR_BODY_MAX_BYTES:
                break
    except (httpx.TransportError, httpx.DecodingError):
        body += b" [the rest of the answer is missing]"
    headers = {
        name: value for name, value in response.headers.items()
        if name not in ("content-encoding", "content-length", "transfer-encoding")
    }  # fmt: skip
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=body.replace(secret.encode(), b"[secure]"),
        request=response.request,
    )
