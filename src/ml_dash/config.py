"""The user's configuration: ``~/.dash/config.json``."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash.exceptions import CorruptDataError, LocalWriteError

__all__ = ["CONFIG_FILE", "DEFAULT_API_URL", "DEFAULT_CONFIG_DIR", "Config", "config"]  # noqa: F822

_log = logging.getLogger("ml_dash.config")

DEFAULT_CONFIG_DIR = Path.home() / ".dash"
CONFIG_FILE = "config.json"
DEFAULT_API_URL = "https://api.dash.ml"


class Config:
    """Settings of the command line, kept in a file; each change is saved at once.

    A damaged file reads as empty, as in 0.6, and is logged; :meth:`load_or_raise` raises. It is
    moved aside, never overwritten, when something is saved.

    Args:
        config_dir: Folder of the file; ``~/.dash`` when omitted. Made at the first change.
    """

    DEFAULT_CONFIG_DIR = DEFAULT_CONFIG_DIR
    CONFIG_FILE = CONFIG_FILE

    def __init__(self, config_dir: str | Path | None = None) -> None:
        self.config_dir = Path(config_dir) if config_dir else DEFAULT_CONFIG_DIR
        self.config_path = self.config_dir / CONFIG_FILE
        self._damaged = False
        try:
            self._data = _load(self.config_path)
        except (CorruptDataError, OSError) as error:
            self._data = self._empty(error)

    @classmethod
    def load_or_raise(cls, config_dir: str | Path | None = None) -> Config:
        """Return the configuration; a missing file is an empty one.

        Raises:
            CorruptDataError: the file is damaged.
            OSError: it cannot be read.
        """
        path = Path(config_dir) if config_dir else DEFAULT_CONFIG_DIR
        _load(path / CONFIG_FILE)
        return cls(config_dir)

    def _empty(self, error: Exception) -> dict[str, Any]:
        """Give 0.6's answer for an unreadable file, loudly."""
        _log.warning("%s is unreadable and reads as empty: %s", self.config_path, error,
                     exc_info=error)  # fmt: skip
        self._damaged = isinstance(error, CorruptDataError)
        return {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return a setting, or ``default``."""
        return self._data.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Change a setting and save.

        Raises:
            LocalWriteError: it cannot be saved; the file is as it was.
        """
        self._save({**self._data, key: value})

    def delete(self, key: str) -> None:
        """Remove a setting and save; an absent one is fine."""
        self._save({name: value for name, value in self._data.items() if name != key})

    def clear(self) -> None:
        """Remove all settings and save."""
        self._save({})

    def save(self) -> None:
        """Write the file.

        Raises:
            LocalWriteError: it cannot be written; the file is as it was.
        """
        self._save(self._data)

    def _save(self, data: dict[str, Any]) -> None:
        content = json.dumps(data, indent=2).encode()
        try:
            self.config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._damaged and self.config_path.exists():
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
        self._damaged = False
        self._data = data

    def __repr__(self) -> str:
        return f"Config({str(self.config_path)!r}, keys={sorted(self._data)})"

    @property
    def remote_url(self) -> str:
        """The server's address."""
        return str(self.get("remote_url", DEFAULT_API_URL))

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
        """How many records an upload sends at once."""
        return int(self.get("default_batch_size", 100))

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


def _load(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _damaged(path) from error
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
