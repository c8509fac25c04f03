"""From the header of a request to its caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from ml_dash.exceptions import UsageError
from ml_dash.server.auth import tokens, users
from ml_dash.server.auth.access import ADMIN, Caller
from ml_dash.server.auth.jwts import Jwts
from ml_dash.server.database import Database
from ml_dash.server.errors import ForbiddenError, UnauthenticatedError
from ml_dash.server.ids import Ids
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import users as users_table

_PROFILE = ("email", "name", "given_name", "family_name", "picture")


class Gate:
    """Finds out who asks.

    Args:
        database: The server's database.
        ids: Gives out ids.
        settings: What is taken as a proof.
    """

    def __init__(self, database: Database, ids: Ids, settings: ServerSettings) -> None:
        self._database = database
        self._ids = ids
        self._settings = settings
        self._jwts = Jwts(settings)
        self._anyone: Caller | None = None

    def caller(self, authorization: str | None) -> Caller:
        """Return who sends a header.

        Raises:
            UnauthenticatedError: it proves nothing.
            ForbiddenError: it stands for a user that is not made here.
        """
        if self._settings.no_auth:
            return self._everybody()
        token = _bearer(authorization)
        if not tokens.looks_like_token(token) and token.count(".") == 2 and self._jwts.usable:
            return self._by_claims(self._jwts.claims(token), token)
        with self._database.read() as connection:
            found = tokens.find(connection, token)
        if found is None:
            raise _unknown("The token is unknown, revoked or expired")
        if found.stale and found.token_id is not None:
            with self._database.write() as connection:
                tokens.note_use(connection, found.token_id)
        return found

    def _everybody(self) -> Caller:
        if self._anyone is None:
            with self._database.write() as connection:
                row = users.ensure_user(connection, self._ids, self._settings.admin)
            self._anyone = Caller(row.id, row.username, True, ADMIN, "anyone", "anyone")
        return self._anyone

    def _by_claims(self, claims: Mapping[str, Any], token: str) -> Caller:
        subject = f"{claims.get('iss', '')} {claims['sub']}"[:700]
        with self._database.read() as connection:
            row = connection.execute(
                select(users_table).where(users_table.c.subject == subject)
            ).one_or_none()
        if row is None:
            row = self._provisioned(claims, subject)
        return Caller(row.id, row.username, row.admin, ADMIN, tokens.digest(token), "jwt")

    def _provisioned(self, claims: Mapping[str, Any], subject: str) -> Any:
        """Make the user that a token names. One that is there already is never taken over."""
        username = str(claims.get("username") or claims["sub"])
        if not self._settings.jwt_provision:
            raise ForbiddenError(f"The user {username[:100]!r} is not known here")
        profile = {key: claims[key] for key in _PROFILE if isinstance(claims.get(key), str)}
        try:
            with self._database.write() as connection:
                row = users.ensure_user(
                    connection, self._ids, username, subject=subject, **profile
                )
        except UsageError as error:
            raise ForbiddenError(error.message, hint=error.hint) from error
        if row.subject != subject:
            raise ForbiddenError(
                f"There is another user with the name {username!r} here",
                hint="Ask who runs the server for a token",
            )
        return row


def _bearer(authorization: str | None) -> str:
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise _unknown("The request carries no bearer token")
    return token.strip()


def _unknown(message: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        message,
        hint="Log in again, or ask who runs the server for a token",
        headers={"www-authenticate": 'Bearer realm="ml-dash"'},
    )
