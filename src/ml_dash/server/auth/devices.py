"""Logins of devices: a code that is shown there and confirmed by a user elsewhere."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, select, update

from ml_dash.server.auth import tokens
from ml_dash.server.auth.access import Caller
from ml_dash.server.errors import ForbiddenError, MissingError, TooManyError
from ml_dash.server.ids import now_ms
from ml_dash.server.tables import device_logins

if TYPE_CHECKING:
    from ml_dash.server.parts import Parts

LIFE_S: Final = 600
POLL_S: Final = 5
MOST_WAITING: Final = 10_000
_EXCHANGE_S: Final = 300
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ23456789"  # none that are taken for another


class States:
    """What may have become of a login."""

    PENDING: Final = "pending"
    GRANTED: Final = "granted"
    DENIED: Final = "denied"
    EXPIRED: Final = "expired"


class Devices:
    """Begins, confirms and ends logins.

    Args:
        parts: The server's parts.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def start(self, client_id: str, secret: str) -> str:
        """Begin a login and return its code; one of the same device that was begun ends.

        Raises:
            TooManyError: too many wait already.
        """
        code = "".join(secrets.choice(_LETTERS) for _ in range(8))
        now = now_ms()
        with self._parts.database.write() as connection:
            connection.execute(
                delete(device_logins).where(
                    (device_logins.c.secret_digest == tokens.digest(secret))
                    | (device_logins.c.expires_ms < now)
                )
            )
            self._check_room(connection)
            row = {
                "user_code": code, "secret_digest": tokens.digest(secret), "client_id": client_id,
                "state": States.PENDING, "created_ms": now, "expires_ms": now + LIFE_S * 1000,
            }  # fmt: skip
            connection.execute(device_logins.insert().values(**row))
        return f"{code[:4]}-{code[4:]}"

    def _check_room(self, connection: Connection) -> None:
        """Bound what those can store whom nobody knows."""
        count = select(func.count()).select_from(device_logins)
        if connection.execute(count).scalar_one() >= MOST_WAITING:
            raise TooManyError(
                f"{MOST_WAITING} logins wait to be confirmed", hint="Try again in some minutes",
                headers={"retry-after": str(LIFE_S // 10)},
            )  # fmt: skip

    def settle(self, code: str, caller: Caller, grant: bool) -> None:
        """Confirm or deny a login.

        Raises:
            ForbiddenError: the caller's token cannot confirm one.
            MissingError: there is no such code, or not any more.
        """
        if caller.kind == "login":
            raise ForbiddenError("The token of a login cannot confirm another")
        asked = device_logins.c.user_code == code.replace("-", "").strip().upper()
        waiting = (device_logins.c.state == States.PENDING) & (
            device_logins.c.expires_ms > now_ms()
        )
        values = {
            "state": States.GRANTED if grant else States.DENIED,
            "user_id": caller.user_id, "role": caller.role,
        }  # fmt: skip
        with self._parts.database.write() as connection:
            statement = update(device_logins).where(asked, waiting).values(**values)
            done = connection.execute(statement).rowcount
        if not done:
            raise MissingError(
                "There is no such code, or it was used or has expired",
                hint="Start the login again on the device",
            )

    def poll(self, secret: str) -> tuple[str, str | None]:
        """Return the state of a device's login, and once, when it is granted, a token for it."""
        own = device_logins.c.secret_digest == tokens.digest(secret)
        with self._parts.database.write() as connection:
            row = connection.execute(select(device_logins).where(own)).one_or_none()
            if row is None or row.expires_ms <= now_ms():
                return States.EXPIRED, None
            if row.state != States.GRANTED:
                return row.state, None
            return States.GRANTED, self._token(connection, row)

    def _token(self, connection: Connection, row: Any) -> str:
        own = device_logins.c.user_code == row.user_code
        connection.execute(delete(device_logins).where(own))
        made = tokens.make(
            connection, self._parts.ids, row.user_id, "a login", role=row.role, kind="login",
            life_ms=_EXCHANGE_S * 1000,
        )  # fmt: skip
        return made.text
