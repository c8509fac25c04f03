"""The server that a command talks to: its options, its address, its token."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from ml_dash.cli_commands._call import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_dash.client import RemoteClient


_SOON_S: Final = 3 * 86400.0


def url_option(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--dash-url``, as the argument ``url``."""
    return click.option(
        "--dash-url", "--api-url", "url", metavar="URL",
        help="The server; else the one in ~/.dash/config.json, in ML_DASH_API_URL, or ml-dash's.",
    )(func)  # fmt: skip


def key_option(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--api-key``, as the argument ``key``."""
    return click.option(
        "--api-key", "key", metavar="TOKEN",
        help="The token; better ML_DASH_TOKEN, as other users of the machine see options.",
    )(func)  # fmt: skip


def server_options(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--dash-url`` and ``--api-key``."""
    return url_option(key_option(func))


def prefix_option(
    *more: str, required: bool = False, text: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what gives a command ``--prefix`` in all spellings, as the argument ``prefix``.

    Args:
        *more: Further parts of the declaration.
        required: Whether it must be given.
        text: Its line of help.
    """
    return click.option(
        "-p", "--prefix", "--pref", "--proj", "--project", "prefix", *more, metavar="PREFIX",
        required=required, help=text,
    )  # fmt: skip


def server_url(given: str | None) -> str:
    """Return the address of the server that is meant.

    Args:
        given: The option's; else the configuration's, else ``ML_DASH_API_URL``, else ml-dash's.

    Raises:
        ConfigurationError: it is no address of a server.
        CorruptDataError, FileReadError: the configuration cannot be read, with its flag.
    """
    from ml_dash._base.secrecy import checked_url
    from ml_dash.config import Config
    from ml_dash.run import RUN

    return checked_url(given or Config().get("remote_url") or RUN.api_url)


def token_given(url: str, key: str | None) -> str | None:
    """Return the token that wins over the stored one; None leaves it to the client.

    The configuration's ``api_key`` is for the configured server only: no other shall see it.
    """
    import os

    from ml_dash.config import Config

    if key or os.environ.get("ML_DASH_TOKEN"):
        return key
    config = Config()
    return config.api_key if config.api_key and config.remote_url.rstrip("/") == url else None


@contextmanager
def connected(
    url: str | None, key: str | None = None, namespace: str | None = None
) -> Iterator[RemoteClient]:
    """Give the client of the server that is meant, and close it at the end.

    Args:
        url: The option's address.
        key: The option's token.
        namespace: Whose projects; the token's own when omitted.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    from ml_dash.client import RemoteClient

    address = server_url(url)
    token = token_given(address, key)
    client = RemoteClient(address, namespace, token, error_mode="strict", timeout_s=20.0)
    try:
        _tell_expiry(client.api_key)
        yield client
    finally:
        client.close()


def _tell_expiry(token: str | None) -> None:
    """Say that a token soon ends, while it is still good."""
    from ml_dash.auth import login

    left_s = login.seconds_left(login.claims(token)) if token else None
    if left_s is not None and 0 < left_s < _SOON_S:
        note(f"The token {login.expiry_in_words(left_s).lower()}; renew it with `ml-dash login`.")
