"""API tokens: random, stored as digests only, with a name, an end, and a way to revoke them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select, update

from ml_dash.exceptions import UsageError
from ml_dash.server.auth.access import ADMIN, ROLES, Caller
from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.tables import api_tokens, users

_START = "mldash_"
A_DAY_MS = 86_400_000
NOTED_EVERY_MS = 600_000
"""How often it is noted that a token is in use."""


@dataclass(frozen=True)
class Made:
    """A token that was made; its text is nowhere else."""

    id: int
    text: str


def digest(text: str) -> str:
    """Return what is stored of a token. It is random and long: no salt and no slow hash needed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def looks_like_token(text: str) -> bool:
    """Return whether a text is an API token by its form."""
    return text.startswith(_START)


def make(
    connection: Connection,
    ids: Ids,
    user_id: int,
    name: str,
    *,
    role: str = ADMIN,
    kind: str = "api",
    life_ms: int | None = None,
) -> Made:
    """Make a token.

    Args:
        connection: An open write transaction.
        ids: Gives out ids.
        user_id: Whose it is.
        name: What it is for, to find it by.
        role: The most that it allows.
        kind: ``api``, or ``login`` for one that can only be exchanged for such a one.
        life_ms: How long it is valid, in milliseconds; for ever, when omitted.

    Raises:
        UsageError: there is no such role.
    """
    if role not in ROLES:
        raise UsageError(f"There is no role {role!r}", hint=f"Use one of {', '.join(ROLES)}")
    text = _START + secrets.token_urlsafe(32)
    now, token_id = now_ms(), ids.new()
    values = {
        "id": token_id, "digest": digest(text), "name": name, "kind": kind, "role": role,
        "user_id": user_id, "created_ms": now, "expires_ms": life_ms and now + life_ms,
    }  # fmt: skip
    connection.execute(api_tokens.insert().values(**values))
    return Made(token_id, text)


def find(connection: Connection, text: str) -> Caller | None:
    """Return who a token stands for; None when it is unknown, revoked or expired."""
    now = now_ms()
    statement = (
        select(api_tokens, users.c.username, users.c.admin)
        .join(users, users.c.id == api_tokens.c.user_id)
        .where(api_tokens.c.digest == digest(text), api_tokens.c.revoked_ms.is_(None))
        .where(or_(api_tokens.c.expires_ms.is_(None), api_tokens.c.expires_ms > now))
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return Caller(
        row.user_id, row.username, row.admin and row.role == ADMIN, row.role, row.digest, row.kind,
        row.id, stale=(row.last_used_ms or 0) < now - NOTED_EVERY_MS,
    )  # fmt: skip


def note_use(connection: Connection, token_id: int) -> None:
    """Note that a token is in use."""
    own = api_tokens.c.id == token_id
    connection.execute(update(api_tokens).where(own).values(last_used_ms=now_ms()))


def revoke(connection: Connection, token_id: int) -> bool:
    """Make a token invalid; return whether it was valid before."""
    own = (api_tokens.c.id == token_id) & api_tokens.c.revoked_ms.is_(None)
    done = connection.execute(update(api_tokens).where(own).values(revoked_ms=now_ms()))
    return done.rowcount > 0


def listed(connection: Connection) -> list[Any]:
    """Return all tokens with their users' names, the oldest first."""
    statement = (
        select(api_tokens, users.c.username)
        .join(users, users.c.id == api_tokens.c.user_id)
        .order_by(api_tokens.c.id)
    )
    return list(connection.execute(statement))
