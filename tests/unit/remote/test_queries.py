"""Lookups: 0.6's answers where it hid something, siblings that do not, lists for both lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from ml_dash._remote import documents
from ml_dash._remote.paging import PAGE_SIZE, Page
from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    CredentialsRejectedError,
    GraphQLError,
    InvalidResponseError,
    MLDashDeprecationWarning,
    PermissionDeniedError,
    RemoteNotFoundError,
    ServerError,
)
from tests.unit.remote.server import Fault, Server

Call = Callable[[RemoteClient], Any]
LOOKUPS: dict[str, tuple[str, Call, Call, Any]] = {
    "projects": ("ProjectsPaginated", lambda c: c.list_projects_graphql(),
                 lambda c: c.list_projects_graphql_or_raise(), []),
    "experiments": ("ExperimentsPaginated", lambda c: c.list_experiments_graphql("vision"),
                    lambda c: c.list_experiments_graphql_or_raise("vision"), []),
    "search": ("SearchExperimentsPaginated", lambda c: c.search_experiments_graphql("a/*"),
               lambda c: c.search_experiments_graphql_or_raise("a/*"), []),
    "experiment": ("Experiment", lambda c: c.get_experiment_graphql("vision", "run"),
                   lambda c: c.get_experiment_graphql_or_raise("vision", "run"), None),
    "files": ("ListExperimentFilesPaginated", lambda c: c.list_files("7"),
              lambda c: c.list_files_or_raise("7"), []),
    "tracks": ("GET /api/experiments/7/tracks", lambda c: c.list_tracks("7"),
               lambda c: c.list_tracks_or_raise("7"), []),
    "parameters": ("GET /api/experiments/7/parameters", lambda c: c.get_parameters("7"),
                   lambda c: c.get_parameters_or_raise("7"), {}),
    "query": ("Q", lambda c: c.graphql_query("query Q { a }"),
              lambda c: c.graphql_query_or_raise("query Q { a }"), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKUPS)
def test_answer_that_lacks_what_was_asked(
    client: RemoteClient, server: Server, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The old call answers as 0.6 did and logs what it hid; the sibling raises."""
    operation, old, or_raise, sentinel = LOOKUPS[name]
    server.replies[operation] = {"data": None}
    with pytest.warns(MLDashDeprecationWarning, match="MLD001"):
        assert old(client) == sentinel
    record = caplog.records[-2]
    assert (record.name, record.levelno) == ("ml_dash.client", logging.WARNING)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], InvalidResponseError)
    with pytest.raises(InvalidResponseError):
        or_raise(client)


@pytest.mark.parametrize("name", LOOKUPS)
def test_strict_mode_hides_nothing(
    connect: Callable[..., RemoteClient], server: Server, name: str
) -> None:
    """In strict mode the old call raises too."""
    operation, old, _, _ = LOOKUPS[name]
    server.replies[operation] = {"data": None}
    with pytest.raises(InvalidResponseError):
        old(connect(error_mode="strict"))


@pytest.mark.parametrize("name", LOOKUPS)
def test_failing_server_is_no_empty_answer(client: RemoteClient, server: Server, name: str) -> None:
    """What 0.6 raised is raised by both: an ill server, refused credentials."""
    _, old, or_raise, _ = LOOKUPS[name]
    for call in (old, or_raise):
        server.faults.extend([Fault(status=500)] * 4)
        with pytest.raises(ServerError):
            call(client)
        server.faults.append(Fault(status=401))
        with pytest.raises(CredentialsRejectedError):
            call(client)


@pytest.mark.parametrize(
    ("problem", "kind"),
    [({"message": "no field x"}, GraphQLError), ("odd", GraphQLError),
     ({"message": "m", "extensions": {"code": "UNAUTHENTICATED"}}, CredentialsRejectedError),
     ({"message": "m", "extensions": {"code": "FORBIDDEN"}}, PermissionDeniedError)],
)  # fmt: skip
def test_graphql_errors(
    client: RemoteClient, server: Server, problem: Any, kind: type[Exception]
) -> None:
    """Errors in a GraphQL answer are raised, as what they say they are, and not tried again."""
    server.replies["ProjectsPaginated"] = {"data": {"x": 1}, "errors": [problem]}
    with pytest.raises(kind):
        client.list_projects_graphql()
    assert len(server.requests) == 1


@pytest.mark.parametrize("failure", [Fault(status=500), Fault(status=401), Fault("reset")], ids=str)
def test_whatever_happens_to_user_and_project(
    client: RemoteClient, server: Server, caplog: pytest.LogCaptureFixture, failure: Fault
) -> None:
    """``get_current_user`` and ``get_project_id`` answer None for any failure, but say so."""
    for old, sibling in (
        (client.get_current_user, client.get_current_user_or_none),
        (lambda: client.get_project_id("vision"), lambda: client.get_project_id_or_none("vision")),
    ):
        caplog.clear()
        server.faults.extend([failure] * 4)
        with pytest.warns(MLDashDeprecationWarning, match="MLD001"):
            assert old() is None
        names = [record.name for record in caplog.records]
        assert names == ["ml_dash.client", "ml_dash.deprecation"]
        server.faults.clear()
        server.faults.extend([failure] * 4)
        with pytest.raises(Exception, match="graphql"):
            sibling()
        server.faults.clear()


def test_current_user(client: RemoteClient, server: Server) -> None:
    """A user is the same in every form; none for the token is None, None and an error."""
    assert client.get_current_user() == client.get_current_user_or_raise()
    assert client.get_current_user_or_raise()["email"] == "alice@example.org"
    server.replies["GetCurrentUser"] = {"data": {"me": None}}
    assert client.get_current_user() is client.get_current_user_or_none() is None
    with pytest.raises(RemoteNotFoundError):
        client.get_current_user_or_raise()


