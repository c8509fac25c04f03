"""Where tokens are kept: the system's keyring, an encrypted file, or a plain file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ml_dash._base.facts import about
from ml_dash.auth._jwt import decode_jwt_payload, decode_jwt_payload_or_raise
from ml_dash.auth._stores import (
    SERVICE_NAME,
    EncryptedFileStorage,
    KeyringStorage,
    PlaintextFileStorage,
    TokenStorage,
)
from ml_dash.exceptions import (
    ConfigurationError,
    DamagedTokensError,
    MalformedTokenError,
    TokenStoreError,
)

__all__ = [
    "SERVICE_NAME",
    "TOKEN_KEY",
    "DamagedTokensError",
    "EncryptedFileStorage",
    "KeyringStorage",
    "MalformedTokenError",
    "PlaintextFileStorage",
    "TokenStorage",
    "decode_jwt_payload",
    "decode_jwt_payload_or_raise",
    "delete_token",
    "get_token_storage",
    "get_token_storage_or_raise",
    "load_token",
    "token_key",
]

_log = logging.getLogger("ml_dash.auth")

TOKEN_KEY: Final = "ml-dash-token"
"""The one key that 0.6 knows; also the fallback for servers without a token of their own."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def get_token_storage(config_dir: str | Path | None = None) -> TokenStorage:
    """Return the best store that works here: keyring, encrypted file, plain file.

    Nothing is made on disk before the first token is stored. The log says why a better store is
    not used: as a warning when it may hold tokens.

    Args:
        config_dir: Folder for the files; ``~/.dash`` when omitted.

    Raises:
        TokenStoreError: there is no keyring, and no home folder for a file.
    """
    try:
        return _working_keyring()
    except TokenStoreError as error:
        _say_unused(error)
    folder = _folder(config_dir)
    try:
        return EncryptedFileStorage(folder, make_key=False)
    except TokenStoreError as error:
        _say_unused(error, folder)
    return PlaintextFileStorage(folder, warn_now=False)


def get_token_storage_or_raise(
    config_dir: str | Path | None = None, backend: str | None = None
) -> TokenStorage:
    """Return one kind of store, or the best that is not a plain file.

    Args:
        config_dir: Folder for the files; ``~/.dash`` when omitted.
        backend: ``keyring``, ``encrypted`` or ``plaintext``; the first two in turn when omitted.

    Raises:
        ConfigurationError: ``backend`` names none of them.
        TokenStoreError: it does not work here.
    """
    if backend not in (None, "keyring", "encrypted", "plaintext"):
        raise ConfigurationError(
            f"Unknown token store {backend!r}", hint="Use keyring, encrypted or plaintext"
        )
    if backend == "plaintext":
        return PlaintextFileStorage(_folder(config_dir), warn_now=False)
    if backend != "encrypted":
        try:
            return _working_keyring()
        except TokenStoreError as error:
            if backend == "keyring":
                raise
            _say_unused(error)
    return EncryptedFileStorage(_folder(config_dir), make_key=False)


def _working_keyring() -> KeyringStorage:
    store = KeyringStorage()
    store.load(TOKEN_KEY)  # a keyring may be there and refuse everything
    return store


def _folder(config_dir: str | Path | None) -> Path:
    try:
        return Path(config_dir) if config_dir else Path.home() / ".dash"
    except RuntimeError as error:
        raise TokenStoreError(
            "This user has no home folder, so there is no place for tokens",
            hint="Set HOME, or set ML_DASH_TOKEN instead",
            cause=error,
        ) from error


def _say_unused(error: TokenStoreError, folder: Path | None = None) -> None:
    """Say why a store is passed over, and louder when it holds tokens or a key."""
    names = ("tokens.encrypted", "encryption.key")
    holds = folder is not None and any((folder / name).exists() for name in names)
    cause = error.__cause__
    absent = isinstance(cause, ModuleNotFoundError) and cause.name in ("keyring", "cryptography")
    broken = cause is not None and not absent
    if holds or broken:
        _log.warning(
            "A token store is passed over: %s", error, exc_info=error,
            extra=about("choosing a token store", error),
        )  # fmt: skip
    else:
        _log.info("Not used for tokens: %s", error, extra=about("choosing a token store", error))


def token_key(server_url: str) -> str:
    """Return the key under which the token of a server is kept.

    Args:
        server_url: Its address; the path, a user name and the usual port do not matter.

    Raises:
        ConfigurationError: it is no address.
    """
    try:
        parts = urlsplit(server_url if "//" in server_url else f"//{server_url}")
        host, port = parts.hostname, parts.port
    except (ValueError, TypeError):
        # Without the cause: addresses may hold passwords.
        host = port = None
    if not host:
        raise ConfigurationError(
            "The server's address names no host", hint="Give one such as https://api.dash.ml"
        )
    host = f"[{host}]" if ":" in host else host
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{TOKEN_KEY}@{host if usual else f'{host}:{port}'}"


def load_token(server_url: str) -> str | None:
    """Return the stored token of a server; 0.6's one token when it has none of its own.

    Tokens of a login from before a better store was available are found as well.

    Raises:
        ConfigurationError: ``server_url`` is no address.
        TokenStoreError: the store cannot be read.
    """
    key = token_key(server_url)
    for store in _stores():
        token = store.load(key) or store.load(TOKEN_KEY)
        if token:
            return token
    return None


def delete_token(server_url: str) -> None:
    """Forget a server's token, so that :func:`load_token` finds none, in whatever store.

    0.6's one token goes with it: servers that have none of their own use it.

    Raises:
        ConfigurationError: ``server_url`` is no address.
        TokenStoreError: it is still there.
    """
    key = token_key(server_url)
    for store in _stores():
        store.delete(key)
        store.delete(TOKEN_KEY)


def _stores() -> Iterator[TokenStorage]:
    """Yield the best store, then the files beside it in which an older login may be."""
    best = get_token_storage()
    yield best
    if not isinstance(best, (KeyringStorage, EncryptedFileStorage)):
        return
    folder = best.config_dir if isinstance(best, EncryptedFileStorage) else _folder(None)
    if isinstance(best, KeyringStorage) and (folder / "tokens.encrypted").exists():
        try:
            yield EncryptedFileStorage(folder, make_key=False)
        except TokenStoreError as error:
            _say_unused(error, folder)
    if (folder / "tokens.json").exists():
        yield PlaintextFileStorage(folder, warn_now=False)
