"""Users, their namespaces, and who is a member of which."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, select, update

from ml_dash.exceptions import UsageError
from ml_dash.server.auth.access import ADMIN, ROLES
from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.tables import members, namespaces, users
from ml_dash.server.upsert import insert_new, upsert

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", re.ASCII)


def ensure_user(connection: Connection, ids: Ids, username: str, **facts: Any) -> Any:
    """Return a user, made with a namespace of the same name when there is none.

    Raises:
        UsageError: the name cannot be one of a user.
    """
    if not NAME.fullmatch(username):
        raise UsageError(
            f"{username[:100]!r} cannot be the name of a user",
            hint="Use letters, digits and . _ @ + -, at most 100, beginning with one of the first",
        )
    made = {"id": ids.new(), "username": username, "admin": False, "created_ms": now_ms(), **facts}
    is_new = insert_new(connection, users, made)
    row = connection.execute(select(users).where(users.c.username == username)).one_or_none()
    if row is None:
        raise UsageError(
            f"The user {username!r} cannot be made: its token's subject is another user's"
        )
    if is_new:
        add_member(connection, ensure_namespace(connection, ids, username), row.id, ADMIN)
    return row


def ensure_namespace(connection: Connection, ids: Ids, slug: str) -> int:
    """Return the id of a namespace, made when there is none."""
    insert_new(connection, namespaces, {"id": ids.new(), "slug": slug, "created_ms": now_ms()})
    found = select(namespaces.c.id).where(namespaces.c.slug == slug)
    return int(connection.execute(found).scalar_one())


def add_member(connection: Connection, namespace_id: int, user_id: int, role: str) -> None:
    """Give a user a role in a namespace, in place of the one that it may have had.

    Raises:
        UsageError: there is no such role.
    """
    if role not in ROLES:
        raise UsageError(f"There is no role {role!r}", hint=f"Use one of {', '.join(ROLES)}")
    row = {"namespace_id": namespace_id, "user_id": user_id, "role": role}
    upsert(connection, members, [members.c.namespace_id, members.c.user_id], row, {"role": role})


def make_admin(connection: Connection, user_id: int) -> None:
    """Let a user do everything in every namespace."""
    connection.execute(update(users).where(users.c.id == user_id).values(admin=True))
