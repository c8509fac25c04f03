"""The errors of signing in, under their 0.6 import path."""

from __future__ import annotations

from ml_dash.exceptions import (
    AuthenticationError,
    AuthorizationDeniedError,
    DeviceCodeExpiredError,
    NotAuthenticatedError,
    TokenExchangeError,
    TokenStoreError,
)

StorageError = TokenStoreError

__all__ = [
    "AuthenticationError",
    "AuthorizationDeniedError",
    "DeviceCodeExpiredError",
    "NotAuthenticatedError",
    "StorageError",
    "TokenExchangeError",
    "TokenStoreError",
]
