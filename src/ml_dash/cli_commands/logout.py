"""``ml-dash logout``: forget the token of a server."""

from __future__ import annotations

import click

from ml_dash.cli_commands._call import note
from ml_dash.cli_commands._connect import server_url, url_option


@click.command("logout")
@url_option
def command(url: str | None) -> None:
    """Forget the token of a server; those of other servers stay.

    The token itself stays good until it expires or the server's owner revokes it.
    """
    import os

    from ml_dash.auth import token_storage
    from ml_dash.config import Config

    address = server_url(url)
    had = token_storage.load_token(address) is not None
    token_storage.delete_token(address)
    click.echo(f"You are logged out of {address}." if had
               else f"You were not logged in to {address}.")  # fmt: skip
    if os.environ.get("ML_DASH_TOKEN"):
        note("ML_DASH_TOKEN is set, and goes on being used.")
    if Config().api_key:
        note("The configuration has an api_key, which goes on being used.")
