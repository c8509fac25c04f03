"""Every environment variable of the package, named and explained in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from ml_dash.exceptions import ConfigurationError

ERROR_MODE: Final = "ML_DASH_ERROR_MODE"
"""``strict``, ``default`` or ``permissive``: what happens to errors (default: ``default``)."""
FUTURE: Final = "ML_DASH_FUTURE"
"""A release or flags whose behaviour is wanted now: ``0.9,-cli_exit_codes``."""
FUTURE_STRICT: Final = "ML_DASH_FUTURE_STRICT"
"""``1`` means ``ML_DASH_FUTURE=1.0``: what 1.0 will do (default: off)."""
DURABILITY: Final = "ML_DASH_DURABILITY"
"""``process`` (default), ``fsync`` or ``batch``: what "on disk" means when a call returns."""
BACKLOG_MAX_BYTES: Final = "ML_DASH_BACKLOG_MAX_BYTES"
"""How many bytes a run may hold in memory while its disk refuses writes (default: 64 MiB)."""
ECHO: Final = "ML_DASH_ECHO"
"""``0`` turns off the console echo of ``exp.log`` (default: on)."""
QUIET: Final = "ML_DASH_QUIET"
"""``1`` silences progress and status messages (default: off)."""
SPOOL_DIR: Final = "ML_DASH_SPOOL_DIR"
"""Where runs without a ``dash_root`` are kept until they are delivered."""
SPOOL_MAX_BYTES: Final = "ML_DASH_SPOOL_MAX_BYTES"
"""How much of such a run may wait for delivery, in bytes (default: 2 GiB)."""
CLOSE_TIMEOUT: Final = "ML_DASH_CLOSE_TIMEOUT"
"""How long the end of a run waits for delivery, in seconds; ``inf`` for ever (default: 60)."""
CONNECT_TIMEOUT: Final = "ML_DASH_CONNECT_TIMEOUT"
"""How long the start of a run tries to reach its server, in seconds (default: 30)."""
REQUEST_TIMEOUT: Final = "ML_DASH_REQUEST_TIMEOUT"
"""How long a connection of delivery may be silent, in seconds (default: 30)."""
HEARTBEAT_INTERVAL: Final = "ML_DASH_HEARTBEAT_INTERVAL"
"""After how many seconds without records a run tells its server that it lives; 0 never
(default: 30)."""

_TRUE = frozenset({"1", "true", "yes", "on", "y"})
_FALSE = frozenset({"0", "false", "no", "off", "n", ""})


def read_text(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return a variable that must be one of ``choices``.

    Raises:
        ConfigurationError: it is set to something else.
    """
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    if value.strip().lower() not in choices:
        raise _wrong(name, value, "one of " + ", ".join(choices))
    return value.strip().lower()


def read_int(name: str, default: int, minimum: int = 1) -> int:
    """Return a whole-number variable.

    Raises:
        ConfigurationError: it is no whole number, or below ``minimum``.
    """
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise _wrong(name, value, f"a whole number of at least {minimum}") from error
    if number < minimum:
        raise _wrong(name, value, f"a whole number of at least {minimum}")
    return number


def read_float(name: str, default: float, minimum: float = 0.0, more: str = "") -> float:
    """Return a number variable.

    Args:
        name: The variable.
        default: What it is when it is not set.
        minimum: The least that it may be.
        more: What else its reader takes, in words.

    Raises:
        ConfigurationError: it is no finite number, or below ``minimum``.
    """
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    allowed = f"a number of at least {minimum:g}{more}"
    try:
        number = float(value)
    except ValueError as error:
        raise _wrong(name, value, allowed) from error
    if not minimum <= number < float("inf"):
        raise _wrong(name, value, allowed)
    return number


def read_bool(name: str, default: bool) -> bool:
    """Return an on/off variable; an empty one is off, as in 0.6.

    Raises:
        ConfigurationError: it is set to a word that is neither.
    """
    value = os.environ.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _wrong(name, value, "1, true, yes, on, 0, false, no or off")


def _wrong(name: str, value: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {name} is {value!r}",
        hint=f"Set it to {allowed}, or unset it",
        context={"variable": name, "value": value},
    )


@dataclass(frozen=True)
class Settings:
    """What a run takes from the environment, read once when it is built."""

    durability: str = "process"
    backlog_max_bytes: int = 64 * 2**20
    echo: bool = True
    quiet: bool = False

    @classmethod
    def from_env(cls) -> Settings:
        """Read and check the environment.

        Raises:
            ConfigurationError: a variable has an impossible value.
        """
        return cls(
            durability=read_text(DURABILITY, cls.durability, ("process", "fsync", "batch")),
            backlog_max_bytes=read_int(BACKLOG_MAX_BYTES, cls.backlog_max_bytes, 0),
            echo=read_bool(ECHO, cls.echo),
            quiet=read_bool(QUIET, cls.quiet),
        )


@dataclass(frozen=True)
class DeliverySettings:
    """What delivery takes from the environment, read once when a run is built."""

    close_timeout_s: float = 60.0
    connect_timeout_s: float = 30.0
    request_timeout_s: float = 30.0
    spool_max_bytes: int = 2 * 2**30
    heartbeat_interval_s: float = 30.0

    @classmethod
    def from_env(cls) -> DeliverySettings:
        """Read and check the environment.

        Raises:
            ConfigurationError: a variable has an impossible value.
        """
        return cls(
            close_timeout_s=_read_patience(CLOSE_TIMEOUT, cls.close_timeout_s),
            connect_timeout_s=read_float(CONNECT_TIMEOUT, cls.connect_timeout_s),
            request_timeout_s=read_float(REQUEST_TIMEOUT, cls.request_timeout_s, 0.001),
            spool_max_bytes=read_int(SPOOL_MAX_BYTES, cls.spool_max_bytes, 0),
            heartbeat_interval_s=read_float(HEARTBEAT_INTERVAL, cls.heartbeat_interval_s),
        )


def _read_patience(name: str, default: float) -> float:
    """Return a number of seconds that may be infinite."""
    if os.environ.get(name, "").strip().lower() in ("inf", "infinite", "infinity"):
        return float("inf")
    return read_float(name, default, more=", or inf to wait for ever")
