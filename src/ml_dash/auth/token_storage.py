"""Where tokens are kept: the system's keyring, an encrypted file, or a plain file."""

from __future__ import annotations

import base64
import binascii
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ml_dash._base import fsio
from ml_dash._base.policy import warn_user
from ml_dash.exceptions import (
    AuthenticationError,
    NotAuthenticatedError,
    RecoverableWarning,
    TokenStoreError,
)

_log = logging.getLogger("ml_dash.auth")

SERVICE_NAME: Final = "ml-dash"
TOKEN_KEY: Final = "ml-dash-token"
"""The one key that 0.6 knows; also the fallback for servers without a token of their own."""
_DEFAULT_DIR = Path.home() / ".dash"


class TokenStorage(ABC):
    """Keeps tokens by key."""

    @abstractmethod
    def store(self, key: str, value: str) -> None:
        """Keep a token.

        Raises:
            TokenStoreError: it cannot be kept; what was kept before still is.
        """

    @abstractmethod
    def load(self, key: str) -> str | None:
        """Return a token, or None when there is none.

        Raises:
            TokenStoreError: the store cannot be read.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Forget a token; an absent one is fine.

        Raises:
            TokenStoreError: it is still there.
        """

    def load_or_raise(self, key: str) -> str:
        """Return a token.

        Raises:
            NotAuthenticatedError: there is none.
            TokenStoreError: the store cannot be read.
        """
        value = self._find(key)
        if not value:
            raise NotAuthenticatedError(
                "No token is stored", hint="Run `ml-dash login`, or set ML_DASH_TOKEN"
            )
        return value

    def _find(self, key: str) -> str | None:
        return self.load(key)


class KeyringStorage(TokenStorage):
    """Tokens in the keyring of the operating system.

    Raises:
        TokenStoreError: there is no usable keyring.
    """

    SERVICE_NAME = SERVICE_NAME

    def __init__(self) -> None:
        try:
            import keyring
            from keyring.backends.fail import Keyring as NoKeyring
        except ImportError as error:
            raise TokenStoreError(
                "The keyring package is not installed", hint='pip install "ml-dash[auth]"'
            ) from error
        if isinstance(keyring.get_keyring(), NoKeyring):
            raise TokenStoreError("This system has no keyring that can be used")
        self._keyring: Any = keyring

    def store(self, key: str, value: str) -> None:
        """Keep a token; see :meth:`TokenStorage.store`."""
        self._ask("store", lambda: self._keyring.set_password(SERVICE_NAME, key, value))

    def load(self, key: str) -> str | None:
        """Return a token; see :meth:`TokenStorage.load`."""
        found: str | None = self._ask("load", lambda: self._keyring.get_password(SERVICE_NAME, key))
        return found

    def delete(self, key: str) -> None:
        """Forget a token; see :meth:`TokenStorage.delete`."""
        if self.load(key) is not None:
            self._ask("delete", lambda: self._keyring.delete_password(SERVICE_NAME, key))

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        from keyring.errors import KeyringError

        try:
            return call()
        except (KeyringError, OSError, RuntimeError) as error:
            raise TokenStoreError(
                f"The keyring refused to {what} the token: {type(error).__name__}",
                hint="Unlock the keyring, or set ML_DASH_TOKEN instead",
                cause=error,
            ) from error


class _FileStorage(TokenStorage):
    """Tokens in one file of a folder."""

    def __init__(self, config_dir: str | Path, name: str) -> None:
        self.config_dir = Path(config_dir)
        self.tokens_file = self.config_dir / name

    def store(self, key: str, value: str) -> None:
        """Keep a token; see :meth:`TokenStorage.store`."""
        self._save({**self._tokens(), key: value})

    def load(self, key: str) -> str | None:
        """Return a token; see :meth:`TokenStorage.load`."""
        return self._tokens().get(key)

    def delete(self, key: str) -> None:
        """Forget a token; see :meth:`TokenStorage.delete`."""
        tokens = self._tokens()
        if tokens.pop(key, None) is not None:
            self._save(tokens)

    def _tokens(self) -> dict[str, str]:
        try:
            data = self._decode(self.tokens_file.read_bytes())
            tokens = json.loads(data)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable("cannot be read") from error
        except ValueError as error:
            raise self._unreadable("is damaged") from error
        if not isinstance(tokens, dict):
            raise self._unreadable("is damaged")
        return tokens

    def _save(self, tokens: dict[str, str]) -> None:
        data = self._encode(json.dumps(tokens, indent=2).encode())
        try:
            self.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            fsio.write_atomic(self.tokens_file, data, mode=0o600)
        except OSError as error:
            raise TokenStoreError(
                f"Cannot write {self.tokens_file}: {error.strerror or error}",
                kept="the tokens as they were",
                hint="Make the folder writable, or set ML_DASH_TOKEN instead",
                cause=error,
            ) from error

    def _unreadable(self, what: str) -> TokenStoreError:
        return TokenStoreError(
            f"The token store {self.tokens_file} {what}",
            kept="the file is untouched",
            hint="Mend or remove it and run `ml-dash login` again, or set ML_DASH_TOKEN",
            context={"path": str(self.tokens_file)},
        )

    def _encode(self, data: bytes) -> bytes:
        return data

    def _decode(self, data: bytes) -> bytes:
        return data


