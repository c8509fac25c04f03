"""GraphQL: what 0.6 asks, what it may ask by, and what costs too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ml_dash.server.query.limits import MOST_FIELDS
from ml_dash.server.settings import ServerSettings
from tests.server.live import Live, running


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with some runs of alice."""
    with running(ServerSettings(data=tmp_path_factory.mktemp("data"))) as made:
        client = made.as_user("alice")
        for project, folders, names in (("vision", ["sweeps", "a"], ["run-1", "run-2"]),
                                        ("video", [], ["run-1"])):  # fmt: skip
            for name in names:
                _open(client, project, folders, name)
        yield made


@pytest.fixture
def alice(live: Live) -> httpx.Client:
    """Return a client of alice."""
    return live.as_user("alice")


def _open(client: httpx.Client, project: str, folders: list[str], name: str) -> None:
    where = "/api/namespaces/alice/nodes"
    body = {"type": "PROJECT", "name": project, "slug": project}
    made = client.post(where, json=body).json()["project"]["id"]
    parent = "ROOT"
    for folder in folders:
        body = {"type": "FOLDER", "projectId": made, "parentId": parent, "name": folder}
        parent = client.post(where, json=body).json()["node"]["id"]
    body = {"type": "EXPERIMENT", "projectId": made, "parentId": parent, "name": name}
    run = client.post(where, json=body).json()["experiment"]["id"]
    path = f"/api/experiments/{run}"
    client.post(f"{path}/parameters", json={"data": {"lr": 0.1}}).raise_for_status()
    client.post(f"{path}/metrics/train/append", json={"data": {"loss": 1}}).raise_for_status()
    client.post(f"{path}/logs", json={"logs": [{"message": "m"}]}).raise_for_status()


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    """Return the data of an answer without errors."""
    reply = client.post("/graphql", json={"query": query, "variables": variables})
    assert reply.status_code == 200, reply.text
    assert "errors" not in reply.json(), reply.text
    return dict(reply.json()["data"])


def test_an_experiment_is_found_by_every_name_that_clients_use(alice: httpx.Client) -> None:
    """``namespace/project`` as the project, a path as the name, no namespace at all."""
    query = """query E($ns: String, $p: String!, $e: String!) {
      experiment(namespaceSlug: $ns, projectSlug: $p, experimentName: $e) {
        displayPath status logMetadata{totalLogs} metrics{name metricMetadata{totalDataPoints}}
        files{id} trackCount parameters{data} project{slug namespace{slug}} } }"""
    for names in (
        {"ns": "alice", "p": "vision", "e": "run-1"}, {"ns": None, "p": "vision", "e": "run-1"},
        {"p": "alice/vision", "e": "sweeps/a/run-1"}, {"p": "alice/vision/x", "e": "run-1"},
    ):  # fmt: skip
        found = ask(alice, query, **names)["experiment"]
        assert found["displayPath"] == "sweeps/a/run-1"
        assert found["logMetadata"] == {"totalLogs": 1}
        assert found["metrics"] == [{"name": "train", "metricMetadata": {"totalDataPoints": 1}}]
        assert found["parameters"] == {"data": {"lr": 0.1}}
        assert found["project"] == {"slug": "vision", "namespace": {"slug": "alice"}}
    assert ask(alice, query, p="vision", e="none")["experiment"] is None


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("alice/vis*", 2), ("alice/vi*/*", 3), ("alice/vision/run-1", 1), ("*/*/run-1", 2),
     ("alice/vision/sweeps/*", 2), ("vid*", 1), ("bob/*", 0), ("alice/v[a-i]deo/*", 1)],
)  # fmt: skip
def test_globs_find_experiments(alice: httpx.Client, pattern: str, count: int) -> None:
    """The star crosses slashes, as 0.6 documents; both forms of the search agree."""
    query = """query S($p: String!) { searchExperiments(pattern: $p) { id }
      searchExperimentsPaginated(pattern: $p, limit: 1, offset: 0) {
        experiments { id } totalCount hasMore } }"""
    found = ask(alice, query, p=pattern)
    assert len(found["searchExperiments"]) == count
    page = found["searchExperimentsPaginated"]
    assert (page["totalCount"], page["hasMore"]) == (count, count > 1)
    assert len(page["experiments"]) == min(count, 1)


def test_pages_cover_all_and_nothing_twice(alice: httpx.Client) -> None:
    """One after the other."""
    query = """query L($o: Int!) { experimentsPaginated(projectSlug: "vision", status: RUNNING,
      limit: 1, offset: $o) { experiments { name } totalCount hasMore } }"""
    pages = [ask(alice, query, o=offset)["experimentsPaginated"] for offset in range(3)]
    assert [page["hasMore"] for page in pages] == [True, False, False]
    names = [each["name"] for page in pages for each in page["experiments"]]
    assert sorted(names) == ["run-1", "run-2"]


def test_the_tree_of_a_project(alice: httpx.Client) -> None:
    """With a variable that is declared and not used, as 0.6.13 sends."""
    query = """query T($a: String!, $unused: ID) {
      project(namespaceSlug: $a, projectSlug: "vision") {
      nodes(parentId: null, maxDepth: 10) { ...N children { ...N children { ...N } } } } }
      fragment N on Node { name type pPath experimentId }"""
    [top] = ask(alice, query, a="alice")["project"]["nodes"]
    assert (top["name"], top["type"], top["experimentId"]) == ("sweeps", "FOLDER", None)
    leaves = top["children"][0]["children"]
    assert [(each["type"], each["pPath"]) for each in leaves] == [
        ("EXPERIMENT", "/sweeps/a/run-1"), ("EXPERIMENT", "/sweeps/a/run-2"),
    ]  # fmt: skip


BOMB = "query{me{...a0}}" + "".join(
    f"fragment a{n} on User{{...a{n + 1} ...a{n + 1}}}" for n in range(60)
) + "fragment a60 on User{id}"  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "", "{", "{nothing}", "{me}", "mutation{x}", "{me{id}" * 50, "{" * 100_000,
        "{me{...f}} fragment f on User{...f}", BOMB, "{" + "me{id} " * 500 + "}",
        "{" + " ".join(f"a{n}:me{{id}}" for n in range(100)) + "}", "query" * 30_000,
        "{projects{namespace{" + "projects{namespace{" * 20 + "id" + "}}" * 20 + "}}}",
        "query($e: ID!){experimentById(id:$e){id}}", '{project(id:{a:1}){id}}',
        '{searchExperiments(pattern:"' + "*" * 600 + '"){id}}',
        "{" + " ".join(f"a{n}" for n in range(MOST_FIELDS + 1)) + "}",
    ],
)  # fmt: skip
def test_documents_that_are_wrong_or_cost_too_much(alice: httpx.Client, query: str) -> None:
    """Errors with status 200, as GraphQL has it, and soon."""
    reply = alice.post("/graphql", json={"query": query, "variables": {}})
    assert reply.status_code == 200, reply.text
    assert reply.json()["errors"][0]["message"]
    assert reply.elapsed.total_seconds() < 5
