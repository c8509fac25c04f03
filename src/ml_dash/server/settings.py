"""Settings of the server: each an option of ``ml-dash server`` and a variable ``ML_DASH_SERVER_*``.

Processes of one server (``--workers``) take them from the environment of the first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from ml_dash._base.settings import read_bool, read_float, read_int
from ml_dash.exceptions import ConfigurationError

PREFIX: Final = "ML_DASH_SERVER_"
_DATABASES: Final = ("sqlite://", "postgresql+psycopg://", "postgresql://", "postgres://")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with.

    Attributes:
        data: The folder of the database, the files and the backups that no other place is given.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        workers: Processes that answer requests.
        database: SQLAlchemy URL; SQLite in ``data`` when empty.
        files: A folder, or ``s3://bucket/prefix``; a folder in ``data`` when empty.
        no_auth: Whether everybody may do everything.
        admin: Name of the user whose token the first start makes.
        public_url: How browsers reach the server; taken from the request when empty.
        jwt_secret: Secret of HS256 tokens; none are taken when empty.
        jwks_url: Where the public keys of RS256 and EdDSA tokens are; none are taken when empty.
        jwt_audience: Audience that tokens must have; any when empty.
        jwt_issuer: Issuer that tokens must have; any when empty.
        jwt_provision: Whether a valid token of an unknown user makes the user and its namespace.
        token_days: Days after which tokens of ``ml-dash login`` expire; 0 is never.
        key_days: Days for which answers under idempotency keys are kept; 0 is for ever.
        body_max_bytes: Largest body of a request that is no file.
        file_max_bytes: Largest file.
        batch_max: Most records in a request.
        page_max: Most records in an answer.
        rate_per_s: Requests that a token may send in a second, in the long run; 0 is any number.
        log_format: ``json`` or ``text``.
    """

    data: Path = Path("ml-dash-data")
    host: str = "127.0.0.1"
    port: int = 3000
    workers: int = 1
    database: str = ""
    files: str = ""
    no_auth: bool = False
    admin: str = "admin"
    public_url: str = ""
    jwt_secret: str = ""
    jwks_url: str = ""
    jwt_audience: str = ""
    jwt_issuer: str = ""
    jwt_provision: bool = True
    token_days: int = 0
    key_days: float = 1.0
    body_max_bytes: int = 64 << 20
    file_max_bytes: int = 100 << 30
    batch_max: int = 100_000
    page_max: int = 10_000
    rate_per_s: float = 1000.0
    log_format: str = "text"

    @classmethod
    def from_env(cls) -> ServerSettings:
        """Read the environment.

        Raises:
            ConfigurationError: a variable has an impossible value.
        """
        found = {each.name: _read(each.name, each.default) for each in fields(cls)}
        return cls(**found).checked()

    def with_options(self, options: Mapping[str, Any]) -> ServerSettings:
        """Return these with the options that were given.

        Raises:
            ConfigurationError: they do not go together.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return replace(self, **given).checked()

    def checked(self) -> ServerSettings:
        """Return these, if they go together.

        Raises:
            ConfigurationError: they do not.
        """
        if self.no_auth and self.host not in LOOPBACK:
            raise ConfigurationError(
                f"A server without authentication would be open to all who reach {self.host}",
                hint="Listen on 127.0.0.1, or leave out --no-auth and make tokens",
                context={"host": self.host},
            )
        if self.log_format not in ("json", "text"):
            raise ConfigurationError(
                f"The log format is {self.log_format!r}", hint="Use json or text"
            )
        if self.jwt_secret and len(self.jwt_secret) < 32:
            raise ConfigurationError(
                "The secret of JSON Web Tokens is shorter than 32 characters and could be guessed",
                hint=f"Set {PREFIX}JWT_SECRET to a long random text",
            )
        if self.database and not self.database.startswith(_DATABASES):
            raise ConfigurationError(
                f"The database {self.database.partition(':')[0]!r} is not known",
                hint="Use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
            )
        return self

    def as_env(self) -> dict[str, str]:
        """Return the variables from which :meth:`from_env` makes these again."""
        return {
            PREFIX + each.name.upper(): _text(getattr(self, each.name)) for each in fields(self)
        }

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        if not self.database:
            return f"sqlite:///{self.data.absolute() / 'ml-dash.db'}"
        if self.database.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + self.database.partition("://")[2]
        return self.database

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the database; None when it is on PostgreSQL."""
        start = "sqlite:///"
        url = self.database_url
        return Path(url[len(start) :]) if url.startswith(start) else None

    @property
    def files_place(self) -> str:
        """Where the bytes of files are."""
        return self.files or str(self.data.absolute() / "files")

    @property
    def incoming(self) -> Path:
        """The folder of what is on its way into a bucket."""
        return self.data.absolute() / "incoming"


def _read(name: str, default: Any) -> Any:
    variable = PREFIX + name.upper()
    if isinstance(default, bool):
        return read_bool(variable, default)
    if isinstance(default, int):
        return read_int(variable, default, 0)
    if isinstance(default, float):
        return read_float(variable, default)
    value = os.environ.get(variable, "").strip()
    return type(default)(value) if value else default


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
