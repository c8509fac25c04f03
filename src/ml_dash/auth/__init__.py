"""Signing in: device flow, tokens and where they are kept."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "CLIENT_ID": "constants",
    "DEFAULT_SCOPE": "constants",
    "VUER_AUTH_URL": "constants",
    "DeviceFlowClient": "device_flow",
    "DeviceFlowResponse": "device_flow",
    "generate_device_secret": "device_secret",
    "get_or_create_device_secret": "device_secret",
    "hash_device_secret": "device_secret",
    "EncryptedFileStorage": "token_storage",
    "KeyringStorage": "token_storage",
    "PlaintextFileStorage": "token_storage",
    "TokenStorage": "token_storage",
    "get_token_storage": "token_storage",
    "get_token_storage_or_raise": "token_storage",
    "AuthenticationError": "exceptions",
    "AuthorizationDeniedError": "exceptions",
    "DeviceCodeExpiredError": "exceptions",
    "NotAuthenticatedError": "exceptions",
    "StorageError": "exceptions",
    "TokenExchangeError": "exceptions",
}

__all__ = [
    "CLIENT_ID",
    "DEFAULT_SCOPE",
    "VUER_AUTH_URL",
    "AuthenticationError",
    "AuthorizationDeniedError",
    "DeviceCodeExpiredError",
    "DeviceFlowClient",
    "DeviceFlowResponse",
    "EncryptedFileStorage",
    "KeyringStorage",
    "NotAuthenticatedError",
    "PlaintextFileStorage",
    "StorageError",
    "TokenExchangeError",
    "TokenStorage",
    "generate_device_secret",
    "get_or_create_device_secret",
    "get_token_storage",
    "get_token_storage_or_raise",
    "hash_device_secret",
]

if TYPE_CHECKING:
    from ml_dash.auth.constants import CLIENT_ID, DEFAULT_SCOPE, VUER_AUTH_URL
    from ml_dash.auth.device_flow import DeviceFlowClient, DeviceFlowResponse
    from ml_dash.auth.device_secret import (
        generate_device_secret,
        get_or_create_device_secret,
        hash_device_secret,
    )
    from ml_dash.auth.exceptions import (
        AuthenticationError,
        AuthorizationDeniedError,
        DeviceCodeExpiredError,
        NotAuthenticatedError,
        StorageError,
        TokenExchangeError,
    )
    from ml_dash.auth.token_storage import (
        EncryptedFileStorage,
        KeyringStorage,
        PlaintextFileStorage,
        TokenStorage,
        get_token_storage,
        get_token_storage_or_raise,
    )


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
