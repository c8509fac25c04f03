"""Bringing a database up to date when a server starts.

A release changes tables only by a new file in ``migrations/versions``. All of an update is one
transaction; servers that start at the same time wait for each other.
"""

from __future__ import annotations

import logging
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
    try:
        with database.write() as connection:
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
    except SQLAlchemyError as error:
        shown = database.engine.url.render_as_string(hide_password=True)
        raise ConfigurationError(
            f"The database {shown} cannot be used: {str(error).splitlines()[0]}",
            hint="Check the address, that it runs, and that its user may make tables",
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
