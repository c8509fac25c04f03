"""The kinds of token stores."""

from __future__ import annotations

import json
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ml_dash._base import deprecate, fsio
from ml_dash._base.attribution import warn_user
from ml_dash._base.facts import about
from ml_dash.exceptions import (
    DamagedTokensError,
    InvalidValueError,
    NotAuthenticatedError,
    RecoverableWarning,
    TokenStoreError,
)

_log = logging.getLogger("ml_dash.auth")

SERVICE_NAME: Final = "ml-dash"
_EXTRA: Final = 'pip install "ml-dash[auth]"'


class TokenStorage(ABC):
    """Keeps tokens by key."""

    @abstractmethod
    def store(self, key: str, value: str) -> None:
        """Keep a token.

        Raises:
            InvalidValueError: the token is no text.
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
            from keyring.backends import fail, null
            from keyring.errors import KeyringError
        except ImportError as error:
            raise TokenStoreError(
                f"The keyring package cannot be imported: {error}", hint=_EXTRA, cause=error
            ) from error
        try:
            found = keyring.get_keyring()
        # A wrong PYTHON_KEYRING_BACKEND or keyringrc.cfg comes as any of these.
        except (KeyringError, ImportError, AttributeError, TypeError, ValueError, OSError) as error:
            raise TokenStoreError(
                f"The keyring that is set up cannot be used: {type(error).__name__}: {error}",
                hint="Look at PYTHON_KEYRING_BACKEND and `keyring diagnose`",
                cause=error,
            ) from error
        if isinstance(found, (fail.Keyring, null.Keyring)):
            raise TokenStoreError("This system has no keyring that can be used")
        self._keyring: Any = keyring

    def store(self, key: str, value: str) -> None:
        """Keep a token; see :meth:`TokenStorage.store`."""
        _check_text(value)
        self._ask("store", lambda: self._keyring.set_password(SERVICE_NAME, key, value))
        if self.load(key) != value:  # some backends refuse without a word
            raise TokenStoreError(
                "The keyring did not keep the token", hint="Set ML_DASH_TOKEN instead"
            )

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
        except (KeyringError, OSError, RuntimeError, NotImplementedError) as error:
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.config_dir)!r})"

    def store(self, key: str, value: str) -> None:
        """Keep a token; see :meth:`TokenStorage.store`. A damaged file is moved aside first."""
        _check_text(value)
        try:
            tokens = self._tokens()
        except DamagedTokensError as error:
            _log.warning(
                "Tokens of before are set aside: %s", error,
                extra=about("storing a token", error, path=self.tokens_file),
            )  # fmt: skip
            tokens = {}
            self._write(lambda: fsio.move_aside(self.tokens_file))
        self._save({**tokens, key: value})

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
            data = self.tokens_file.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._cannot("read", error) from error
        try:
            tokens = json.loads(self._decode(data))
        except (ValueError, RecursionError) as error:
            if isinstance(error, TokenStoreError):
                raise
            # Without the cause: it carries the file's content, the tokens.
            raise self._damaged("is damaged") from None
        if not isinstance(tokens, dict) or not all(isinstance(v, str) for v in tokens.values()):
            raise self._damaged("is damaged")
        return tokens

    def _save(self, tokens: dict[str, str]) -> None:
        data = self._encode(json.dumps(tokens, indent=2).encode())

        def save() -> None:
            self._make_folder()
            fsio.write_atomic(self.tokens_file, data, mode=0o600)

        self._write(save)

    def _make_folder(self) -> None:
        self.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _write(self, call: Callable[[], object]) -> None:
        try:
            call()
        except OSError as error:
            raise self._cannot("write", error) from error

    def _cannot(self, what: str, error: OSError) -> TokenStoreError:
        return TokenStoreError(
            f"Cannot {what} {error.filename or self.tokens_file}: {error.strerror or error}",
            kept="the tokens as they were",
            hint=f"Make {self.config_dir} readable and writable, or set ML_DASH_TOKEN instead",
            context={"path": str(self.tokens_file)},
            cause=error,
        )

    def _damaged(self, what: str) -> DamagedTokensError:
        return DamagedTokensError(
            f"The token store {self.tokens_file} {what}",
            kept="the file is untouched; the next login moves it aside",
            hint="Mend it, run `ml-dash login` again, or set ML_DASH_TOKEN",
            context={"path": str(self.tokens_file)},
        )

    def _encode(self, data: bytes) -> bytes:
        return data

    def _decode(self, data: bytes) -> bytes:
        return data


class EncryptedFileStorage(_FileStorage):
    """Tokens in an encrypted file, with the key in a file beside it.

    Args:
        config_dir: The folder; made when it is missing.
        make_key: Make the key (and the folder) at once, as in 0.6; False leaves the disk alone
            until the first token is stored.

    Raises:
        TokenStoreError: cryptography is missing, or the key cannot be made, read or used.
    """

    def __init__(self, config_dir: str | Path, *, make_key: bool = True) -> None:
        super().__init__(config_dir, "tokens.encrypted")
        self.key_file = self.config_dir / "encryption.key"
        try:
            from cryptography.fernet import Fernet
        except ImportError as error:
            raise TokenStoreError(
                f"The cryptography package cannot be imported: {error}", hint=_EXTRA, cause=error
            ) from error
        self._fernet = Fernet
        if self.key_file.exists() or self.tokens_file.exists():
            self._cipher()  # a lost or damaged key is an error from the start
        elif make_key:
            self._write(self._make_key)

    def _make_key(self) -> None:
        """Make the key, unless another process is faster."""
        self._make_folder()
        own = self.key_file.with_name(f".{self.key_file.name}.{os.getpid()}~")
        fsio.write_atomic(own, self._fernet.generate_key(), mode=0o600)
        try:
            os.link(own, self.key_file)  # whole from the first moment, and never over another
        except FileExistsError as error:
            _log.info(
                "Another process was faster with the key: %s", error,
                extra=about("making a key", error),
            )  # fmt: skip
        finally:
            os.unlink(own)

    def _cipher(self) -> Any:
        try:
            return self._fernet(self.key_file.read_bytes())
        except FileNotFoundError as error:
            raise TokenStoreError(
                f"The token store {self.tokens_file} has lost its key, {self.key_file.name}",
                kept="the tokens, unreadable without the key",
                hint=f"Put the key back, or move {self.tokens_file.name} away and run "
                "`ml-dash login` again; ML_DASH_TOKEN works meanwhile",
                context={"path": str(self.key_file)},
                cause=error,
            ) from error
        except OSError as error:
            raise self._cannot("read", error) from error
        except ValueError:
            raise TokenStoreError(
                f"{self.key_file} holds no key",
                kept="the tokens, unreadable without the key",
                hint="Put the key back, or move both files away and run `ml-dash login` again",
                context={"path": str(self.key_file)},
            ) from None

    def _encode(self, data: bytes) -> bytes:
        # Tokens that nobody can read any more must stay readable for whoever finds their key.
        if not self.key_file.exists() and not self.tokens_file.exists():
            self._write(self._make_key)
        encrypted: bytes = self._cipher().encrypt(data)
        return encrypted

    def _decode(self, data: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        try:
            plain: bytes = self._cipher().decrypt(data)
        except InvalidToken:
            raise self._damaged("cannot be decrypted with the key beside it") from None
        return plain


_told = False


class PlaintextFileStorage(_FileStorage):
    """Tokens in a plain file that only its owner may read. Warns of it, once in a process.

    Args:
        config_dir: The folder; made at the first store.
        warn_now: Warn at once, as 0.6 printed; False waits until a token is stored.
    """

    def __init__(self, config_dir: str | Path, *, warn_now: bool = True) -> None:
        super().__init__(config_dir, "tokens.json")
        if warn_now:
            self._tell()

    def store(self, key: str, value: str) -> None:
        """Keep a token; see :meth:`TokenStorage.store`."""
        self._tell()
        super().store(key, value)

    def _tell(self) -> None:
        global _told
        if _told:
            return
        _told = True
        message = f"Tokens are kept unencrypted in {self.tokens_file}; to change that: {_EXTRA}"
        _log.warning(message, extra=about("storing a token", path=self.tokens_file))
        warn_user(message, RecoverableWarning)

    @deprecate.changes("PlaintextFileStorage.load")
    def load(self, key: str) -> str | None:
        """Return a token; None, as in 0.6, also when the file cannot be read."""
        return deprecate.answer(
            deprecate.rules(),
            "PlaintextFileStorage.load",
            lambda: None,
            lambda: super(PlaintextFileStorage, self).load(key),
        )

    def _find(self, key: str) -> str | None:
        return super().load(key)


def _check_text(value: object) -> None:
    if not isinstance(value, str):
        raise InvalidValueError(f"The token is {type(value).__name__}", hint="Give text")
