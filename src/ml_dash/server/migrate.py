"""Bringing a database up to date when a server starts.

A release changes tables only by a new file in ``migrations/versions``. All of an update is one
transaction; servers that start at the same time wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ml_dash._base.facts import about
from ml_dash.exceptions import ConfigurationError
from ml_dash.server.database import Database
from ml_dash.server.settings import ServerSettings

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 7_301_942_118  # any number that nobody else locks in this database
_log = logging.getLogger("ml_dash.server")


def migrate(database: Database) -> None:
    """Make or update the tables.

    Raises:
        ConfigurationError: the database is of a newer release, or cannot be used.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with _usable(database), database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = revision(connection)
        _refuse_newer(found, scripts)
        if found != scripts.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _log.info(
                "The database is at %s now", scripts.get_current_head(),
                extra=about("updating the database"),
            )  # fmt: skip


def existing(settings: ServerSettings) -> Database:
    """Return the database of a server that was started before, up to date.

    Commands use this, so that a mistyped place is an error and not a new, empty server.

    Raises:
        ConfigurationError: there is none, it cannot be used, or it is of a newer release.
    """
    file = settings.sqlite_file
    database = Database(settings.database_url)
    if (file is not None and not file.is_file()) or _found(database) is None:
        database.close()
        raise ConfigurationError(
            f"No server has been started on {_shown(database)}",
            hint="Give the --data or --database that the server was started with",
        )
    migrate(database)
    return database


def _found(database: Database) -> str | None:
    """Return the revision of a database; None for an empty one."""
    with _usable(database), database.read() as connection:
        return revision(connection)


def _shown(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=True)


@contextmanager
def _usable(database: Database) -> Iterator[None]:
    """Turn what a database raises into an error that says what to look at."""
    try:
        yield
    except SQLAlchemyError as error:
        hint = "Check the address, that it runs, and that its user may make tables"
        if database.engine.dialect.name == "sqlite":
            hint = "Check that its folder is there and may be written, and that the disk has room"
        raise ConfigurationError(
            f"The database {_shown(database)} cannot be used: {str(error).splitlines()[0]}",
            hint=hint,
            cause=error,
        ) from error


def revision(connection: Connection) -> str | None:
    """Return the revision of a database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(found: str | None, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The database is of a newer release of ml-dash: it is at revision {found}, and this "
            f"release knows up to {scripts.get_current_head()}",
            kept="the database, untouched",
            hint="Install the newer release, or restore a backup that was made with this one",
            context={"found": found, "known": scripts.get_current_head()},
        )
