"""The user's configuration: ``~/.dash/config.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml_dash._base import deprecate, fsio
from ml_dash.exceptions import (
    ConfigurationError,
    CorruptDataError,
    FileReadError,
    LocalWriteError,
    SerializationError,
)

__all__ = ["CONFIG_FILE", "DEFAULT_API_URL", "DEFAULT_CONFIG_DIR", "Config", "config"]  # noqa: F822


def _default_dir() -> Path:
    try:
        return Path.home() / ".dash"
    except RuntimeError:  # a user without a home: importing must work all the same
        return Path("~/.dash")


DEFAULT_CONFIG_DIR = _default_dir()
CONFIG_FILE = "config.json"
DEFAULT_API_URL = "https://api.dash.ml"


class Config:
    """Settings of the command line, kept in a file; each change is saved at once.

    A damaged or unreadable file reads as empty, as in 0.6; :meth:`load_or_raise` raises. It is
    moved aside, never overwritten, when something is saved.

    Args:
        config_dir: Folder of the file; ``~/.dash`` when omitted. Made at the first change.

    Raises:
        ConfigurationError: ``config_dir`` is omitted, and this user has no home.
    """

    DEFAULT_CONFIG_DIR = DEFAULT_CONFIG_DIR
    CONFIG_FILE = CONFIG_FILE

    def __init__(self, config_dir: str | Path | None = None) -> None:
        self._locate(config_dir)
        self._data = deprecate.answer(
            deprecate.rules(),
            "Config",
            self._unreadable_as_empty,
            lambda: _load(self.config_path),
            lambda error: isinstance(error, (CorruptDataError, FileReadError)),
        )

    @classmethod
    def load_or_raise(cls, config_dir: str | Path | None = None) -> Config:
        """Return the configuration; a missing file is an empty one.

        Args:
            config_dir: As for the class.

        Raises:
            CorruptDataError: the file is damaged.
            FileReadError: it cannot be read (is an ``OSError``).
            ConfigurationError: as for the class.
        """
        loaded = cls.__new__(cls)
        loaded._locate(config_dir)
        loaded._data = _load(loaded.config_path)
        return loaded

    def _locate(self, config_dir: str | Path | None) -> None:
        self.config_dir = Path(config_dir) if config_dir else DEFAULT_CONFIG_DIR
        if not config_dir and not self.config_dir.is_absolute():
            raise ConfigurationError(
                "This user has no home folder, so there is no place for the configuration",
                hint="Set HOME, or give config_dir",
            )
        self.config_path = self.config_dir / CONFIG_FILE
        self._unreadable = False

    def _unreadable_as_empty(self) -> dict[str, Any]:
        self._unreadable = True
        return {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting, or ``default``."""
        return self._data.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Change a setting and save.

        Args:
            key: Its name.
            value: Anything with a JSON form.

        Raises:
            SerializationError: the key is no text, or the value has no JSON form.
            LocalWriteError: it cannot be saved; the file is as it was.
        """
        if not isinstance(key, str):
            raise SerializationError(
                f"The name of a setting is {type(key).__name__}", hint="Give text"
            )
        self._save({**self._data, key: value})

    def delete(self, key: str) -> None:
        """Remove a setting and save; an absent one is fine.

        Raises:
            LocalWriteError: it cannot be saved; the file is as it was.
        """
        self._save({name: value for name, value in self._data.items() if name != key})

    def clear(self) -> None:
        """Remove all settings and save.

        Raises:
            LocalWriteError: it cannot be saved; the file is as it was.
        """
        self._save({})

    def save(self) -> None:
        """Write the file.

        Raises:
            LocalWriteError: it cannot be written; the file is as it was.
        """
        self._save(self._data)

    def _save(self, data: dict[str, Any]) -> None:
        content = _encode(data)
        try:
            self.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._unreadable and self.config_path.exists():
                fsio.move_aside(self.config_path)
            fsio.write_atomic(self.config_path, content, mode=0o600)
        except OSError as error:
            raise LocalWriteError(
                f"Cannot save {self.config_path}: {error.strerror or error}",
                kept="the settings as they were",
                hint="Make the folder writable",
                context={"path": str(self.config_path)},
                cause=error,
            ) from error
        self._unreadable = False
        self._data = data

    def __repr__(self) -> str:
        return f"Config({str(self.config_path)!r}, keys={sorted(self._data)})"

    @property
    def remote_url(self) -> str:
        """The server's address."""
        return str(self.get("remote_url") or DEFAULT_API_URL)

    @remote_url.setter
    def remote_url(self, value: str) -> None:
        self.set("remote_url", value)

    @property
    def api_key(self) -> str | None:
        """A token for the server."""
        value: str | None = self.get("api_key")
        return value

    @api_key.setter
    def api_key(self, value: str | None) -> None:
        self.set("api_key", value)

    @property
    def batch_size(self) -> int:
        """How many records an upload sends at once.

        Raises:
            ConfigurationError: the file has something else there.
        """
        value = self.get("default_batch_size", 100)
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(
                f"default_batch_size in {self.config_path} is {value!r}",
                hint="Set it to a whole number",
                cause=error,
            ) from error

    @batch_size.setter
    def batch_size(self, value: int) -> None:
        self.set("default_batch_size", value)

    @property
    def device_secret(self) -> str | None:
        """The secret by which the login service recognises this machine."""
        value: str | None = self.get("device_secret")
        return value

    @device_secret.setter
    def device_secret(self, value: str | None) -> None:
        self.set("device_secret", value)

    @property
    def auth_url(self) -> str | None:
        """Address of the login service, when it is not the usual one."""
        value: str | None = self.get("auth_url")
        return value

    @auth_url.setter
    def auth_url(self, value: str | None) -> None:
        self.set("auth_url", value)


def _encode(data: dict[str, Any]) -> bytes:
    try:
        return json.dumps(data, indent=2).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SerializationError(
            f"A setting has no JSON form: {error}",
            kept="the settings as they were",
            hint="Give text, numbers, true, false, None, or lists and objects of them",
            cause=error,
        ) from error


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise FileReadError(
            f"{path} cannot be read: {error.strerror or error}",
            kept="the file is untouched; the next change moves it aside",
            hint="Give yourself the right to read it",
            context={"path": str(path)},
            cause=error,
        ) from error
    except (ValueError, RecursionError):
        # Without the cause: it carries the file's content, which holds secrets.
        raise _damaged(path) from None
    if not isinstance(data, dict):
        raise _damaged(path)
    return data


def _damaged(path: Path) -> CorruptDataError:
    return CorruptDataError(
        f"{path} holds no readable settings",
        kept="the file is untouched; the next change moves it aside",
        hint="Mend the file, or remove it and run `ml-dash login` again",
        context={"path": str(path)},
    )


def __getattr__(name: str) -> Any:
    # Built on first use: importing this module must not read the disk.
    if name == "config":
        globals()["config"] = Config()
        return globals()["config"]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
