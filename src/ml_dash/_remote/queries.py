"""Looking up projects and runs."""

from __future__ import annotations

from typing import Any

from ml_dash._base.deprecate import changes
from ml_dash._remote import documents, replies
from ml_dash._remote.calls import given
from ml_dash._remote.paging import Page, pages
from ml_dash._remote.users import UserCalls
from ml_dash.exceptions import RemoteNotFoundError


class QueryCalls(UserCalls):
    """List and search."""

    # -- projects --------------------------------------------------------------------------------

    @changes("RemoteClient.list_projects_graphql")
    def list_projects_graphql(
        self, namespace_slug: str | None = None, limit: int | None = None, offset: int = 0
    ) -> Page:
        """Return projects; an empty list also when the answer has none, as in 0.6.

        Args:
            namespace_slug: Whose; the token's own when omitted.
            limit: At most so many; all when omitted.
            offset: Skip so many.

        Returns:
            A list that also answers to ``["projects"]``, ``["totalCount"]`` and ``["hasMore"]``.

        Raises:
            GraphQLError: the answer carries errors.
            RemoteClientError: a request failed.
        """
        return self._old_answer(
            "list_projects_graphql",
            Page("projects", [], 0, False),
            lambda: self.list_projects_graphql_or_raise(namespace_slug, limit, offset),
        )

    def list_projects_graphql_or_raise(
        self, namespace_slug: str | None = None, limit: int | None = None, offset: int = 0
    ) -> Page:
        """Return projects; see :meth:`list_projects_graphql`.

        .. versionadded:: 0.7

        Raises:
            InvalidResponseError: an answer has no list.
            RemoteClientError: a request failed.
        """
        variables = given(namespaceSlug=namespace_slug)
        return self._all(documents.PROJECTS, variables, "projectsPaginated", "projects",
                         limit, offset)  # fmt: skip

    # -- runs ------------------------------------------------------------------------------------

    @changes("RemoteClient.list_experiments_graphql")
    def list_experiments_graphql(
        self,
        project_slug: str,
        status: str | None = None,
        namespace_slug: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page:
        """Return the runs of a project; an empty list also when the answer has none, as in 0.6.

        Args:
            project_slug: The project, or ``namespace/project``.
            status: Only runs of this status.
            namespace_slug: Whose project; the token's own when omitted.
            limit: At most so many; all when omitted.
            offset: Skip so many.

        Returns:
            A list that also answers to ``["experiments"]``, ``["totalCount"]``, ``["hasMore"]``.

        Raises:
            GraphQLError: the answer carries errors.
            RemoteClientError: a request failed.
        """
        return self._old_answer(
            "list_experiments_graphql",
            Page("experiments", [], 0, False),
            lambda: self.list_experiments_graphql_or_raise(
                project_slug, status, namespace_slug, limit, offset
            ),
        )

    def list_experiments_graphql_or_raise(
        self,
        project_slug: str,
        status: str | None = None,
        namespace_slug: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page:
        """Return the runs of a project; see :meth:`list_experiments_graphql`.

        .. versionadded:: 0.7

        Raises:
            InvalidResponseError: an answer has no list.
            RemoteClientError: a request failed.
        """
        namespace, project = _split_project(project_slug, namespace_slug)
        variables = given(namespaceSlug=namespace, projectSlug=project, status=status)
        return self._all(documents.EXPERIMENTS, variables, "experimentsPaginated", "experiments",
                         limit, offset)  # fmt: skip

    @changes("RemoteClient.search_experiments_graphql")
    def search_experiments_graphql(
        self, pattern: str, limit: int | None = None, offset: int = 0
    ) -> Page:
        """Return runs whose path matches; an empty list also when the answer has none, as in 0.6.

        Args:
            pattern: ``namespace/project/run`` with ``*``, ``?`` and ``[...]``.
            limit: At most so many; all when omitted.
            offset: Skip so many.

        Returns:
            A list that also answers to ``["experiments"]``, ``["totalCount"]``, ``["hasMore"]``.

        Raises:
            GraphQLError: the answer carries errors.
            RemoteClientError: a request failed.
        """
        return self._old_answer(
            "search_experiments_graphql",
            Page("experiments", [], 0, False),
            lambda: self.search_experiments_graphql_or_raise(pattern, limit, offset),
        )

    def search_experiments_graphql_or_raise(
        self, pattern: str, limit: int | None = None, offset: int = 0
    ) -> Page:
        """Return runs whose path matches; see :meth:`search_experiments_graphql`.

        .. versionadded:: 0.7

        Raises:
            InvalidResponseError: an answer has no list.
            RemoteClientError: a request failed.
        """
        return self._all(documents.SEARCH, {"pattern": pattern}, "searchExperimentsPaginated",
                         "experiments", limit, offset)  # fmt: skip

    @changes("RemoteClient.get_experiment_graphql")
    def get_experiment_graphql(
        self, project_slug: str, experiment_name: str, namespace_slug: str | None = None
    ) -> dict[str, Any] | None:
        """Return a run by its name; None if there is none, and for a null answer, as in 0.6.

        Raises:
            GraphQLError: the answer carries errors.
            RemoteClientError: the request failed.
        """
        return self._old_answer(
            "get_experiment_graphql",
            None,
            lambda: self.get_experiment_graphql_or_none(
                project_slug, experiment_name, namespace_slug
            ),
        )

    def get_experiment_graphql_or_none(
        self, project_slug: str, experiment_name: str, namespace_slug: str | None = None
    ) -> dict[str, Any] | None:
        """Return a run by its name; None only if the server says that there is none.

        .. versionadded:: 0.7

        Raises:
            RemoteClientError: the request failed.
        """
        try:
            return self.get_experiment_graphql_or_raise(
                project_slug, experiment_name, namespace_slug
            )
        except RemoteNotFoundError as error:
            if "status" in error.context:  # a 404: the URL is that of another server
                raise
            return None

    def get_experiment_graphql_or_raise(
        self, project_slug: str, experiment_name: str, namespace_slug: str | None = None
    ) -> dict[str, Any]:
        """Return a run by its name.

        .. versionadded:: 0.7

        Raises:
            RemoteNotFoundError: there is no such run.
            RemoteClientError: the request failed.
        """
        namespace, project = _split_project(project_slug, namespace_slug)
        variables = given(
            namespaceSlug=namespace, projectSlug=project, experimentName=experiment_name
        )
        data = self._graphql(documents.EXPERIMENT, variables, "Experiment")
        if "experiment" in data and data["experiment"] is None:
            raise _no_such_run(project, experiment_name)
        return replies.field(data, "experiment", dict, "Experiment")

    def get_experiment_by_path_graphql(
        self, project_slug: str, experiment_path: str, namespace_slug: str | None = None
    ) -> dict[str, Any] | None:
        """Return a run by its folders and name below the project; None if there is none.

        Raises:
            RemoteClientError: a request failed.
        """
        namespace, project = _split_project(project_slug, namespace_slug)
        variables = {"namespaceSlug": namespace or self.namespace, "projectSlug": project}
        data = self._graphql(documents.PROJECT_TREE, variables, "GetProjectHierarchy")
        if "project" in data and data["project"] is None:
            return None
        nodes: list[Any] | None = replies.field(data, "project.nodes", list, "GetProjectHierarchy")
        found: Any = None
        for name in experiment_path.strip("/").split("/"):
            known = (node for node in nodes or () if isinstance(node, dict))
            found = next((node for node in known if node.get("name") == name), None)
            nodes = found.get("children") if found else None
        if found is None or found.get("experimentId") is None:
            return None
        data = self._graphql(documents.EXPERIMENT_BY_ID, {"id": found["experimentId"]},
                             "GetExperiment")  # fmt: skip
        if data.get("experimentById") is None:
            return None
        return replies.field(data, "experimentById", dict, "GetExperiment")

    # -- inside ----------------------------------------------------------------------------------

    def _all(
        self,
        document: str,
        variables: dict[str, Any],
        root: str,
        name: str,
        limit: int | None,
        offset: int,
    ) -> Page:
        def fetch(count: int, start: int) -> tuple[dict[str, Any], str]:
            data = self._graphql(document, {**variables, "limit": count, "offset": start}, root)
            return replies.field(data, root, dict, root), root

        return pages(fetch, name, limit, offset)


def _split_project(project: str, namespace: str | None) -> tuple[str | None, str]:
    """Take ``namespace/project`` apart, as the command line has passed it since 0.6."""
    if namespace is None and "/" in project:
        namespace, _, project = project.partition("/")
    return namespace, project


def _no_such_run(project: str, name: str) -> RemoteNotFoundError:
    return RemoteNotFoundError(
        f"There is no run {name!r} in the project {project!r}",
        context={"project": project, "experiment": name},
        hint="Check its name with `ml-dash list`",
    )
