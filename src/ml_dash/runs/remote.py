"""Runs on a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ml_dash.exceptions import RemoteNotFoundError, UsageError
from ml_dash.runs.numbers import series_of
from ml_dash.runs.run import Facts, KeyStats, Run, Series

if TYPE_CHECKING:
    from ml_dash.client import RemoteClient

_PAGE: Final = 1000
_NUMBERS: Final = ("min", "max", "mean", "last")
_WILD: Final = frozenset("*?[")


def server_runs(
    client: RemoteClient, project: str, status: str | None = None
) -> Iterator[ServerRun]:
    """Yield the runs of a project, or those whose path matches a pattern.

    Args:
        client: The server.
        project: ``owner/project``, or a pattern such as ``owner/project/sweep*``.
        status: Only runs of this status.

    Raises:
        RemoteClientError: the server cannot be asked.
    """
    if _WILD & set(project):
        found = client.search_experiments_graphql_or_raise(project)
    else:
        owner, _, slug = project.partition("/")
        found = client.list_experiments_graphql_or_raise(slug, status, namespace_slug=owner)
    for each in found:
        if status is None or each.get("status") == status:
            yield ServerRun(client, each)


def runs_meant(
    client: RemoteClient, prefix: str | None, name: str | None = None
) -> list[ServerRun]:
    """Return the runs that a prefix means, sorted by path.

    Args:
        client: The server; its namespace counts where the prefix says none.
        prefix: A project, a folder or a run below it, or a pattern with ``*`` and ``?``; all
            projects of the namespace when omitted.
        name: Only the runs of this name, or of this path below the project.

    Raises:
        RemoteClientError: the server cannot be asked.
    """
    found = [run for place in _places(client, prefix) for run in server_runs(client, place)]
    if prefix and prefix.count("/") > 1 and not _WILD & set(prefix):
        wanted = prefix.strip("/")
        found = [r for r in found if r.path == wanted or r.path.startswith(f"{wanted}/")]
    if name is not None:
        below = [(run, run.path.split("/", 2)[2]) for run in found]
        found = [run for run, path in below if path == name.strip("/")] or [
            run for run, path in below if path.rpartition("/")[2] == name
        ]
    return sorted(found, key=lambda run: run.path)


def _places(client: RemoteClient, prefix: str | None) -> list[str]:
    if prefix is None:
        projects = client.list_projects_graphql_or_raise(client.namespace)
        return [f"{client.namespace}/{each['slug']}" for each in projects]
    parts = [part for part in prefix.split("/") if part]
    if len(parts) == 1:
        parts.insert(0, client.namespace)
    if _WILD & set(prefix):
        return ["/".join(parts if len(parts) > 2 else [*parts, "*"])]
    return ["/".join(parts[:2])]


def find_run(client: RemoteClient, path: str) -> ServerRun:
    """Return the run of a path.

    Args:
        client: The server.
        path: ``owner/project/.../name``.

    Raises:
        UsageError: the path is too short.
        RemoteNotFoundError: there is no such run.
        RemoteClientError: the server cannot be asked.
    """
    run, rest = run_on_the_way(client, path)
    if rest:
        raise RemoteNotFoundError(
            f"There is no run {path!r}; {run.path!r} is one",
            hint=f"See `ml-dash list -p {run.facts.owner}/{run.facts.project}`",
        )
    return run


def run_on_the_way(client: RemoteClient, path: str) -> tuple[ServerRun, str]:
    """Return the run that a path leads to or through, and the rest of the path.

    Raises:
        UsageError: the path has fewer than three parts.
        RemoteNotFoundError: no part of it names a run.
        RemoteClientError: the server cannot be asked.
    """
    parts = [part for part in path.split("/") if part]
    if len(parts) < 3:
        raise UsageError(f"{path!r} is too short to name a run",
                         hint="Write owner/project/run")  # fmt: skip
    runs = list(server_runs(client, "/".join(parts[:2])))
    for end in range(len(parts), 2, -1):
        place = "/".join(parts[:end])
        for run in runs:
            if place == run.path:
                return run, "/".join(parts[end:])
    raise RemoteNotFoundError(
        f"There is no run {path!r} on {client.graphql_base_url}",
        hint=f"See `ml-dash list -p {parts[0]}/{parts[1]}`",
    )


def _finite(value: Any) -> float | None:
    """Return a number; None for none, and for the texts that stand for NaN and the infinities."""
    return None if value is None or isinstance(value, str) else value


def file_place(record: dict[str, Any]) -> tuple[str, str]:
    """Return folder and name of a file within its run, of a record of a server or of a folder."""
    physical = record.get("physicalFile") or record
    name = str(physical.get("filename") or record.get("name"))
    folder = str(record.get("pPath") or record.get("path") or "").strip("/")
    # A server's path ends with the name already.
    if "physicalFile" in record and folder.rpartition("/")[2] == name:
        folder = folder.rpartition("/")[0]
    return folder, name


class ServerRun(Run):
    """A run on a server.

    Args:
        client: The server.
        raw: What the server says of it (GraphQL).
    """

    def __init__(self, client: RemoteClient, raw: dict[str, Any]) -> None:
        self._client = client
        self.raw = raw
        self.id = str(raw["id"])
        self.facts = self._read_facts()

    def _read_facts(self) -> Facts:
        raw = self.raw
        project = raw.get("project") or {}
        owner = str((project.get("namespace") or {}).get("slug") or "")
        slug = str(project.get("slug") or "")
        place = str(raw.get("displayPath") or raw["name"])
        logs = (raw.get("logMetadata") or {}).get("totalLogs")
        return Facts(
            path=f"{owner}/{slug}/{place}", owner=owner, project=slug, name=str(raw["name"]),
            status=raw.get("status"), description=raw.get("description"),
            tags=raw.get("tags") or [],
            metadata=raw.get("metadata") or {},
            created_at=raw.get("createdAt") or raw.get("startedAt"),
            started_at=raw.get("startedAt"), ended_at=raw.get("endedAt"),
            logs=logs if logs is None else int(logs), metrics=len(raw.get("metrics") or []),
            tracks=raw.get("trackCount"), files=len(raw.get("files") or []),
        )  # fmt: skip

    @property
    def where(self) -> str:
        """The server."""
        return self._client.graphql_base_url

    def refresh(self) -> ServerRun:
        """Return the run as it is now, with all that the server says of it."""
        try:
            found = self._client.get_experiment(self.id)
        except RemoteNotFoundError:
            return find_run(self._client, self.path)  # a server of 0.6 does not tell it alone
        return ServerRun(self._client, {**self.raw, **found})

    def read_params(self) -> dict[str, Any]:
        """Return the parameters as they are now."""
        try:
            return self._client.get_parameters_or_raise(self.id)
        except RemoteNotFoundError:
            return {}  # none were ever set

    def metric_names(self) -> list[str]:
        """Return the names of its metrics, sorted."""
        return sorted(str(each["name"]) for each in self._client.list_metrics(self.id))

    def stats(self, metric: str) -> dict[str, KeyStats]:
        """Return the facts of a metric's numbers, by key."""
        found = self._client.get_metric_stats(self.id, metric).get("keys")
        if found is None:  # a server of 0.6 sums nothing up
            return self._last_of(metric)
        return {
            key: KeyStats(each["count"], *(_finite(each[name]) for name in _NUMBERS))
            for key, each in found.items()
        }

    def _last_of(self, metric: str) -> dict[str, KeyStats]:
        last = max(0, self.count_points(metric) - 1)
        points = list(self.points(metric, last))
        data = points[-1].get("data") or {} if points else {}
        return {key: KeyStats(1, None, None, None, value) for key, value in data.items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)}  # fmt: skip

    def series(self, metric: str, key: str, points: int) -> Series:
        """Return the numbers under a key of a metric, made few by the server if it can."""
        try:
            reply = self._client.get_metric_series(self.id, metric, key, points)
        except RemoteNotFoundError:  # a server of 0.6 has the points only
            return series_of(self.points(metric, 0), key, points)
        return Series([float(value) for value in reply["values"]], int(reply["totalPoints"]))

    def points(self, metric: str, start: int) -> Iterator[dict[str, Any]]:
        """Yield points of a metric from an index on."""
        while True:
            page = self._client.get_metric_data(self.id, metric, start, _PAGE)
            yield from page["data"]
            if not page["data"] or not page.get("hasMore"):
                return
            start = int(page["data"][-1]["index"]) + 1

    def count_points(self, metric: str) -> int:
        """Return how many points a metric has now."""
        return int(self._client.get_metric_stats(self.id, metric)["totalDataPoints"])

    def log_lines(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield log lines from a number on."""
        while True:
            page = self._client.query_logs(self.id, _PAGE, start, "sequenceNumber", "asc")
            yield from page["logs"]
            start += len(page["logs"])
            if not page["logs"] or not page.get("hasMore"):
                return

    def count_logs(self) -> int:
        """Return how many log lines there are now."""
        return int(self._client.query_logs(self.id, 1)["total"])

    def tracks(self) -> list[dict[str, Any]]:
        """Return its tracks."""
        return self._client.list_tracks_or_raise(self.id)

    def files(self) -> list[dict[str, Any]]:
        """Return its files."""
        return list(self._client.list_files_or_raise(self.id))
