"""Projects, folders and runs: the server's tree of nodes."""

from __future__ import annotations

from typing import Any

from ml_dash._base.deprecate import anything, changes
from ml_dash._remote import documents, errors, replies
from ml_dash._remote.calls import encoded, given
from ml_dash._remote.transport import route
from ml_dash._remote.users import UserCalls
from ml_dash.exceptions import (
    MLDashError,
    NamespaceNotFoundError,
    ProjectNotFoundError,
    RemoteNotFoundError,
    RemoteRejectedError,
)

ROOT = "ROOT"
_CONFLICT = 409


class NodeCalls(UserCalls):
    """Find, make and change projects and runs."""

    _project_ids: dict[tuple[str, str], str]
    _node_ids: dict[str, str]
    _folder_ids: dict[tuple[str, str | None, str, str], str]

    # -- projects --------------------------------------------------------------------------------

    @changes("RemoteClient.get_project_id")
    def get_project_id(self, project_slug: str) -> str | None:
        """Return a project's id; None if there is no such project, and if anything went wrong.

        The siblings ``get_project_id_or_none`` and ``get_project_id_or_raise`` tell one from the
        other.

        .. versionadded:: 0.7
        """
        return self._old_answer(
            "get_project_id", None, lambda: self.get_project_id_or_none(project_slug),
            anything,
        )  # fmt: skip

    def get_project_id_or_none(self, project_slug: str) -> str | None:
        """Return a project's id; None only if the server says that there is no such project.

        .. versionadded:: 0.7

        Raises:
            NamespaceNotFoundError: there is no such namespace (is a ``ValueError``).
            NotAuthenticatedError: there is no token.
            RemoteClientError: the server could not be asked.
        """
        key = (self.namespace, project_slug)
        if key not in self._project_ids:
            for project in self._projects_of(key[0]):
                slug = replies.field(project, "slug", str, "GetProject")
                self._project_ids[(key[0], slug)] = replies.field(project, "id", str, "GetProject")
        return self._project_ids.get(key)

    def get_project_id_or_raise(self, project_slug: str) -> str:
        """Return a project's id.

        .. versionadded:: 0.7

        Raises:
            ProjectNotFoundError: there is no such project (is a ``ValueError``).
            NamespaceNotFoundError: there is no such namespace (is a ``ValueError``).
            NotAuthenticatedError: there is no token.
            RemoteClientError: the server could not be asked.
        """
        found = self.get_project_id_or_none(project_slug)
        if found is None:
            raise ProjectNotFoundError(
                f"There is no project {project_slug!r} in the namespace {self.namespace!r}",
                context={"project": project_slug, "namespace": self.namespace},
                hint="Check its name with `ml-dash list`",
            )
        return found

    def _projects_of(self, namespace: str) -> list[Any]:
        data = self._graphql(documents.PROJECTS_OF, {"namespace": namespace}, "GetProject")
        if "namespace" in data and data["namespace"] is None:
            raise NamespaceNotFoundError(
                f"The server knows no namespace {namespace!r}",
                context={"namespace": namespace},
                hint="Check its name; it is the first part of a run's prefix",
            )
        return replies.field(data, "namespace.projects", list, "GetProject")

    def create_project(self, project_slug: str, description: str = "") -> dict[str, Any]:
        """Make a project in the namespace.

        Args:
            project_slug: Its name.
            description: What it is about.

        Returns:
            The server's facts of it, with ``id`` and ``slug``.

        Raises:
            RemoteRejectedError: there is one already (``context["status"]`` is 409).
            InvalidResponseError: the answer names no project.
            RemoteClientError: the request failed.

        .. versionadded:: 0.7
        """
        body = {"type": "PROJECT", "name": project_slug, "slug": project_slug,
                "description": description}  # fmt: skip
        path = route("namespaces", self.namespace, "nodes")
        reply = self._call("POST", path, encoded(body))
        # Late servers of 0.6 answer with the bare project.
        found = reply.get("project", reply) if isinstance(reply, dict) else reply
        made = replies.field(found, "id", str, "creating the project")
        self._project_ids[(self.namespace, project_slug)] = made
        return {**found, "id": made}

    def delete_project(self, project_slug: str) -> dict[str, Any]:
        """Delete a project with everything in it.

        Raises:
            ProjectNotFoundError: there is no such project (is a ``ValueError``).
            RemoteClientError: the request failed.
        """
        project_id = self.get_project_id_or_raise(project_slug)
        reply = self._call("DELETE", route("projects", project_id))
        self._project_ids.pop((self.namespace, project_slug), None)
        self._folder_ids = {key: value for key, value in self._folder_ids.items()
                            if key[0] != project_id}  # fmt: skip
        return replies.field({"reply": reply}, "reply", dict, "DELETE project")

    # -- runs ------------------------------------------------------------------------------------

    def create_or_update_experiment(
        self,
        project: str,
        name: str,
        description: str | None = None,
        tags: list[str] | None = None,
        bindrs: list[str] | None = None,
        prefix: str | None = None,
        write_protected: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a run on the server, or take up the one that is there.

        Args:
            project: The project; made if it is not there.
            name: The run's name.
            description: What it is; None leaves what is stored, an empty text clears it.
            tags: Words to find it by; None leaves what is stored.
            bindrs: Names of collections it belongs to; None leaves what is stored.
            prefix: ``owner/project/folder/.../name``; the folders are made if they are not there.
            write_protected: Whether the server shall refuse later changes.
            metadata: Facts about it; None leaves what is stored.

        Returns:
            The server's answer, with ``experiment`` and ``node``.

        Raises:
            NamespaceNotFoundError: there is no such namespace (is a ``ValueError``).
            InvalidResponseError: an answer lacks an id; nothing was made below it.
            RemoteClientError: a request failed.
        """
        folders = [part for part in (prefix or "").strip("/").split("/") if part][2:-1]
        project_id = self.get_project_id_or_none(project)
        parent = ROOT
        if folders:
            project_id = project_id or self._make_project(project)
            for folder in folders:
                parent = self._folder_id(project_id, None, parent, folder)
        place = {"projectId": project_id} if project_id else {"projectSlug": project}
        body = {"type": "EXPERIMENT", "name": name, "parentId": parent, **place}
        body |= given(
            description=description, tags=tags, bindrs=bindrs,
            writeProtected=True if write_protected else None,
        )  # fmt: skip
        reply = self._make_node(encoded(body, **given(metadata=metadata)))
        experiment_id = replies.field(reply, "experiment.id", str, "creating the run")
        node = reply.get("node")
        if isinstance(node, dict) and node.get("id"):
            self._node_ids[experiment_id] = str(node["id"])
        return reply

    def update_experiment_status(self, experiment_id: str, status: str) -> dict[str, Any]:
        """Set a run's status: ``RUNNING``, ``COMPLETED``, ``FAILED`` or ``CANCELLED``.

        Raises:
            RemoteNotFoundError: the server knows no such run.
            RemoteClientError: the request failed.
        """
        path = route("nodes", self._experiment_node_id(experiment_id))
        reply = self._call("PATCH", path, encoded({"status": status}), idempotent=True)
        return replies.field({"reply": reply}, "reply", dict, self._what("PATCH", path))

    def _experiment_node_id(self, experiment_id: str) -> str:
        known = self._node_ids.get(experiment_id)
        if known is None:
            data = self._graphql(
                documents.EXPERIMENT_NODE, {"experimentId": experiment_id}, "GetExperimentNode"
            )
            if data.get("experimentNode") is None:
                raise no_such_experiment(experiment_id)
            known = replies.field(data, "experimentNode.id", str, "GetExperimentNode")
            self._node_ids[experiment_id] = known
        return known

    # -- making nodes ----------------------------------------------------------------------------

    def _make_node(self, body: bytes) -> dict[str, Any]:
        # All of these are found again when they exist, so sending one twice does no harm; a
        # conflict means that another process has just made the same one.
        path = route("namespaces", self.namespace, "nodes")
        reply = self._call("POST", path, body, idempotent=True, also_retry=(_CONFLICT,))
        return replies.field({"reply": reply}, "reply", dict, self._what("POST", path))

    def _make_project(self, slug: str) -> str:
        try:
            reply = self._make_node(encoded({"type": "PROJECT", "name": slug, "slug": slug}))
        except RemoteRejectedError as error:
            if error.context.get("status") != _CONFLICT:
                raise
            return self.get_project_id_or_raise(slug)
        made = replies.field(reply, "project.id", str, "creating the project")
        self._project_ids[(self.namespace, slug)] = made
        return made

    def _folder_id(self, project_id: str, experiment_id: str | None, parent: str, name: str) -> str:
        key = (project_id, experiment_id, parent, name)
        if key not in self._folder_ids:
            body = given(type="FOLDER", projectId=project_id, experimentId=experiment_id,
                         parentId=parent, name=name)  # fmt: skip
            reply = self._make_node(encoded(body))
            self._folder_ids[key] = replies.field(reply, "node.id", str, "creating a folder")
        return self._folder_ids[key]


def no_such_experiment(experiment_id: str) -> MLDashError:
    """Return the error for a run that the server does not have; 0.6 raised a ``ValueError``."""
    return errors.combined(RemoteNotFoundError, ValueError)(
        f"The server knows no run with the id {experiment_id}",
        context={"experiment_id": experiment_id},
        hint="Check the id with `ml-dash list`; the run may have been deleted",
    )
