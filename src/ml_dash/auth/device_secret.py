"""The secret by which the login service recognises this machine."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_dash.config import Config


def generate_device_secret() -> str:
    """Return a new secret: 256 random bits as 64 lowercase hexadecimal digits."""
    return secrets.token_hex(32)


def hash_device_secret(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal: what is sent instead of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def get_or_create_device_secret(config: Config) -> str:
    """Return the configuration's secret; a new one is made and saved when there is none.

    A damaged configuration reads as empty and is moved aside, so its secret is not lost.

    Raises:
        LocalWriteError: the new secret cannot be saved.
    """
    if not config.device_secret:
        config.device_secret = generate_device_secret()
    return config.device_secret
