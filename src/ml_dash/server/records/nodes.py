"""Projects, folders and experiments: made once, however many clients make them at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from ml_dash.server.errors import UnfitError
from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.names import checked_name, checked_tags
from ml_dash.server.tables import experiments, nodes, projects
from ml_dash.server.upsert import insert_new, upsert

TOP = 0
STATUSES = ("RUNNING", "COMPLETED", "FAILED", "CANCELLED", "ARCHIVED")
NODE_KEY = [nodes.c.project_id, nodes.c.parent_id, nodes.c.type, nodes.c.name, nodes.c.gone]
"""What no two nodes have in common."""


def ensure_project(
    connection: Connection,
    ids: Ids,
    namespace_id: int,
    slug: str,
    name: str | None = None,
    description: str | None = None,
) -> tuple[Any, bool]:
    """Return a project by its slug, which is kept as it was sent, and whether it is new."""
    checked_name(slug, "project")
    now, project_id, node_id = now_ms(), ids.new(), ids.new()
    is_new = insert_new(
        connection,
        projects,
        {
            "id": project_id, "namespace_id": namespace_id, "node_id": node_id, "slug": slug,
            "name": name or slug, "description": description, "tags": [], "created_ms": now,
            "updated_ms": now,
        },
    )  # fmt: skip
    if is_new:
        made = _node(node_id, project_id, TOP, "PROJECT", slug, "/", None)
        connection.execute(nodes.insert().values(**made))
    own = (projects.c.namespace_id == namespace_id) & (projects.c.slug == slug)
    return connection.execute(select(projects).where(own)).one(), is_new


def parent_of(connection: Connection, project_id: int, parent_id: int, what: str) -> Any:
    """Return the folder or experiment in which something is to be made.

    Raises:
        UnfitError: it is of another project, or nothing can be in it.
    """
    own = (nodes.c.id == parent_id) & (nodes.c.project_id == project_id) & (nodes.c.gone == 0)
    row = connection.execute(select(nodes).where(own)).one_or_none()
    if row is None or row.type not in ("FOLDER", "EXPERIMENT", "PROJECT"):
        raise UnfitError(
            f"The parent of the {what} is no folder and no experiment of this project",
            hint="Send ROOT, or the id of a node that this server has returned",
            context={"parentId": str(parent_id)},
        )
    return row


def named(
    connection: Connection, project_id: int, kind: str, places: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Any]:
    """Return those nodes of a kind that are at some places: a parent's id, and a name in it."""
    found: dict[tuple[int, str], Any] = {}
    names: dict[int, list[str]] = defaultdict(list)
    for parent_id, name in places:
        names[parent_id].append(name)
    # By parent: only so the index is used down to the names.
    for parent_id, some in names.items():
        statement = select(nodes).where(
            nodes.c.project_id == project_id, nodes.c.parent_id == parent_id,
            nodes.c.type == kind, nodes.c.name.in_(some), nodes.c.gone == 0,
        )  # fmt: skip
        found |= {(parent_id, row.name): row for row in connection.execute(statement)}
    return found


def ensure_folder(
    connection: Connection,
    ids: Ids,
    project_id: int,
    parent: Any | None,
    name: str,
    experiment_id: int | None = None,
) -> Any:
    """Return the node of a folder, made when it is not there; its row is locked."""
    checked_name(name, "folder")
    inside = experiment_id if parent is None else parent.experiment_id
    return _ensure(connection, ids, project_id, parent, "FOLDER", name, inside)


def ensure_experiment(
    connection: Connection,
    ids: Ids,
    project_id: int,
    parent: Any | None,
    name: str,
    facts: Mapping[str, Any],
) -> tuple[Any, Any]:
    """Open an experiment: made when it is not there, and running again when it is.

    Args:
        connection: An open write transaction.
        ids: Gives out ids.
        project_id: Its project.
        parent: The node of its folder; None at the top of the project.
        name: Its name.
        facts: ``description``, ``tags``, ``bindrs``, ``metadata``, ``write_protected``, as given;
            what is not given stays as it is.

    Returns:
        The rows of the experiment and of its node.
    """
    checked_name(name, "experiment")
    if parent is not None and parent.experiment_id is not None:
        raise UnfitError("An experiment cannot be in another experiment")
    node = _ensure(connection, ids, project_id, parent, "EXPERIMENT", name, ids.new())
    now = now_ms()
    changes = {**_facts(facts), "status": "RUNNING", "last_seen_ms": now, "updated_ms": now}
    new = {
        "id": node.experiment_id, "project_id": project_id, "node_id": node.id, "name": name,
        "path": node.path[1:], "tags": [], "bindrs": [], "write_protected": False,
        "started_ms": now, "created_ms": now, **changes,
    }  # fmt: skip
    changes["ended_ms"] = None
    row = upsert(connection, experiments, [experiments.c.id], new, changes)
    return row, node


def set_status(connection: Connection, experiment_id: int, status: str) -> None:
    """Set the status of an experiment; an end is when it is not running."""
    now = now_ms()
    ended = None if status == "RUNNING" else now
    values = {"status": status, "ended_ms": ended, "last_seen_ms": now, "updated_ms": now}
    own = experiments.c.id == experiment_id
    connection.execute(update(experiments).where(own).values(**values))


def touch(connection: Connection, experiment_id: int) -> None:
    """Note that a run gave a sign of life; at most once a second, so that it costs little."""
    now = now_ms()
    own = (experiments.c.id == experiment_id) & (experiments.c.last_seen_ms < now - 1000)
    connection.execute(update(experiments).where(own).values(last_seen_ms=now))


def change_node(connection: Connection, row: Any, facts: Mapping[str, Any]) -> Any:
    """Change the description, tags or metadata of a node, and of its experiment; return it."""
    values = {**_facts(facts), "updated_ms": now_ms()}
    statement = update(nodes).where(nodes.c.id == row.id).values(**values).returning(*nodes.c)
    changed = connection.execute(statement).one()
    if row.type == "EXPERIMENT":
        own = experiments.c.id == row.experiment_id
        connection.execute(update(experiments).where(own).values(**values))
    return changed


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    known = ("description", "tags", "bindrs", "metadata", "write_protected")
    given = {name: facts[name] for name in known if facts.get(name) is not None}
    for name in ("tags", "bindrs"):
        if name in given:
            given[name] = checked_tags(given[name])
    return given


def _ensure(
    connection: Connection,
    ids: Ids,
    project_id: int,
    parent: Any | None,
    kind: str,
    name: str,
    experiment_id: int | None,
) -> Any:
    parent_id = TOP if parent is None else parent.id
    path = f"{_folder_path(parent)}/{name}"
    made = _node(ids.new(), project_id, parent_id, kind, name, path, experiment_id)
    return upsert(connection, nodes, NODE_KEY, made, {"updated_ms": made["updated_ms"]})


def _folder_path(parent: Any | None) -> str:
    """Return the path of a parent; what is in an experiment begins there."""
    if parent is None or parent.type in ("EXPERIMENT", "PROJECT"):
        return ""
    return str(parent.path)


def _node(
    node_id: int,
    project_id: int,
    parent_id: int,
    kind: str,
    name: str,
    path: str,
    experiment_id: int | None,
) -> dict[str, Any]:
    now = now_ms()
    return {
        "id": node_id, "project_id": project_id, "parent_id": parent_id, "type": kind,
        "name": name, "gone": 0, "experiment_id": experiment_id, "path": path, "tags": [],
        "created_ms": now, "updated_ms": now,
    }  # fmt: skip
