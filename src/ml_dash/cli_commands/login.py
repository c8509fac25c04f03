"""``ml-dash login``: get a token for a server."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

import click

from ml_dash.cli_commands._call import detail, note
from ml_dash.cli_commands._connect import server_url, url_option


@click.command("login")
@url_option
@click.option("--auth-url", metavar="URL", help="The login service, if it is not the usual one.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def command(url: str | None, auth_url: str | None, no_browser: bool) -> None:
    """Log in to a server: confirm a code in a browser, on this machine or on any other.

    The token is kept for that server, in the system's keyring or in a file that only you can
    read; logins to other servers stay. On a machine without either, set ML_DASH_TOKEN instead.
    """
    from ml_dash.auth import login

    address = server_url(url)
    begun = login.begin(address, auth_url)
    started = begun.started
    click.echo(f"To log in to {address}, open\n\n    {started.verification_uri}\n")
    click.echo(f"and confirm the code\n\n    {started.user_code}\n")
    _show_qr(started.verification_uri_complete)
    click.echo(f"The code is good for {max(1, started.expires_in // 60)} minutes.")
    if not no_browser:
        _open(started.verification_uri_complete)
    with _waiting():
        token = begun.finish()
    click.echo(f"You are logged in to {address}.")
    left_s = login.seconds_left(login.claims(token))
    if left_s is not None:
        detail(login.expiry_in_words(left_s) + ".")
    note("Next: ml-dash profile, ml-dash list, ml-dash upload")


def _show_qr(address: str) -> None:
    """Draw the address as a QR code where somebody can see it; it is printed as well."""
    if not sys.stdout.isatty():
        return
    try:
        import qrcode
    except ModuleNotFoundError:
        detail("No QR code: pip install 'ml-dash[auth]' has what draws it.")
        return
    code = qrcode.QRCode(border=1)
    code.add_data(address)
    code.print_ascii(out=sys.stdout, invert=True)


def _open(address: str) -> None:
    """Open a browser, and say so only if one was opened."""
    import webbrowser

    try:
        opened = webbrowser.open(address)
    except webbrowser.Error as error:
        detail(f"No browser: {error}")
        opened = False
    note("A browser was opened there." if opened else "No browser could be opened here.")


def _waiting() -> AbstractContextManager[object]:
    """Return a block in which a spinner turns on stderr, where somebody can see it."""
    from ml_dash._base import console

    if not console.is_watched():
        note("Waiting for the confirmation ...")
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("Waiting for the confirmation; Ctrl-C ends it")
