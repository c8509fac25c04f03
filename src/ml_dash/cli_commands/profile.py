"""``ml-dash profile``: who is logged in."""

from __future__ import annotations

import getpass
from typing import Any

import click

from ml_dash.cli_commands._call import json_option, note
from ml_dash.cli_commands._codes import DONE, NOT_AUTHENTICATED, as_in_06, code_of
from ml_dash.cli_commands._connect import connected, url_option
from ml_dash.cli_commands._output import put_json
from ml_dash.exceptions import CredentialsRejectedError, MLDashError

_LOG_IN = "Run `ml-dash login`, or set ML_DASH_TOKEN"


@click.command("profile")
@url_option
@json_option
@click.option("--cached", is_flag=True, help="Ask no server: print what the token says of itself.")
def command(url: str | None, as_json: bool, cached: bool) -> int:
    """Print who is logged in to a server, and until when.

    The server is asked; what it does not confirm is marked as not verified. Exit code 4 means that
    nobody is logged in, 5 that the server cannot be reached (by the flag cli_exit_codes, see
    `ml-dash migrate flags`; until then 0).
    """
    facts, code, what = _look(url, cached)
    if as_json:
        put_json(facts)
    else:
        _show(facts)
    return as_in_06(code, what)


def _look(url: str | None, cached: bool) -> tuple[dict[str, Any], int, str]:
    """Return what is known, the honest exit code, and why it is not 0."""
    from ml_dash.auth import login

    with connected(url) as client:
        facts: dict[str, Any] = {
            "authenticated": False, "remote_url": client.graphql_base_url, "local_user": _user(),
        }  # fmt: skip
        token = client.api_key
        if not token:
            return facts, NOT_AUTHENTICATED, "nobody is logged in"
        claims = login.claims(token)
        left_s = login.seconds_left(claims)
        if left_s is not None and left_s <= 0:
            facts["error"] = f"The token has expired. {_LOG_IN}."
            return facts, NOT_AUTHENTICATED, "the token has expired"
        if left_s is not None:
            facts["token_status"] = login.expiry_in_words(left_s)
        if not cached:
            try:
                user = client.get_current_user_or_raise()
            except MLDashError as error:
                return _unconfirmed(facts, claims, error)
            facts |= {"authenticated": True, "verified": True, "user": user, "source": "server"}
            return facts, DONE, ""
    facts |= {"authenticated": bool(claims), "verified": False, "user": claims, "source": "token"}
    if not claims:
        facts["warning"] = "The token says nothing of itself; ask the server, without --cached"
        return facts, NOT_AUTHENTICATED, "the token says nothing of itself"
    return facts, DONE, ""


def _unconfirmed(
    facts: dict[str, Any], claims: dict[str, Any], error: MLDashError
) -> tuple[dict[str, Any], int, str]:
    """Return what is known when the server does not confirm the token."""
    code = code_of(error)
    refused = isinstance(error, CredentialsRejectedError)
    facts["authenticated"] = bool(claims) and not refused
    facts |= {"verified": False, "user": claims, "source": "token"}
    facts["warning"] = f"{error}"
    return facts, code, "the token is refused" if refused else "the server confirmed nothing"


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None  # a user that the system has no name for


def _show(facts: dict[str, Any]) -> None:
    rows = {"Server": facts["remote_url"], "Local user": facts["local_user"]}
    if not facts["authenticated"]:
        click.echo("Not logged in.")
    else:
        user = facts["user"]
        click.echo("Logged in." if facts["verified"] else "Logged in, by what the token says.")
        rows |= {"Username": user.get("username"), "Name": user.get("name"),
                 "Email": user.get("email"), "User id": user.get("id") or user.get("sub"),
                 "Token": facts.get("token_status")}  # fmt: skip
    for name, value in rows.items():
        if value:
            click.echo(f"  {name:<11}{value}")
    for text in (facts.get("error"), facts.get("warning")):
        if text:
            note(f"Warning: {text}")
    if not facts["authenticated"] and "error" not in facts and "warning" not in facts:
        note(f"Hint: {_LOG_IN}.")
