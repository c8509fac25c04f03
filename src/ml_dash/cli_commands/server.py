"""``ml-dash server``: run a server, and look after its tokens and its data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ml_dash.exceptions import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from ml_dash.server.settings import ServerSettings

_EXTRA = frozenset({
    "alembic", "fastapi", "graphql", "jwt", "mcap", "numpy", "obstore", "prometheus_client",
    "psycopg", "pyarrow", "python_multipart", "sqlalchemy", "starlette", "tsdownsample", "uvicorn",
})  # fmt: skip
_META = "ml_dash.server.options"
F = TypeVar("F", bound=Callable[..., Any])

_PRODUCTION = """\b
A server for a laboratory wants:
  a name and TLS   a reverse proxy (nginx, Caddy) in front that ends TLS and passes
                   bodies on as they come; --host stays 127.0.0.1
  more processes   --workers 4 and --database postgresql+psycopg://user@host/name
  files            --files s3://bucket/prefix, or a folder that is backed up
  backups          ml-dash server backup FOLDER, by a timer; server check after it
  a watch          /health, /ready, and Prometheus on /metrics
Every option is also a variable ML_DASH_SERVER_..., as in ML_DASH_SERVER_PORT=80; further ones
are in docs/server.md."""


def _remember(context: click.Context, option: click.Parameter, value: object) -> None:
    if value is not None:
        context.meta[_META] = {**context.meta.get(_META, {}), str(option.name): value}


def _place(function: F) -> F:
    """Let a command say where the data is, as the group does, also behind its own name."""
    for add in (
        click.option("--files", expose_value=False, callback=_remember,
                     help="Folder or s3://bucket/prefix of the bytes of files."),
        click.option("--database", expose_value=False, callback=_remember,
                     help="postgresql+psycopg://... instead of SQLite in the folder."),
        click.option("--data", expose_value=False, callback=_remember,
                     type=click.Path(file_okay=False, path_type=Path),
                     help="Folder of everything.  [default: ml-dash-data]"),
    ):  # fmt: skip
        function = add(function)
    return function


@click.group("server", invoke_without_command=True, epilog=_PRODUCTION)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 is a free one.  [3000]")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path),
              help="Folder of everything.  [default: ml-dash-data]")  # fmt: skip
@click.option("--database", help="postgresql+psycopg://... instead of SQLite in the folder.")
@click.option("--files", help="Folder or s3://bucket/prefix for the bytes of files.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes.  [default: 1]")
@click.option("--no-auth", is_flag=True, default=None,
              help="Everybody on this machine may do everything; for tests.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), help="[default: text]")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Run a server that scripts deliver to: one line, one folder, no other service.

    The first start makes an administrator and shows its token.
    """
    context.meta[_META] = options
    if context.invoked_subcommand is None:
        settings = _settings(context)
        from ml_dash.server.launch import serve

        serve(settings, click.echo)


@command.group("token")
def token() -> None:
    """Make, list and revoke tokens."""


@token.command("create")
@click.argument("name")
@click.option("--user", help="Whose token; made with a namespace if need be.  [the administrator]")
@click.option("--role", type=click.Choice(["reader", "writer", "admin"]), default="admin",
              show_default=True, help="The most that it allows.")  # fmt: skip
@click.option("--days", type=click.IntRange(1, 36500), help="How long it is valid.  [for ever]")
@_place
@click.pass_context
def create(
    context: click.Context, name: str, user: str | None, role: str, days: int | None
) -> None:
    """Make a token called NAME and print it; it is stored nowhere."""
    settings = _settings(context)
    from ml_dash.server.auth import tokens, users
    from ml_dash.server.ids import Ids
    from ml_dash.server.migrate import existing

    database = existing(settings)
    ids = Ids(database)
    life_ms = days and days * tokens.A_DAY_MS
    with database.write() as connection:
        row = users.ensure_user(connection, ids, user or settings.admin)
        made = tokens.make(connection, ids, row.id, name, role=role, life_ms=life_ms)
    database.close()
    click.echo(made.text)


@token.command("list")
@_place
@click.pass_context
def list_tokens(context: click.Context) -> None:
    """List tokens by id; not what they are, which nobody knows."""
    settings = _settings(context)
    from ml_dash.server.auth import tokens
    from ml_dash.server.migrate import existing

    database = existing(settings)
    with database.read() as connection:
        rows = tokens.listed(connection)
    database.close()
    for row in rows:
        state = "revoked" if row.revoked_ms else _until(row.expires_ms)
        used = _day(row.last_used_ms) if row.last_used_ms else "never"
        click.echo(f"{row.id}  {row.username}  {row.role}  {state}  used {used}  {row.name!r}")


