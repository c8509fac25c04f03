"""What a caller may reach. What is not for them looks as if it did not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true

from ml_dash.server.errors import ForbiddenError, MissingError
from ml_dash.server.ids import parsed
from ml_dash.server.tables import experiments, members, namespaces, nodes, projects

READER, WRITER, ADMIN = "reader", "writer", "admin"
ROLES = (READER, WRITER, ADMIN)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        user_id: Their id.
        username: Their name, which is also that of their own namespace.
        admin: Whether they may do everything in every namespace.
        role: The most that their token allows.
        token: What the rate of requests is counted by.
        kind: ``api``, ``jwt``, ``login`` (may only be exchanged) or ``anyone`` (``--no-auth``).
        token_id: The id of an API token.
        stale: Whether it is time to note that the token is in use.
    """

    user_id: int
    username: str
    admin: bool
    role: str
    token: str
    kind: str = "api"
    token_id: int | None = None
    stale: bool = False


def least(one: str, other: str) -> str:
    """Return the role of the two that allows less."""
    return min(one, other, key=ROLES.index)


def role_in(connection: Connection, caller: Caller, namespace_id: int) -> str | None:
    """Return what a caller may do in a namespace; None when it does not exist for them."""
    if caller.admin:
        return caller.role
    found = connection.execute(
        select(members.c.role).where(
            members.c.namespace_id == namespace_id, members.c.user_id == caller.user_id
        )
    ).scalar_one_or_none()
    return None if found is None else least(found, caller.role)


def visible(caller: Caller, namespace_id: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a namespace is one that the caller may read."""
    if caller.admin:
        return true()
    own = select(members.c.namespace_id).where(members.c.user_id == caller.user_id)
    condition: ColumnElement[bool] = namespace_id.in_(own)
    return condition


def namespace(connection: Connection, caller: Caller, slug: str, need: str) -> Any:
    """Return a namespace by its name.

    Raises:
        MissingError: there is none for the caller.
        ForbiddenError: the caller may read it, but not do what needs the role ``need``.
    """
    row = connection.execute(select(namespaces).where(namespaces.c.slug == slug)).one_or_none()
    return _allowed(connection, caller, row, "namespace", slug, need, "id")


def project(connection: Connection, caller: Caller, project_id: object, need: str) -> Any:
    """Return a project by its id; raises as :func:`namespace`."""
    row = connection.execute(
        select(projects).where(projects.c.id == _number(project_id, "project"))
    ).one_or_none()
    return _allowed(connection, caller, row, "project", project_id, need)


def experiment(connection: Connection, caller: Caller, experiment_id: object, need: str) -> Any:
    """Return an experiment by its id; raises as :func:`namespace`."""
    statement = (
        select(experiments, projects.c.namespace_id)
        .join(projects, projects.c.id == experiments.c.project_id)
        .where(experiments.c.id == _number(experiment_id, "experiment"))
    )
    row = connection.execute(statement).one_or_none()
    return _allowed(connection, caller, row, "experiment", experiment_id, need)


def node(connection: Connection, caller: Caller, node_id: object, need: str) -> Any:
    """Return a node that is not deleted by its id; raises as :func:`namespace`."""
    statement = (
        select(nodes, projects.c.namespace_id)
        .join(projects, projects.c.id == nodes.c.project_id)
        .where(nodes.c.id == _number(node_id, "node"), nodes.c.gone == 0)
    )
    row = connection.execute(statement).one_or_none()
    return _allowed(connection, caller, row, "node", node_id, need)


def missing(what: str, which: object) -> MissingError:
    """Return the error for what is not there, or not for this caller."""
    shown = str(which)[:80]
    return MissingError(
        f"There is no {what} {shown!r} that this token can reach",
        hint="Check the name or id, and that the token's user is a member of the namespace",
        context={what: shown},
    )


def _number(text: object, what: str) -> int:
    number = parsed(text)
    if number is None:
        raise missing(what, text)
    return number


def _allowed(
    connection: Connection,
    caller: Caller,
    row: Any,
    what: str,
    which: object,
    need: str,
    column: str = "namespace_id",
) -> Any:
    role = None if row is None else role_in(connection, caller, getattr(row, column))
    if role is None:
        raise missing(what, which)
    if ROLES.index(role) < ROLES.index(need):
        raise ForbiddenError(
            f"The token allows its user to be a {role} of this {what}, and this needs a {need}",
            context={"role": role, "needed": need},
        )
    return row