class EncryptedFileStorage(_FileStorage):
    """Tokens in an encrypted file, with the key in a file beside it.

    Args:
        config_dir: The folder; it and the key are made at once, as in 0.6.

    Raises:
        TokenStoreError: cryptography is missing, or the key cannot be made or used.
    """

    def __init__(self, config_dir: str | Path) -> None:
        super().__init__(config_dir, "tokens.encrypted")
        self.key_file = self.config_dir / "encryption.key"
        try:
            from cryptography.fernet import Fernet
        except ImportError as error:
            raise TokenStoreError(
                "The cryptography package is not installed", hint='pip install "ml-dash[auth]"'
            ) from error
        self._fernet = self._cipher(Fernet)

    def _cipher(self, fernet: Any) -> Any:
        try:
            if not self.key_file.exists():
                if self.tokens_file.exists():
                    raise self._unreadable("has lost its key, encryption.key")
                self.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
                fsio.write_atomic(self.key_file, fernet.generate_key(), mode=0o600)
            return fernet(self.key_file.read_bytes())
        except OSError as error:
            if isinstance(error, TokenStoreError):
                raise
            raise TokenStoreError(
                f"Cannot use {self.key_file}: {error.strerror or error}", cause=error
            ) from error
        except ValueError as error:
            raise TokenStoreError(f"{self.key_file} holds no key", cause=error) from error

    def _encode(self, data: bytes) -> bytes:
        encrypted: bytes = self._fernet.encrypt(data)
        return encrypted

    def _decode(self, data: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            plain: bytes = self._fernet.decrypt(data)
        except InvalidToken as error:
            raise self._unreadable("cannot be decrypted with the key beside it") from error
        return plain


_warned = False


class PlaintextFileStorage(_FileStorage):
    """Tokens in a plain file that only its owner may read. Says so once.

    Args:
        config_dir: The folder; made at the first store.
    """

    def __init__(self, config_dir: str | Path) -> None:
        global _warned
        super().__init__(config_dir, "tokens.json")
        if not _warned:
            _warned = True
            message = (
                f"Tokens are kept unencrypted in {self.tokens_file}; "
                'install "ml-dash[auth]" for a keyring or an encrypted file'
            )
            _log.warning(message)
            warn_user(message, RecoverableWarning)

    def load(self, key: str) -> str | None:
        """Return a token; None, loudly, when the file is damaged, as in 0.6."""
        try:
            return super().load(key)
        except TokenStoreError as error:
            _log_empty(error)
            return None

    def _find(self, key: str) -> str | None:
        return super().load(key)


def _log_empty(error: Exception) -> None:
    """Say that 0.6's answer for an unreadable store hides an error."""
    _log.warning("The token store reads as empty: %s", error, exc_info=error)


def get_token_storage(config_dir: str | Path | None = None) -> TokenStorage:
    """Return the best store that works here: keyring, encrypted file, plain file.

    Args:
        config_dir: Folder for the files; ``~/.dash`` when omitted.
    """
    folder = Path(config_dir) if config_dir else _DEFAULT_DIR
    for make in (KeyringStorage, lambda: EncryptedFileStorage(folder)):
        try:
            return make()
        except TokenStoreError as error:
            _log.info("Not used for tokens: %s", error)
    return PlaintextFileStorage(folder)


def get_token_storage_or_raise(
    config_dir: str | Path | None = None, backend: str | None = None
) -> TokenStorage:
    """Return one kind of store, or the best that is not a plain file.

    Args:
        config_dir: Folder for the files; ``~/.dash`` when omitted.
        backend: ``keyring``, ``encrypted`` or ``plaintext``; the first two in turn when omitted.

    Raises:
        TokenStoreError: it does not work here.
    """
    folder = Path(config_dir) if config_dir else _DEFAULT_DIR
    if backend == "keyring":
        return KeyringStorage()
    if backend == "encrypted":
        return EncryptedFileStorage(folder)
    if backend == "plaintext":
        return PlaintextFileStorage(folder)
    try:
        return KeyringStorage()
    except TokenStoreError as error:
        _log.info("Not used for tokens: %s", error)
        return EncryptedFileStorage(folder)


def token_key(server_url: str) -> str:
    """Return the key under which the token of a server is kept."""
    parts = urlsplit(server_url if "//" in server_url else f"//{server_url}")
    return f"{TOKEN_KEY}@{parts.netloc.lower()}"


def load_token(server_url: str) -> str | None:
    """Return the stored token of a server; 0.6's one token when it has none of its own.

    Raises:
        TokenStoreError: the store cannot be read.
    """
    store = get_token_storage()
    return store.load(token_key(server_url)) or store.load(TOKEN_KEY)


class MalformedTokenError(AuthenticationError, ValueError):
    """A token that cannot be read."""

    code = "malformed-token"


def decode_jwt_payload(token: str) -> dict[str, Any]:
    """Return what a token says, unverified; empty, loudly, when it cannot be read, as in 0.6."""
    try:
        return decode_jwt_payload_or_raise(token)
    except MalformedTokenError as error:
        _log.warning("A token cannot be read: %s", error, exc_info=error)
        return {}


def decode_jwt_payload_or_raise(token: str) -> dict[str, Any]:
    """Return what a token says, unverified.

    Raises:
        MalformedTokenError: it is no JSON Web Token (is an ``AuthenticationError``).
    """
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        raise MalformedTokenError("The token is no JSON Web Token: it has not three parts")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        payload = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError):
        # Without the cause: its text quotes the token.
        raise MalformedTokenError("The token's middle part is no readable JSON") from None
    if not isinstance(payload, dict):
        raise MalformedTokenError("The token's middle part is no JSON object")
    return payload
