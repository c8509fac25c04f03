"""Files: nodes whose bytes are in the store of blobs, found by their SHA-256."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from ml_dash.server.blobs import Blob
from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.names import checked_name, checked_tags
from ml_dash.server.records.nodes import NODE_KEY, TOP, named
from ml_dash.server.tables import nodes, projects
from ml_dash.server.upsert import upsert, upsert_many

_WILD = frozenset("*?")
_CONTENT = (
    "sha256", "size_bytes", "updated_ms", "content_type", "description", "tags", "metadata",
)  # fmt: skip
"""What a file takes over that replaces another one."""


@dataclass(frozen=True)
class NewFile:
    """A file whose bytes are stored, and which is to be referred to.

    Attributes:
        parent: The node that it goes into.
        name: Its name there.
        blob: Its bytes.
        facts: What is said about it.
    """

    parent: Any
    name: str
    blob: Blob
    facts: Mapping[str, Any]


def put_file(
    connection: Connection,
    ids: Ids,
    experiment: Any,
    parent: Any,
    name: str,
    blob: Blob,
    facts: Mapping[str, Any],
) -> Any:
    """Store the reference to bytes under a name, in place of the file that has it."""
    row = _row(ids, experiment, NewFile(parent, name, blob, facts))
    return upsert(connection, nodes, NODE_KEY, row, {each: row[each] for each in _CONTENT})


def put_files(
    connection: Connection, ids: Ids, experiment: Any, files: Sequence[NewFile]
) -> list[int]:
    """Do what :func:`put_file` does for several files in turn; return the ids of their nodes."""
    # By place, so that two requests never wait for each other; those of one place in their order.
    rows = sorted((_row(ids, experiment, each) for each in files), key=_place_of)
    upsert_many(connection, nodes, NODE_KEY, rows, _CONTENT)
    found = _inserted(connection, rows)
    replaced = {_place_of(row) for row in rows} - found.keys()
    there = named(connection, experiment.project_id, "FILE", replaced)
    found |= {place: row.id for place, row in there.items()}
    return [found[(each.parent.id, each.name)] for each in files]


def _inserted(
    connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[int, str], int]:
    """Return the ids of those rows that were inserted, and did not change another, by place."""
    own = nodes.c.id.in_([row["id"] for row in rows])
    found = connection.execute(select(nodes.c.parent_id, nodes.c.name, nodes.c.id).where(own))
    return {(row[0], row[1]): row[2] for row in found}


def _row(ids: Ids, experiment: Any, new: NewFile) -> dict[str, Any]:
    """Return the row of a new file."""
    name, facts = checked_name(new.name, "file", slashes=True), new.facts
    folder = "" if new.parent.type == "EXPERIMENT" else new.parent.path
    now = now_ms()
    return {
        "id": ids.new(), "project_id": experiment.project_id, "parent_id": new.parent.id,
        "type": "FILE", "name": name, "gone": 0, "experiment_id": experiment.id,
        "path": f"{folder}/{name.lstrip('/')}", "created_ms": now, "updated_ms": now,
        "sha256": new.blob.sha256, "size_bytes": new.blob.size_bytes,
        "content_type": facts.get("content_type") or "application/octet-stream",
        "description": facts.get("description"), "tags": checked_tags(facts.get("tags") or []),
        "metadata": facts.get("metadata"),
    }  # fmt: skip


def _place_of(row: Mapping[str, Any]) -> tuple[int, str]:
    return row["parent_id"], row["name"]


def remove_file(connection: Connection, row: Any) -> int:
    """Mark a file, or a folder with all that is in it, as deleted; return when, in ms."""
    now = now_ms()
    gone = [row.id]
    level = [row.id]
    while level:
        inside = select(nodes.c.id).where(nodes.c.parent_id.in_(level), nodes.c.gone == 0)
        level = list(connection.execute(inside).scalars())
        gone += level
    for start in range(0, len(gone), 500):
        some = nodes.c.id.in_(gone[start : start + 500])
        values = {"gone": nodes.c.id, "deleted_ms": now, "updated_ms": now}
        connection.execute(update(nodes).where(some).values(values))
    return now


def listed(
    connection: Connection, experiment_ids: Collection[int], limit: int | None = None,
    offset: int = 0,
) -> list[Any]:  # fmt: skip
    """Return the files of experiments by path."""
    statement = select(nodes).where(_of(experiment_ids)).order_by(nodes.c.path, nodes.c.id)
    return list(connection.execute(statement.limit(limit).offset(offset)))


def counted(connection: Connection, experiment_ids: Collection[int]) -> dict[int, int]:
    """Return how many files each of some experiments has."""
    statement = select(nodes.c.experiment_id, func.count()).where(_of(experiment_ids))
    return {row[0]: row[1] for row in connection.execute(statement.group_by(nodes.c.experiment_id))}


def searched(
    connection: Connection, within: ColumnElement[bool], pattern: str, limit: int, offset: int
) -> list[Any]:
    """Return the files whose path matches a pattern; see :func:`matches`.

    Args:
        connection: An open transaction.
        within: Which files are looked at, by ``nodes`` and ``projects``.
        pattern: The pattern.
        limit: At most so many.
        offset: Skip so many.
    """
    statement = (
        select(nodes)
        .join(projects, projects.c.id == nodes.c.project_id)
        .where(nodes.c.type == "FILE", nodes.c.gone == 0, within)
        .order_by(nodes.c.path, nodes.c.id)
    )
    last = pattern.rpartition("/")[2]
    if last and not _WILD.intersection(last):
        statement = statement.where(nodes.c.path.endswith(f"/{last}", autoescape=True))
    with connection.execution_options(yield_per=1000).execute(statement) as rows:
        found = (row for row in rows if matches(row.path, pattern))
        return list(islice(found, offset, offset + limit))


def matches(path: str, pattern: str) -> bool:
    """Return whether a path matches: ``*`` and ``?`` stay in a folder, ``**`` is any folders."""
    steps = path.strip("/").split("/")
    reached = {0}  # how many steps of the path may be used up
    for part in pattern.strip("/").split("/"):
        if part == "**":
            reached = set(range(min(reached), len(steps) + 1))
            continue
        # Brackets are no wildcards here: names of files have them.
        shape = part.replace("[", "[[]")
        reached = {at + 1 for at in reached if at < len(steps) and fnmatchcase(steps[at], shape)}
        if not reached:
            return False
    return len(steps) in reached


def referenced(connection: Connection, digests: Collection[str]) -> set[str]:
    """Return those of some SHA-256 that a file refers to that is not deleted."""
    statement = select(nodes.c.sha256).where(nodes.c.sha256.in_(digests), nodes.c.gone == 0)
    return set(connection.execute(statement.distinct()).scalars())


def sizes(connection: Connection) -> dict[str, int]:
    """Return how many bytes each SHA-256 that a file refers to has."""
    statement = select(nodes.c.sha256, func.max(nodes.c.size_bytes))
    statement = statement.where(nodes.c.sha256.is_not(None), nodes.c.gone == 0)
    return {row[0]: row[1] for row in connection.execute(statement.group_by(nodes.c.sha256))}


def home(connection: Connection, experiment: Any, parent_id: int) -> Any:
    """Return the node in which a file of an experiment goes.

    Clients that cannot find the experiment's node, since it is deep in the tree, send ROOT.
    """
    wanted = experiment.node_id if parent_id == TOP else parent_id
    own = (nodes.c.id == wanted) & (nodes.c.experiment_id == experiment.id) & (nodes.c.gone == 0)
    return connection.execute(select(nodes).where(own)).one_or_none()


def _of(experiment_ids: Collection[int]) -> Any:
    own = nodes.c.experiment_id.in_(experiment_ids)
    return own & (nodes.c.type == "FILE") & (nodes.c.gone == 0)
