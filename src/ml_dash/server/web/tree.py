"""Projects, folders, experiments and files as nodes of a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from ml_dash.server.auth import access
from ml_dash.server.errors import MissingError, TakenError, UnfitError
from ml_dash.server.ids import parsed
from ml_dash.server.names import ONE_STEP
from ml_dash.server.records import files, nodes, removal
from ml_dash.server.records.places import open_namespace
from ml_dash.server.tables import nodes as nodes_table
from ml_dash.server.tables import projects
from ml_dash.server.web import ranges, shapes, uploads
from ml_dash.server.web.asking import Asked, Asker, values_reply
from ml_dash.server.web.bodies import Body, Name, Text, describes, parse, raw_body, unmarked
from ml_dash.server.web.openapi import bytes_of
from ml_dash.server.web.reading import page

router = APIRouter(prefix="/api", tags=["tree"])

ROOT = "ROOT"
_SEARCH_PAGE = 50
Metadata = Annotated[dict[str, Any] | None, AfterValidator(unmarked)]


class NodeBody(Body):
    """A project, a folder or an experiment to make; files are sent as multipart/form-data."""

    model_config = ConfigDict(
        extra="ignore", strict=True,
        json_schema_extra={"anyOf": [
            {"required": ["projectId"], "properties": {"projectId": {"type": "string"}}},
            {"required": ["projectSlug"], "properties": {"projectSlug": {"type": "string"}}},
            {"properties": {"type": {"const": "PROJECT"}}},
        ]},
    )  # fmt: skip

    type: Literal["PROJECT", "FOLDER", "EXPERIMENT"]
    name: Name = Field(json_schema_extra=ONE_STEP)
    slug: Name | None = Field(None, json_schema_extra=ONE_STEP)
    description: Text | None = None
    project_id: Text | None = Field(None, alias="projectId")
    project_slug: Name | None = Field(None, alias="projectSlug", json_schema_extra=ONE_STEP)
    parent_id: Text | None = Field(None, alias="parentId")
    experiment_id: Text | None = Field(None, alias="experimentId")
    tags: list[Text] | None = None
    bindrs: list[Text] | None = None
    metadata: Metadata = None
    write_protected: bool | None = Field(None, alias="writeProtected")


class ChangeBody(Body):
    """What to change of a node: the status of an experiment, or the facts of a file."""

    status: Literal["RUNNING", "COMPLETED", "FAILED", "CANCELLED", "ARCHIVED"] | None = None
    description: Text | None = None
    tags: list[Text] | None = None
    metadata: Metadata = None


@router.post("/namespaces/{namespace}/nodes", openapi_extra=uploads.described(NodeBody))
async def create_node(
    request: Request, namespace: str, who: Asker
) -> Response:  # fmt: skip
    """Make a project, folder or experiment (JSON) or a file (multipart/form-data).

    What is there already under its name is returned: a file gets the new content, an experiment
    runs again.
    """
    return await uploads.in_thread(request, lambda raw: _make(who, namespace, raw),
                                   lambda form: _store(who, namespace, form))  # fmt: skip


def _make(who: Asked, namespace: str, raw: bytes) -> Response:
    sent = parse(NodeBody, raw)
    with who.parts.database.write() as connection:
        space = open_namespace(connection, who.parts.ids, who.caller, namespace)
        if sent.type == "PROJECT":
            return values_reply(_project(who, connection, space, sent))
        project = _project_of(who, connection, space, sent)
        parent = _parent(connection, project, sent.parent_id, sent.type.lower())
        if sent.type == "FOLDER":
            experiment = _experiment_in(who, connection, project, sent.experiment_id)
            if parent is None and experiment is not None:
                parent = files.home(connection, experiment, nodes.TOP)
            made = nodes.ensure_folder(connection, who.parts.ids, project.id, parent, sent.name)
            return values_reply({"node": shapes.node(made)})
        experiment, made = nodes.ensure_experiment(
            connection, who.parts.ids, project.id, parent, sent.name, sent.model_dump()
        )
        return values_reply(
            {
                "experiment": shapes.experiment(experiment),
                "node": shapes.node(made),
                "project": shapes.project(project),
            }
        )


def _project(who: Asked, connection: Connection, space: Any, sent: NodeBody) -> dict[str, Any]:
    row, is_new = nodes.ensure_project(
        connection, who.parts.ids, space.id, sent.slug or sent.name, sent.name, sent.description
    )
    # Who sends a description means to make one; who does not, wants to have it (0.6's open).
    if not is_new and "description" in sent.model_fields_set:
        raise TakenError(
            f"There is a project {row.slug!r} in this namespace already",
            context={"projectId": str(row.id)},
        )
    return {"project": shapes.project(row), "node": {
        "id": str(row.node_id), "type": "PROJECT", "name": row.name, "parentId": None,
    }}  # fmt: skip


def _project_of(who: Asked, connection: Connection, space: Any, sent: NodeBody) -> Any:
    if sent.project_id is None:
        if sent.project_slug is None:
            raise UnfitError("The request names no project", hint="Send projectId or projectSlug")
        return nodes.ensure_project(connection, who.parts.ids, space.id, sent.project_slug)[0]
    row = access.project(connection, who.caller, sent.project_id, access.WRITER)
    if row.namespace_id != space.id:
        raise access.missing("project", sent.project_id)
    return row


def _experiment_in(who: Asked, connection: Connection, project: Any, text: str | None) -> Any:
    if text is None:
        return None
    row = access.experiment(connection, who.caller, text, access.WRITER)
    if row.project_id != project.id:
        raise access.missing("experiment", text)
    return row


def _parent(connection: Connection, project: Any, text: str | None, what: str) -> Any:
    if text is None or text == ROOT:
        return None
    number = parsed(text)
    if number is None:
        raise UnfitError("The parentId is no id", hint="Send ROOT or the id of a node")
    row = nodes.parent_of(connection, project.id, number, what)
    return None if row.type == "PROJECT" else row


def _store(who: Asked, namespace: str, form: uploads.Form) -> Response:
    fields = form.fields
    with who.parts.database.read() as connection:
        # Looked at before the bytes are stored, and again where the reference is.
        _target(who, connection, namespace, fields)
    blob = form.commit()
    with who.parts.database.write() as connection:
        experiment, parent = _target(who, connection, namespace, fields)
        row = files.put_file(
            connection, who.parts.ids, experiment, parent, fields["name"], blob, form.facts()
        )
        nodes.touch(connection, experiment.id)
    shown = shapes.node(row)
    return values_reply({"node": shown, "physicalFile": shown["physicalFile"]})


def _target(
    who: Asked, connection: Connection, namespace: str, fields: dict[str, str]
) -> tuple[Any, Any]:
    """Return the experiment and the node that a file goes into."""
    access.namespace(connection, who.caller, namespace, access.WRITER)
    experiment = access.experiment(connection, who.caller, fields["experimentId"], access.WRITER)
    if fields.get("projectId") not in (None, str(experiment.project_id)):
        raise access.missing("project", fields["projectId"])
    return experiment, home_of_file(connection, experiment, fields.get("parentId", ROOT))


def home_of_file(connection: Connection, experiment: Any, text: str) -> Any:
    """Return the node that a file of an experiment goes into.

    Raises:
        UnfitError: there is no such folder in it.
    """
    number = nodes.TOP if text == ROOT else parsed(text)
    parent = None if number is None else files.home(connection, experiment, number)
    if parent is None or parent.type not in ("FOLDER", "EXPERIMENT"):
        raise UnfitError("The parent of the file is no folder of this experiment",
                         context={"parentId": text[:80]})  # fmt: skip
    return parent


@router.get("/nodes/{node_id}")
def get_node(who: Asker, node_id: str) -> Response:
    """Return a node."""
    with who.parts.database.read() as connection:
        row = access.node(connection, who.caller, node_id, access.READER)
    return values_reply(shapes.node(row))


@router.head("/nodes/{node_id}/download", response_class=Response)
def download_facts(who: Asker, node_id: str) -> Response:
    """Return the headers of a download: its size, its checksum as the ETag, its name and type."""
    row = _file(who, node_id)
    headers = ranges.headers(0, row.size_bytes, row)
    return Response(headers=headers, media_type=ranges.media_type(row.content_type))


@router.get(
    "/nodes/{node_id}/download", response_class=Response, responses=bytes_of("*/*", partly=True)
)
def download(request: Request, who: Asker, node_id: str) -> Response:
    """Return the bytes of a file, or the range of them that is asked for."""
    row = _file(who, node_id)
    start, stop = ranges.asked(request.headers, row.size_bytes, row.sha256)
    blocks: Iterator[bytes] = who.parts.blobs.read(row.sha256, start, stop)
    headers = ranges.headers(start, stop, row)
    partial = (start, stop) != (0, row.size_bytes)
    return StreamingResponse(
        blocks, 206 if partial else 200, headers, media_type=ranges.media_type(row.content_type)
    )


def _file(who: Asked, node_id: str) -> Any:
    """Return the node of a file.

    Raises:
        MissingError: there is none for the caller.
    """
    with who.parts.database.read() as connection:
        row = access.node(connection, who.caller, node_id, access.READER)
    if row.type != "FILE":
        raise MissingError("The node is no file", context={"node": node_id})
    return row


@router.patch("/nodes/{node_id}", openapi_extra=describes(ChangeBody))
def change_node(
    who: Asker, node_id: str, raw: Annotated[bytes, Depends(raw_body)]
) -> Response:  # fmt: skip
    """Set the status of an experiment, or the description, tags and metadata of a node."""
    sent = parse(ChangeBody, raw)
    with who.parts.database.write() as connection:
        row = access.node(connection, who.caller, node_id, access.WRITER)
        if sent.status is not None and row.type != "EXPERIMENT":
            raise UnfitError(f"A {row.type.lower()} has no status")
        # The node before its experiment, in the order of those that open it: no deadlock.
        changed = nodes.change_node(connection, row, sent.model_dump(exclude={"status"}))
        if sent.status is not None:
            nodes.set_status(connection, row.experiment_id, sent.status)
    status = {} if sent.status is None else {"status": sent.status}
    return values_reply({**shapes.node(changed), **status})


@router.delete("/nodes/{node_id}")
def delete_node(who: Asker, node_id: str) -> dict[str, Any]:
    """Delete a file, or a folder of files; the bytes go when nothing refers to them."""
    with who.parts.database.write() as connection:
        row = access.node(connection, who.caller, node_id, access.WRITER)
        if row.type != "FILE" and (row.type != "FOLDER" or row.experiment_id is None):
            raise UnfitError(f"A node that is a {row.type.lower()} cannot be deleted here")
        at = files.remove_file(connection, row)
    return {"id": node_id, "deletedAt": shapes.moment(at)}


@router.delete("/projects/{project_id}")
def delete_project(who: Asker, project_id: str) -> dict[str, Any]:
    """Delete a project with all of its experiments."""
    with who.parts.database.write() as connection:
        row = access.project(connection, who.caller, project_id, access.ADMIN)
        done = removal.remove_project(connection, row)
    return {
        "projectId": project_id, "deleted": done.nodes, "experiments": done.experiments,
        "message": f"Deleted project {row.slug} with {done.experiments} experiments",
    }  # fmt: skip


@router.get("/search/files")
def search_files(
    who: Asker,
    pattern: Annotated[str, Query(min_length=1, max_length=500)],
    experiment_id: Annotated[str | None, Query(alias="experimentId")] = None,
    limit: Annotated[int | None, Query(ge=1)] = None,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Response:
    """Return files whose path matches ``*``, ``**`` and ``?``: of one experiment, or of all."""
    most = page(who, limit, _SEARCH_PAGE)
    with who.parts.database.read() as connection:
        within = access.visible(who.caller, projects.c.namespace_id)
        if experiment_id is not None:
            row = access.experiment(connection, who.caller, experiment_id, access.READER)
            within = nodes_table.c.experiment_id == row.id
        found = files.searched(connection, within, pattern, most, offset)
    return values_reply({"files": [{**shapes.node(each), "path": each.path[1:]} for each in found]})
