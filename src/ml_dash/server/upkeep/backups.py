"""Backups of a server that runs on SQLite and a folder, taken while it runs.

    backup/ml-dash.db      the database at one moment
    backup/files/ab/abcd.. the bytes that it refers to; those that are there are not copied again
    backup/backup.json     of which release and when

The database is copied first: bytes are stored before what refers to them, so all that the copy
refers to is there. PostgreSQL and buckets have tools of their own, which the errors here name.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import text

import ml_dash
from ml_dash._base.fsio import sync_folder
from ml_dash.exceptions import ConfigurationError, CorruptDataError
from ml_dash.server import blobs
from ml_dash.server.blobs.store import name_of
from ml_dash.server.database import Database
from ml_dash.server.migrate import existing, migrate
from ml_dash.server.points.audit import problems
from ml_dash.server.records import files
from ml_dash.server.settings import ServerSettings

DATABASE = "ml-dash.db"
FILES = "files"
FACTS = "backup.json"


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore did.

    Attributes:
        files: Files copied.
        size_bytes: Their bytes.
        known: Files that were there already.
    """

    files: int
    size_bytes: int
    known: int


@dataclass(frozen=True)
class Examined:
    """What a check found.

    Attributes:
        problems: What is wrong in the database, a sentence each.
        files: How the database and the store of files agree.
    """

    problems: list[str]
    files: blobs.Checked

    @property
    def sound(self) -> bool:
        """Whether all is well."""
        return not self.problems and self.files.sound


def back_up(settings: ServerSettings, target: Path) -> Copied:
    """Copy a server's data into a folder; a backup that is there is brought up to date.

    Args:
        settings: Those of the server, which may be running.
        target: The folder; made if need be.

    Raises:
        ConfigurationError: the server keeps its data elsewhere, or the folder has other things.
        CorruptDataError: a file's bytes are missing; the backup has all else.
        OSError: the folder cannot be written.
    """
    source = database_file(settings)
    if target.exists() and any(target.iterdir()) and not (target / FACTS).exists():
        raise ConfigurationError(f"The folder {target} has things in it that are no backup",
                                 hint="Give an empty or a new folder")  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    facts = {"release": ml_dash.__version__, "at": datetime.now(timezone.utc).isoformat()}
    (target / FACTS).write_text(json.dumps(facts), "utf-8")
    made = target / f"{DATABASE}.part"
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(made)) as copy:
        live.backup(copy, pages=4096)
        copy.execute("PRAGMA journal_mode=DELETE")
    store = blobs.open_store(settings.files_place)
    done = _copy(_sizes(made), store, blobs.open_store(target / FILES))
    os.replace(made, target / DATABASE)  # only now is the backup that of this moment
    sync_folder(target)
    return done


def restore(settings: ServerSettings, source: Path) -> Copied:
    """Make a server's data from a backup; the server must not be running.

    Args:
        settings: Those of the server, whose data must not exist yet.
        source: The backup.

    Raises:
        ConfigurationError: this is no backup, or there is data already.
        CorruptDataError: bytes of a file are missing in the backup.
        OSError: the data cannot be written.
    """
    target = database_file(settings, must_exist=False)
    for part in (FACTS, DATABASE):  # the folder of a server has no facts, and more than its file
        if not (source / part).is_file():
            raise ConfigurationError(
                f"The folder {source} is no finished backup: it has no {part}",
                hint="Make one with `ml-dash server backup FOLDER`",
            )
    if target.exists():
        raise ConfigurationError(
            f"There is a database already: {target}", kept="that database, untouched",
            hint="Move it away, or give another --data",
        )  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    backup = blobs.open_store(source / FILES)
    made = target.with_name(f"{target.name}.part")
    shutil.copyfile(source / DATABASE, made)
    with closing(Database(f"sqlite:///{made}")) as database:
        migrate(database)  # refuses a backup of a newer release before there is anything
    done = _copy(_sizes(made), backup, blobs.open_store(settings.files_place))
    os.replace(made, target)
    sync_folder(target.parent)
    return done


def check(settings: ServerSettings, *, read_bytes: bool = False) -> Examined:
    """Look whether all that is stored agrees with itself; the server may be running.

    Args:
        settings: Those of the server.
        read_bytes: Also read every file and every point.

    Raises:
        ConfigurationError: there is no database.
        CorruptDataError: SQLite says that the database is damaged.
    """
    with closing(existing(settings)) as database, database.read() as connection:
        if connection.dialect.name == "sqlite":
            said = connection.exec_driver_sql("PRAGMA quick_check").scalar_one()
            if said != "ok":
                raise CorruptDataError(f"The database is damaged: {said}", hint="Restore a backup")
        else:  # one moment of it, as SQLite's transactions see it
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        found = list(problems(connection, read_all=read_bytes))
        sizes = files.sizes(connection)
    store = blobs.open_store(settings.files_place, settings.incoming)
    return Examined(found, blobs.check(store, sizes, read_bytes=read_bytes))


def database_file(settings: ServerSettings, *, must_exist: bool = True) -> Path:
    """Return the file of a server's database.

    Raises:
        ConfigurationError: it is on PostgreSQL, its files are in a bucket, or it does not exist.
    """
    found = settings.sqlite_file
    if found is None or settings.files_place.startswith("s3:"):
        raise ConfigurationError(
            "The server keeps its data in PostgreSQL or in a bucket",
            hint="Use pg_dump for the database first, and then the copying or versions of the "
            "bucket; `ml-dash server check` compares them after a restore",
        )
    if must_exist and not found.is_file():
        raise ConfigurationError(
            f"There is no database {found}", hint="Give the --data that the server was started with"
        )
    return found


def _sizes(database_path: Path) -> dict[str, int]:
    with closing(Database(f"sqlite:///{database_path}")) as database, database.read() as connection:
        return files.sizes(connection)


def _copy(sizes: dict[str, int], source: blobs.BlobStore, target: blobs.BlobStore) -> Copied:
    copied, copied_bytes, known, missing = 0, 0, 0, []
    for digest, size_bytes in sizes.items():
        there = target.place.look(name_of(digest))
        if there is not None and there.size_bytes == size_bytes:
            known += 1
        elif not source.exists(digest):
            missing.append(digest)
        else:
            with target.intake() as intake:
                for block in source.read(digest):
                    intake.write(block)
                intake.commit(digest, size_bytes)
            copied, copied_bytes = copied + 1, copied_bytes + size_bytes
    if missing:
        raise CorruptDataError(
            f"The bytes of {len(missing)} files are missing, the first is {missing[0]}",
            kept="all other files, copied", hint="Run `ml-dash server check`",
            context={"missing": missing},
        )  # fmt: skip
    return Copied(copied, copied_bytes, known)
