"""Namespaces as callers name them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from ml_dash.server.auth import access, users
from ml_dash.server.auth.access import Caller
from ml_dash.server.ids import Ids


def open_namespace(connection: Connection, ids: Ids, caller: Caller, slug: str) -> Any:
    """Return a namespace to write to; one that an admin names is made when it is not there.

    Raises:
        MissingError: there is none for the caller.
        ForbiddenError: the caller may only read it.
    """
    if caller.admin and users.NAME.fullmatch(slug):
        users.ensure_namespace(connection, ids, slug)
    return access.namespace(connection, caller, slug, access.WRITER)
