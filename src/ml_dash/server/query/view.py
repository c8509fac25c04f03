"""What the fields of ``Query`` return: the runs as one caller sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from ml_dash.server.auth import access, users
from ml_dash.server.auth.access import Caller
from ml_dash.server.errors import MissingError, TooLargeError, UnfitError
from ml_dash.server.query.budget import Budget
from ml_dash.server.query.groups import Group, page_size, paged
from ml_dash.server.query.trees import Tree
from ml_dash.server.tables import experiments, namespaces, nodes, projects
from ml_dash.server.tables import users as users_table
from ml_dash.server.web import shapes
from ml_dash.server.web.asking import Asked

MOST_UNPAGED = 5000
LONGEST_PATTERN = 500
_WILD = frozenset("*?[")


class View:
    """One caller's view, within one transaction.

    Args:
        who: The request.
        connection: The transaction.
        fields: How many fields are asked for; the more, the fewer things they may be asked of.
    """

    def __init__(self, who: Asked, connection: Connection, fields: int) -> None:
        self._who = who
        self._connection = connection
        self._known_projects: dict[int, dict[str, Any]] = {}
        self._budget = Budget(fields)

    def root(self) -> dict[str, Any]:
        """Return where GraphQL begins."""
        return {
            "me": self._me, "namespace": self._namespace, "project": self._project,
            "projects": self._projects, "experiments": self._experiments,
            "experiment": self._experiment, "experimentById": self._experiment_by_id,
            "experimentNode": self._experiment_node, "searchExperiments": self._search,
            "projectsPaginated": self._projects_page,
            "experimentsPaginated": self._experiments_page,
            "searchExperimentsPaginated": self._search_page,
        }  # fmt: skip

    # --- who and where --------------------------------------------------------------------------

    def _me(self, _info: Any) -> dict[str, Any]:
        own = users_table.c.id == self._who.caller.user_id
        row = self._connection.execute(select(users_table).where(own)).one()
        return {
            "id": str(row.id), "username": row.username, "email": row.email, "name": row.name,
            "given_name": row.given_name, "family_name": row.family_name, "picture": row.picture,
        }  # fmt: skip

    def _namespace(self, _info: Any, slug: str) -> dict[str, Any] | None:
        row = self._or_none(access.namespace, slug)
        if row is None:
            return self._new_namespace(slug)
        own = select(projects).where(projects.c.namespace_id == row.id).order_by(projects.c.id)
        return {**_space(row.id, slug), "projects": lambda _info: self._shown_projects(own)}

    def _new_namespace(self, slug: str) -> dict[str, Any] | None:
        """Make a namespace for an administrator, whose clients ask for it before they write."""
        caller, parts = self._who.caller, self._who.parts
        if not caller.admin or caller.role != access.ADMIN or not users.NAME.fullmatch(slug):
            return None
        with parts.database.write() as connection:
            made = users.ensure_namespace(connection, parts.ids, slug)
        return {**_space(made, slug), "projects": []}

    # --- projects -------------------------------------------------------------------------------

    def _project(
        self, _info: Any, id: str | None = None,
        namespaceSlug: str | None = None, projectSlug: str | None = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        if id is not None:
            row = self._or_none(access.project, id)
        else:
            row, _ = self._find_project(namespaceSlug, projectSlug or "")
        return None if row is None else self._show_project(row.id)

    def _projects(self, _info: Any) -> list[dict[str, Any]]:
        return self._shown_projects(self._all_of(self._visible_projects()))

    def _projects_page(
        self, _info: Any, limit: int, offset: int,
        namespaceSlug: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        slug = namespaceSlug or self._who.caller.username
        own = self._visible_projects().where(namespaces.c.slug == slug)
        return self._page("projects", own, limit, offset, self._shown_projects)

    def _visible_projects(self) -> Any:
        joined = select(projects).join(namespaces, namespaces.c.id == projects.c.namespace_id)
        return joined.where(access.visible(self._who.caller, projects.c.namespace_id)).order_by(
            projects.c.id.desc()
        )

    def _shown_projects(self, statement: Any) -> list[dict[str, Any]]:
        rows = self._connection.execute(statement).all()
        self._budget.spend(len(rows))
        return [self._show_project(row.id) for row in rows]

    def _show_project(self, project_id: int) -> dict[str, Any]:
        if project_id not in self._known_projects:
            statement = select(projects, namespaces.c.slug.label("space")).join(
                namespaces, namespaces.c.id == projects.c.namespace_id
            )
            row = self._connection.execute(statement.where(projects.c.id == project_id)).one()
            tree = Tree(self._connection, project_id, self._budget)
            self._known_projects[project_id] = {
                **shapes.project(row),
                "namespace": {**_space(row.namespace_id, row.space),
                              "projects": lambda info: self._namespace(info, row.space)},
                "nodes": lambda _info, parentId=None, maxDepth=None: tree.below(parentId, maxDepth),
                "experimentCount": lambda _info: self._count(
                    select(experiments.c.id).where(experiments.c.project_id == project_id)
                ),
            }  # fmt: skip
        return self._known_projects[project_id]

    def _find_project(self, namespace: str | None, slug: str) -> tuple[Any | None, str]:
        """Return a project by the names that clients send, and what stands behind them.

        ``slug`` may be ``project``, ``namespace/project`` or ``namespace/project/experiment``.
        """
        steps = slug.split("/")
        if len(steps) > 1:
            namespace, steps = steps[0], steps[1:]
        rest = "/".join(steps[1:])
        wanted = self._visible_projects().where(projects.c.slug == steps[0])
        named = wanted.where(namespaces.c.slug == (namespace or self._who.caller.username))
        row = self._connection.execute(named).first()
        if row is None and namespace is None:
            row = self._connection.execute(wanted.limit(1)).first()
        return row, rest

    # --- experiments ----------------------------------------------------------------------------

    def _experiment_by_id(self, _info: Any, id: str) -> dict[str, Any] | None:
        row = self._or_none(access.experiment, id)
        return None if row is None else self._shown([row])[0]

    def _experiment_node(self, _info: Any, experimentId: str) -> Any:
        row = self._or_none(access.experiment, experimentId)
        if row is None:
            return None
        node = self._connection.execute(select(nodes).where(nodes.c.id == row.node_id)).one()
        tree = Tree(self._connection, row.project_id, self._budget)
        return {"physicalFile": None, **shapes.node(node),
                "children": lambda _info: tree.below(str(node.id), None)}  # fmt: skip

    def _experiment(
        self, _info: Any, projectSlug: str, experimentName: str,
        namespaceSlug: str | None = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        project, _ = self._find_project(namespaceSlug, projectSlug)
        if project is None:
            return None
        own = experiments.c.project_id == project.id
        newest = select(experiments).where(own).order_by(experiments.c.id.desc()).limit(1)
        for column in (experiments.c.path, experiments.c.name):
            row = self._connection.execute(newest.where(column == experimentName)).first()
            if row is not None:
                return self._shown([row])[0]
        return None

    def _experiments(
        self, _info: Any, projectSlug: str, status: str | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        statement = self._all_of(self._of_project(None, projectSlug, status))
        return self._shown(self._connection.execute(statement).all())

    def _experiments_page(
        self, _info: Any, projectSlug: str, limit: int, offset: int,
        namespaceSlug: str | None = None, status: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        statement = self._of_project(namespaceSlug, projectSlug, status)
        return self._page(
            "experiments", statement, limit, offset,
            lambda some: self._shown(self._connection.execute(some).all()),
        )  # fmt: skip

    def _of_project(self, namespace: str | None, slug: str, status: str | None) -> Any:
        project, rest = self._find_project(namespace, slug)
        wanted: list[ColumnElement[bool]] = [
            experiments.c.project_id == (-1 if project is None else project.id)
        ]
        if rest:
            wanted.append((experiments.c.path == rest) | (experiments.c.name == rest))
        if status is not None:
            wanted.append(experiments.c.status == status)
        return select(experiments).where(*wanted).order_by(experiments.c.id.desc())

    # --- search ---------------------------------------------------------------------------------

    def _search(self, _info: Any, pattern: str) -> list[dict[str, Any]]:
        found = self._matching(pattern)
        _check_unpaged(len(found))
        return self._by_ids(found)

    def _search_page(self, _info: Any, pattern: str, limit: int, offset: int) -> dict[str, Any]:
        found = self._matching(pattern)
        start = max(offset, 0)
        some = found[start : start + page_size(limit, self._page_max)]
        return paged("experiments", self._by_ids(some), len(found), offset)

    def _matching(self, pattern: str) -> list[int]:
        """Return the ids of the experiments whose ``namespace/project/path`` matches a glob."""
        if len(pattern) > LONGEST_PATTERN:
            raise UnfitError(f"The pattern has more than {LONGEST_PATTERN} characters")
        if "/" not in pattern:
            pattern = f"{self._who.caller.username}/{pattern}"
        if pattern.count("/") == 1:
            pattern = f"{pattern.rstrip('/')}/*"
        space, _, _ = pattern.partition("/")
        statement = (
            select(experiments.c.id, experiments.c.path, experiments.c.name, projects.c.slug,
                   namespaces.c.slug.label("space"))
            .join(projects, projects.c.id == experiments.c.project_id)
            .join(namespaces, namespaces.c.id == projects.c.namespace_id)
            .where(access.visible(self._who.caller, projects.c.namespace_id))
            .order_by(experiments.c.id.desc())
        )  # fmt: skip
        if not _WILD.intersection(space):
            statement = statement.where(namespaces.c.slug == space)
        return [
            row.id
            for row in self._connection.execute(statement)
            if fnmatchcase(f"{row.space}/{row.slug}/{row.path}", pattern)
            or fnmatchcase(f"{row.space}/{row.slug}/{row.name}", pattern)
        ]

    def _by_ids(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        wanted = select(experiments).where(experiments.c.id.in_(ids))
        statement = wanted.order_by(experiments.c.id.desc())
        return self._shown(self._connection.execute(statement).all())

    # --- parts ----------------------------------------------------------------------------------

    def _or_none(self, find: Callable[[Connection, Caller, str, str], Any], which: str) -> Any:
        """Return what the caller may read; None where there is nothing for them."""
        try:
            return find(self._connection, self._who.caller, which, access.READER)
        except MissingError:
            return None

    def _shown(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        group = Group(self._connection, rows, self._show_project, self._page_max, self._budget)
        return group.shown()

    def _page(
        self, name: str, statement: Any, limit: int, offset: int, show: Any
    ) -> dict[str, Any]:
        most = page_size(limit, self._page_max)
        found = show(statement.limit(most).offset(max(offset, 0)))
        return paged(name, found, self._count(statement), offset)

    def _all_of(self, statement: Any) -> Any:
        """Return what 0.6.13 asks for: all at once, and an error rather than a part of it."""
        _check_unpaged(self._count(statement))
        return statement

    def _count(self, statement: Any) -> int:
        inner = statement.order_by(None).subquery()
        return int(self._connection.execute(select(func.count()).select_from(inner)).scalar_one())

    @property
    def _page_max(self) -> int:
        return self._who.parts.settings.page_max


def _check_unpaged(count: int) -> None:
    """Raise TooLargeError where there are too many things to be answered without pages."""
    if count > MOST_UNPAGED:
        raise TooLargeError(
            f"There are {count} of them, more than {MOST_UNPAGED}",
            hint="Ask for pages: projectsPaginated, experimentsPaginated or "
            "searchExperimentsPaginated, which ml-dash uses since 0.6.27",
        )


def _space(namespace_id: int, slug: str) -> dict[str, Any]:
    return {"id": str(namespace_id), "slug": slug}
