"""Logging in to a server, and what a token says of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ml_dash.auth._jwt import decode_jwt_payload_or_raise
from ml_dash.auth.constants import VUER_AUTH_URL
from ml_dash.auth.device_flow import DeviceFlowClient, DeviceFlowResponse
from ml_dash.auth.device_secret import get_or_create_device_secret
from ml_dash.auth.token_storage import get_token_storage, token_key
from ml_dash.config import DEFAULT_API_URL, Config
from ml_dash.exceptions import AuthenticationError, MalformedTokenError

_NOT_FOUND: Final = 404
_A_DAY_S: Final = 86400.0
_AN_HOUR_S: Final = 3600.0


@dataclass
class Login:
    """A login that has begun and waits for the user.

    Attributes:
        started: The code, and where to confirm it.
    """

    started: DeviceFlowResponse
    _flow: DeviceFlowClient

    def finish(self, waited: Callable[[int], object] | None = None) -> str:
        """Wait until the user has confirmed the code, store the server's token and return it.

        Args:
            waited: Called now and then, with the seconds waited so far.

        Raises:
            DeviceCodeExpiredError: the code is void.
            AuthorizationDeniedError: the user refused.
            RequestTimeoutError: nobody confirmed it in time (is a ``TimeoutError``).
            TokenExchangeError: the server sends no token.
            TokenStoreError: the token cannot be kept.
        """
        token = self._flow.exchange_token(self._flow.poll_for_token(progress_callback=waited))
        get_token_storage().store(token_key(self._flow.ml_dash_server_url), token)
        return token


def begin(url: str, auth_url: str | None = None) -> Login:
    """Ask for a code to log in to a server with.

    Args:
        url: The server.
        auth_url: Its login service. When omitted: the configuration's, else the server itself
            if it has one, as a self-hosted server does, else ml-dash's.

    Raises:
        NetworkError: the service cannot be reached.
        AuthenticationError: it refuses, or answers something else.
        ConfigurationError: an address cannot be used.
        LocalWriteError: the machine's secret cannot be saved.
    """
    config = Config()
    secret = get_or_create_device_secret(config)
    named = auth_url or config.auth_url
    if named or url.rstrip("/") == DEFAULT_API_URL:
        flow = DeviceFlowClient(secret, url, named or VUER_AUTH_URL)
        return Login(flow.start_device_flow(), flow)
    flow = DeviceFlowClient(secret, url, url)
    try:
        return Login(flow.start_device_flow(), flow)
    except AuthenticationError as error:
        if error.context.get("status") != _NOT_FOUND:
            raise
    flow = DeviceFlowClient(secret, url, VUER_AUTH_URL)
    return Login(flow.start_device_flow(), flow)


def claims(token: str) -> dict[str, Any]:
    """Return what a token says of itself; ``{}`` for one that says nothing, as a server's own."""
    try:
        return decode_jwt_payload_or_raise(token)
    except MalformedTokenError:
        return {}  # it is no JWT


def seconds_left(token_claims: dict[str, Any]) -> float | None:
    """Return for how many seconds a token is still good; None if it does not say."""
    end = token_claims.get("exp")
    if isinstance(end, bool) or not isinstance(end, (int, float)):
        return None
    return end - time.time()


def expiry_in_words(left_s: float) -> str:
    """Return when a token ends, as ``Expires in 29 days``."""
    if left_s <= 0:
        return "Expired"
    if left_s < _A_DAY_S:
        return f"Expires in {int(left_s // _AN_HOUR_S)} hours"
    return f"Expires in {int(left_s // _A_DAY_S)} days"
