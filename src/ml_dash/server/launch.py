"""Starting a server: what it says, the first token, one or several processes."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import uvicorn
from sqlalchemy import select

import ml_dash
from ml_dash.exceptions import ConfigurationError, FileReadError, FileUploadError
from ml_dash.server.auth import tokens, users
from ml_dash.server.blobs import open_store
from ml_dash.server.database import Database
from ml_dash.server.ids import Ids
from ml_dash.server.logs import configure
from ml_dash.server.migrate import migrate
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import api_tokens
from ml_dash.server.web import protocol

GRACE_S = 30
"""How long requests may take to end when the server is told to."""

_APP = "ml_dash.server.web.app:from_environment"
_BIND_HINTS = {
    errno.EADDRINUSE: "Something listens there already, another server perhaps; give another "
    "--port, or 0 for any that is free",
    errno.EACCES: "Ports below 1024 are the system's: listen on a higher one, behind a proxy",
}
Say = Callable[[str], None]


def opened(settings: ServerSettings) -> Database:
    """Return the database of a server, made if need be, and up to date.

    Raises:
        ConfigurationError: it cannot be used, or the folder of the data cannot be made.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {settings.data} cannot be made: {error}", cause=error,
            hint="Give another one with --data",
        ) from error  # fmt: skip
    database = Database(settings.database_url)
    migrate(database)
    return database


def serve(settings: ServerSettings, say: Say) -> None:
    """Serve until SIGINT or SIGTERM; what was acknowledged is stored then.

    Args:
        settings: What to serve, and where.
        say: Tells the user where it listens and how to log in.

    Raises:
        ConfigurationError: something of that cannot be used.
    """
    with _listening(settings) as listening:
        _prepare(settings, listening.getsockname()[1], say)
        configure(settings.log_format)
        # The processes of the server, and this one when it is the only one, read these.
        os.environ.update(settings.as_env())
        config = uvicorn.Config(
            _APP, factory=True, workers=settings.workers, timeout_graceful_shutdown=GRACE_S,
            proxy_headers=True, **protocol.OPTIONS,
        )  # fmt: skip
        if settings.workers > 1:
            from uvicorn.supervisors import Multiprocess

            Multiprocess(config, sockets=[listening]).run()
        else:
            with _ended_by_sigterm():
                uvicorn.Server(config).run(sockets=[listening])


def _prepare(settings: ServerSettings, port: int, say: Say) -> None:
    """Look whether all places can be used, and only then make and show the first token."""
    with closing(opened(settings)) as database:
        _look_at_files(settings)
        token = None if settings.no_auth else first_token(database, settings.admin)
        for line in greeting(settings, port, token, database):
            say(line)


def _look_at_files(settings: ServerSettings) -> None:
    """Look whether files can be taken in and looked for.

    Raises:
        ConfigurationError: they cannot.
    """
    shown = settings.files_place.partition("?")[0]
    try:
        store = open_store(settings.files_place, settings.incoming)
        with store.intake():
            store.exists("0" * 64)
    except (OSError, FileUploadError, FileReadError) as error:
        raise ConfigurationError(
            f"Files cannot be kept in {shown}: {error.__cause__ or error}", cause=error,
            hint="Look at --files and at the rights of this user; for a bucket also at its region, "
            "its endpoint, and the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ) from error  # fmt: skip


class _ToldToEnd(BaseException):
    """SIGTERM came, before uvicorn listened to signals or after it has ended in peace."""


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM be a success: uvicorn ends in peace, and then raises the signal again."""

    def end(*_: object) -> None:
        raise _ToldToEnd

    before = signal.signal(signal.SIGTERM, end)
    try:
        with suppress(_ToldToEnd):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def first_token(database: Database, admin: str) -> str | None:
    """Make a token for an administrator if there is no token yet; None if there is one."""
    ids = Ids(database)
    with database.write() as connection:
        if connection.execute(select(api_tokens.c.id).limit(1)).first() is not None:
            return None
        user = users.ensure_user(connection, ids, admin)
        users.make_admin(connection, user.id)
        return tokens.make(connection, ids, user.id, "made at the first start").text


def greeting(
    settings: ServerSettings, port: int, token: str | None, database: Database
) -> list[str]:
    """Return what a starting server says."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    shown = settings.public_url or f"http://{host}:{port}"
    place = database.engine.url.render_as_string(hide_password=True)
    lines = [
        f"ml-dash server {ml_dash.__version__}",
        f"Listening  {shown}",
        f"Database   {place}",
        f"Files      {settings.files_place.partition('?')[0]}",
    ]
    if settings.no_auth:
        return [*lines, "Token      any will do: ML_DASH_TOKEN=any", "",
                "WARNING: no authentication: every process of this machine can read,",
                "change and delete everything. Use this for tests only."]  # fmt: skip
    log_in = f"Log in     ml-dash login --dash-url {shown} --auth-url {shown}"
    if token is None:
        return [*lines, "", log_in,
                f"New token  ml-dash server token create NAME --data {settings.data}"]  # fmt: skip
    return [
        *lines, "",
        f"The user {settings.admin!r} may do everything. Its token is shown this once:",
        "", f"    export ML_DASH_TOKEN={token}", "",
        "Use it at once:", "",
        f"    curl -H \"Authorization: Bearer $ML_DASH_TOKEN\" {shown}/api/me", "", log_in,
        f"In a script: Experiment(prefix=\"{settings.admin}/project/run\", dash_url=\"{shown}\")",
    ]  # fmt: skip


def _listening(settings: ServerSettings) -> socket.socket:
    """Return a bound socket, so that the port is known and free before anything is said."""
    with ExitStack() as failed:
        try:
            found: Any = socket.getaddrinfo(
                settings.host, settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP,
                flags=socket.AI_PASSIVE,
            )[0]  # fmt: skip
            # With its protocol: only then does asyncio send answers at once (TCP_NODELAY).
            listening = failed.enter_context(socket.socket(*found[:3]))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(found[4])
        except OSError as error:
            raise ConfigurationError(
                f"The server cannot listen on {settings.host}, port {settings.port}: {error}",
                hint=_BIND_HINTS.get(error.errno or 0, "Give an address of this machine (--host)"),
                cause=error,
            ) from error  # fmt: skip
        listening.listen(2048)
        listening.set_inheritable(True)
        failed.pop_all()
    return listening
