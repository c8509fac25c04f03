"""Signing in from a machine without a browser: show a code, wait until it is confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from ml_dash._base.secrecy import checked_url, redacted
from ml_dash.auth.constants import CLIENT_ID, DEFAULT_SCOPE, VUER_AUTH_URL
from ml_dash.auth.device_secret import hash_device_secret
from ml_dash.exceptions import (
    AuthenticationError,
    AuthorizationDeniedError,
    DeviceCodeExpiredError,
    NetworkError,
    RequestTimeoutError,
    ServerError,
    TokenExchangeError,
)

_TIMEOUT_S = 10.0
_DEFAULT_INTERVAL_S = 5
_MAX_INTERVAL_S = 60
_FAILURES_IN_A_ROW = 12
_PATHS = ("/api/device", "/api/device-flow")
"""Where late and early 0.6 servers have the flow; the first that exists is used."""


@dataclass
class DeviceFlowResponse:
    """What the login service answers to a start.

    Attributes:
        user_code: The code that the user confirms.
        device_code: Unused by this service; empty.
        verification_uri: Where to confirm it.
        verification_uri_complete: The same with the code filled in.
        expires_in: Seconds until the code is void.
        interval: Seconds to wait between two questions.
    """

    user_code: str
    device_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceFlowClient:
    """Signs a machine in.

    Args:
        device_secret: The machine's secret; only its hash is sent.
        ml_dash_server_url: The server that the token is for.
        auth_server_url: The login service.

    Raises:
        ConfigurationError: an address is none of an HTTP server, or carries credentials.
    """

    def __init__(
        self, device_secret: str, ml_dash_server_url: str, auth_server_url: str = VUER_AUTH_URL
    ) -> None:
        self.device_secret = device_secret
        self.ml_dash_server_url = checked_url(ml_dash_server_url)
        self.auth_server_url = checked_url(auth_server_url)
        self._path = _PATHS[0]
        self._interval_s = _DEFAULT_INTERVAL_S

    def __repr__(self) -> str:
        return f"DeviceFlowClient({self.ml_dash_server_url!r}, {self.auth_server_url!r})"

    def start_device_flow(self, scope: str = DEFAULT_SCOPE) -> DeviceFlowResponse:
        """Ask for a code.

        Args:
            scope: What the token shall be good for.

        Raises:
            NetworkError: the service cannot be reached.
            AuthenticationError: it refuses, or answers something else.
        """
        for path in _PATHS:
            self._path = path
            reply = self._post(f"{path}/start", {"scope": scope})
            if reply.status_code != httpx.codes.NOT_FOUND:
                break
        if reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServerError(f"The login service failed with status {reply.status_code}")
        if not reply.is_success:
            raise AuthenticationError(
                f"The login service refused to start, with status {reply.status_code}",
                hint="Check the address of the login service (auth_url)",
                context={"status": reply.status_code, "url": self.auth_server_url},
            )
        return self._read_start(_object(reply))

    def _read_start(self, found: dict[str, Any]) -> DeviceFlowResponse:
        code, uri = found.get("user_code"), found.get("verification_uri")
        if not isinstance(code, str) or not isinstance(uri, str):
            raise AuthenticationError("The login service sent no code")
        self._interval_s = min(max(_number(found, "interval", _DEFAULT_INTERVAL_S), 1),
                               _MAX_INTERVAL_S)  # fmt: skip
        return DeviceFlowResponse(
            user_code=code,
            device_code=found.get("device_code") or "",
            verification_uri=uri,
            verification_uri_complete=found.get("verification_uri_complete")
            or f"{uri}?code={code.replace('-', '')}",
            expires_in=_number(found, "expires_in", 600),
            interval=_number(found, "interval", _DEFAULT_INTERVAL_S),
        )

    def poll_for_token(
        self, max_attempts: int = 120, progress_callback: Callable[[int], object] | None = None
    ) -> str:
        """Wait until the code is confirmed and return the login token.

        Args:
            max_attempts: How often to ask.
            progress_callback: Called with the seconds waited so far, before each question.

        Raises:
            DeviceCodeExpiredError: the code is void.
            AuthorizationDeniedError: the user refused.
            TokenExchangeError: the service answers something else.
            NetworkError: it could not be reached many times in a row.
            RequestTimeoutError: nobody confirmed the code in time (is a ``TimeoutError``).
        """
        wait_s, failures = self._interval_s, 0
        for attempt in range(1, max_attempts + 1):
            if progress_callback is not None:
                progress_callback(attempt * wait_s)
            try:
                reply = self._post(f"{self._path}/poll", {})
            except NetworkError:
                failures += 1
                if failures >= _FAILURES_IN_A_ROW:
                    raise
            else:
                failures = 0
                token = self._read_poll(reply)
                if token:
                    return token
                wait_s = self._interval_s * (2 if _says(reply, "slow_down") else 1)
            time.sleep(wait_s)
        raise RequestTimeoutError(
            f"Nobody confirmed the code after {max_attempts} questions",
            hint="Run `ml-dash login` again",
        )

    def _read_poll(self, reply: httpx.Response) -> str | None:
        found = _object(reply)
        if reply.status_code == httpx.codes.OK:
            token = found.get("access_token")
            if isinstance(token, str) and token:
                return token
            raise TokenExchangeError("The login service sent no token")
        problem = found.get("error")
        if problem in ("authorization_pending", "slow_down"):
            return None
        if problem == "expired_token":
            raise DeviceCodeExpiredError("The code is void", hint="Run `ml-dash login` again")
        if problem == "access_denied":
            raise AuthorizationDeniedError("The login was refused")
        shown = redacted(repr(problem), self.device_secret)
        raise TokenExchangeError(
            f"The login service answered {shown} with status {reply.status_code}"
        )

    def exchange_token(self, token: str) -> str:
        """Turn the login token into a token of the ml-dash server.

        Args:
            token: From :meth:`poll_for_token`.

        Raises:
            TokenExchangeError: the server refuses, cannot be reached or sends no token.
        """
        url = f"{self.ml_dash_server_url}/api/auth/exchange"
        try:
            reply = httpx.post(
                url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S
            )
        except httpx.HTTPError as error:
            raise TokenExchangeError(
                f"The server {self.ml_dash_server_url} cannot be reached: {error}", cause=error
            ) from error
        if reply.status_code != httpx.codes.OK:
            said = redacted(reply.text, token)[:200]
            other = f"The server answered {reply.status_code}: {said}"
            raise TokenExchangeError(_EXCHANGE.get(reply.status_code, other))
        found = _object(reply).get("ml_dash_token")
        if not isinstance(found, str) or not found:
            raise TokenExchangeError("The server sent no token")
        return found

    def authenticate(self, progress_callback: Callable[[int], object] | None = None) -> str:
        """Go all the way: start, wait, exchange; return the server's token.

        Raises:
            MLDashError: see the three steps.
        """
        self.start_device_flow()
        return self.exchange_token(self.poll_for_token(progress_callback=progress_callback))

    def _post(self, path: str, more: dict[str, Any]) -> httpx.Response:
        body = {
            "client_id": CLIENT_ID,
            "device_secret_hash": hash_device_secret(self.device_secret),
            **more,
        }
        try:
            return httpx.post(f"{self.auth_server_url}{path}", json=body, timeout=_TIMEOUT_S)
        except httpx.TimeoutException as error:
            raise RequestTimeoutError(
                f"The login service {self.auth_server_url} did not answer in {_TIMEOUT_S:g} s",
                cause=error,
            ) from error
        except httpx.HTTPError as error:
            raise NetworkError(
                f"The login service {self.auth_server_url} cannot be reached: {error}", cause=error
            ) from error


_EXCHANGE = {
    401: "The server does not accept the login: it is void or from another login service",
    404: "The server has no token exchange: it is another version, or no ml-dash server",
}


def _object(reply: httpx.Response) -> dict[str, Any]:
    try:
        found = reply.json()
    except ValueError as error:
        raise TokenExchangeError(
            f"Status {reply.status_code} came without JSON, so not from an ml-dash service",
            cause=error,
        ) from error
    if not isinstance(found, dict):
        raise TokenExchangeError(f"Status {reply.status_code} came with JSON that is no object")
    return found


def _says(reply: httpx.Response, problem: str) -> bool:
    return _object(reply).get("error") == problem


def _number(found: dict[str, Any], key: str, default: int) -> int:
    value = found.get(key)
    return int(value) if isinstance(value, (int, float)) and value >= 0 else default