def test_run_by_name(
    client: RemoteClient, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that is truly not there is None without a word, or a RemoteNotFoundError."""
    server.replies["Experiment"] = lambda given: {"data": {"experiment": {"id": "1", **given}}}
    found = client.get_experiment_graphql("alice/vision", "run")
    assert found == {"id": "1", "namespaceSlug": "alice", "projectSlug": "vision",
                     "experimentName": "run"}  # fmt: skip
    server.replies["Experiment"] = {"data": {"experiment": None}}
    assert client.get_experiment_graphql("vision", "run") is None
    assert client.get_experiment_graphql_or_none("vision", "run") is None
    assert caplog.records == []
    with pytest.raises(RemoteNotFoundError, match="run"):
        client.get_experiment_graphql_or_raise("vision", "run")


def test_run_by_path(client: RemoteClient, server: Server) -> None:
    """A run is found by its folders, and not where there is none."""
    tree = [{"name": "a", "experimentId": None, "children": [
        {"name": "run", "experimentId": "7", "children": None}]}]  # fmt: skip
    server.replies["GetProjectHierarchy"] = {"data": {"project": {"nodes": tree}}}
    server.replies["GetExperiment"] = {"data": {"experimentById": {"id": "7"}}}
    assert client.get_experiment_by_path_graphql("vision", "/a/run") == {"id": "7"}
    for path in ("a", "run", "a/run/deeper", "b/run", ""):
        assert client.get_experiment_by_path_graphql("vision", path) is None
    assert documents.PROJECT_TREE.count("{") == documents.PROJECT_TREE.count("}")


def numbered(server: Server, count: int) -> None:
    """Let the server have so many files, in pages of any size."""

    def reply(given: dict[str, Any]) -> Any:
        start, end = given["offset"], given["offset"] + given["limit"]
        files = [{"id": str(n), "name": f"f{n}", "pPath": f"/d{n % 2}/f{n}", "tags": [f"t{n % 3}"]}
                 for n in range(count)][start:end]  # fmt: skip
        page = {"files": files, "totalCount": count, "hasMore": end < count}
        return {"data": {"experimentById": {"filesPaginated": page}}}

    server.replies["ListExperimentFilesPaginated"] = reply


def test_all_pages(client: RemoteClient, server: Server) -> None:
    """Without a limit everything is fetched, page by page."""
    numbered(server, 2 * PAGE_SIZE + 1)
    files = client.list_files("7")
    assert [each["name"] for each in files] == [f"f{n}" for n in range(2 * PAGE_SIZE + 1)]
    assert (files["totalCount"], files["hasMore"]) == (2 * PAGE_SIZE + 1, False)
    assert len(server.requests) == 3


@pytest.mark.parametrize("how", [((), {"limit": 2, "offset": 3}), ((2, 3), {})])
def test_one_page(client: RemoteClient, server: Server, how: tuple[Any, Any]) -> None:
    """With a limit one page is fetched, by name or, as in 0.6.27, by place."""
    numbered(server, 10)
    files = client.list_files("7", *how[0], **how[1])
    assert [each["name"] for each in files["files"]] == ["f3", "f4"]
    assert (files.get("totalCount"), files.get("hasMore"), files.get("x", 0)) == (10, True, 0)
    assert len(server.requests) == 1


def test_files_by_folder_and_tag(client: RemoteClient, server: Server) -> None:
    """``prefix`` is a folder and ``tags`` are alternatives, as 0.6.13 promised."""
    numbered(server, 12)
    assert [each["id"] for each in client.list_files("7", "/d1/", ["t0", "t1"])] == [
        "1", "3", "7", "9"
    ]  # fmt: skip
    assert client.list_files("7", "d")["totalCount"] == 0


def test_page_is_list_and_page() -> None:
    """One answer serves the scripts of 0.6.13 and of 0.6.27."""
    page = Page("files", [{"id": "1"}], 5, True)
    assert isinstance(page, list)
    assert (page[0], len(page), page[0:1], bool(page)) == ({"id": "1"}, 1, [{"id": "1"}], True)
    assert "files" in page
    assert "projects" not in page
    assert {"id": "1"} in page
    assert page.keys() == ["files", "totalCount", "hasMore"]
    assert json.loads(json.dumps(page)) == [{"id": "1"}]
    with pytest.raises(KeyError):
        page["nothing"]


def test_endless_pages_end(client: RemoteClient, server: Server) -> None:
    """A server that always promises more is not asked for ever."""
    empty = {"projects": [], "totalCount": 9, "hasMore": True}
    server.replies["ProjectsPaginated"] = {"data": {"projectsPaginated": empty}}
    with pytest.raises(InvalidResponseError, match="more"):
        client.list_projects_graphql_or_raise()


def test_files_of_an_unknown_run(client: RemoteClient, server: Server) -> None:
    """A run that the server does not know has no empty list of files."""
    server.replies["ListExperimentFilesPaginated"] = {"data": {"experimentById": None}}
    for call in (client.list_files, client.list_files_or_raise):
        with pytest.raises(RemoteNotFoundError):
            call("7")


def test_search_files(client: RemoteClient, server: Server) -> None:
    """A search is sent as the wire wants it."""
    server.replies["GET /api/search/files"] = {"files": [{"id": "1"}]}
    assert client.search_files("**/model.pt", "7", limit=1) == [{"id": "1"}]
    assert server.requests[0].query == {
        "pattern": "**/model.pt", "limit": "1", "offset": "0", "experimentId": "7"
    }  # fmt: skip