@token.command("revoke")
@click.argument("token_id", metavar="ID", type=int)
@_place
@click.pass_context
def revoke(context: click.Context, token_id: int) -> None:
    """Make the token ID invalid from now on."""
    settings = _settings(context)
    from ml_dash.server.auth import tokens
    from ml_dash.server.migrate import existing

    database = existing(settings)
    with database.write() as connection:
        done = tokens.revoke(connection, token_id)
    database.close()
    if not done:
        raise ConfigurationError(
            f"There is no valid token {token_id}", hint="See `ml-dash server token list`"
        )
    click.echo(f"Revoked {token_id}")


@command.command("member")
@click.argument("namespace")
@click.argument("user")
@click.argument("role", type=click.Choice(["reader", "writer", "admin"]))
@_place
@click.pass_context
def member(context: click.Context, namespace: str, user: str, role: str) -> None:
    """Let USER be a ROLE of NAMESPACE; both are made if need be."""
    settings = _settings(context)
    from ml_dash.server.auth import users
    from ml_dash.server.ids import Ids
    from ml_dash.server.migrate import existing

    database = existing(settings)
    ids = Ids(database)
    with database.write() as connection:
        row = users.ensure_user(connection, ids, user)
        users.add_member(connection, users.ensure_namespace(connection, ids, namespace), row.id,
                         role)  # fmt: skip
    database.close()
    click.echo(f"{user} is a {role} of {namespace}")


@command.command("backup")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_place
@click.pass_context
def backup(context: click.Context, folder: Path) -> None:
    """Copy all data to FOLDER while the server runs; again brings the copy up to date."""
    settings = _settings(context)
    from ml_dash.server.upkeep.backups import back_up

    done = back_up(settings, folder)
    click.echo(f"{folder}: the database, {done.files} files copied ({done.size_bytes} bytes), "
               f"{done.known} known")  # fmt: skip


@command.command("restore")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_place
@click.pass_context
def restore(context: click.Context, folder: Path) -> None:
    """Make the data of a server that has none from the backup in FOLDER."""
    settings = _settings(context)
    from ml_dash.server.upkeep import backups

    done = backups.restore(settings, folder)
    click.echo(f"Restored the database and {done.files} files ({done.size_bytes} bytes)")


@command.command("check")
@click.option("--read-bytes", is_flag=True,
              help="Also read every point, and every file to compare its SHA-256.")  # fmt: skip
@_place
@click.pass_context
def check(context: click.Context, read_bytes: bool) -> int:
    """Tell whether the database is whole and all files that it knows are there.

    Exits with 1 when something is missing or wrong.
    """
    settings = _settings(context)
    from ml_dash.server.upkeep import backups

    done = backups.check(settings, read_bytes=read_bytes)
    for problem in done.problems:
        click.echo(f"wrong    {problem}")
    found = done.files
    for word, digests in (("missing", found.missing), ("wrong  ", found.wrong)):
        for digest in digests:
            click.echo(f"{word}  file {digest}")
    click.echo(
        f"{found.blobs} files, {found.size_bytes} bytes: {len(found.missing)} missing, "
        f"{len(found.wrong)} wrong, {len(found.unreferenced)} to be collected; "
        f"{len(done.problems)} problems in the database"
    )
    if found.unfinished:
        click.echo(
            f"{len(found.unfinished)} uploads not finished, {sum(found.unfinished)} bytes; each is "
            "removed a day after its last piece came"
        )
    return 0 if done.sound else 1


def _settings(context: click.Context) -> ServerSettings:
    """Return the settings of the environment, with the options that were given.

    Raises:
        ConfigurationError: they cannot be used.
        MissingDependencyError: the extra is not installed.
    """
    try:
        import ml_dash.server.launch  # noqa: F401 - all that a server needs
        from ml_dash.server.settings import ServerSettings
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        raise MissingDependencyError(
            f"The server needs the package {package!r}, which is not installed",
            hint='pip install "ml-dash[server]"', context={"package": package}, cause=error,
        ) from error  # fmt: skip
    return ServerSettings.from_env().with_options(context.meta[_META])


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, timezone.utc):%Y-%m-%d}"


def _until(expires_ms: int | None) -> str:
    if expires_ms is None:
        return "valid"
    moment = datetime.fromtimestamp(expires_ms / 1000, timezone.utc)
    word = "until" if moment > datetime.now(timezone.utc) else "expired"
    return f"{word} {_day(expires_ms)}"
