"""What clients of 0.6 ask by GraphQL, with what they read of the answers."""

from __future__ import annotations

from types import NoneType
from typing import Any

import httpx
import pytest

from tests.server.web.wire import NODES, OPTIONAL, PHYSICAL, World, has, send

FILE = """id name pPath description tags metadata
  physicalFile{filename contentType sizeBytes checksum s3Url}"""
PNS = "project{slug namespace{slug}}"
LEVELS = "id name type experimentId parentId children{" * 3 + "id" + "}" * 3
LIST = f"""id name description tags status startedAt endedAt metadata {PNS} logMetadata{{totalLogs}}
  metrics{{name metricMetadata{{totalDataPoints}}}} files{{{FILE}}}"""
SEARCH = """id name description tags status startedAt endedAt metadata
  project{id slug name namespace{id slug}} logMetadata{totalLogs}
  metrics{name metricMetadata{totalDataPoints}}"""
COUNTED = "totalCount hasMore"
HIERARCHY = "nodes(parentId:null, maxDepth:20){" + "...N children{" * 9 + "...N" + "}" * 10
TREE = [{"id": str, "type": str, "experimentId": OPTIONAL, "children": list}]
PAGE = {"totalCount": int, "hasMore": bool}
LISTED = {
    "id": str, "name": str, "description": OPTIONAL, "tags": list, "status": str,
    "startedAt": OPTIONAL, "endedAt": OPTIONAL, "metadata": (dict, NoneType),
    "project": {"slug": str, "namespace": {"slug": str}}, "logMetadata": {"totalLogs": int},
    "metrics": list, "files": list,
}  # fmt: skip
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetMyNamespace": ("query{me{username}}", {"me": {"username": str}}),
    "GetCurrentUser": ("query{me{id username email name given_name family_name picture}}",
                       {"me": {"id": str, "username": str, "email": OPTIONAL, "name": OPTIONAL}}),
    "GetProject": ("query($namespace:String!){namespace(slug:$namespace){projects{id slug}}}",
                   {"namespace": {"projects": [{"id": str, "slug": str}]}}),
    "GetExperimentNode a": ("query($experiment:ID!){experimentNode(experimentId:$experiment){id}}",
                            {"experimentNode": {"id": str}}),
    "GetExperimentProject a": ("query($experiment:ID!){experimentById(id:$experiment){projectId}}",
                               {"experimentById": {"projectId": str}}),
    # Its second variable is never used.
    "GetExperimentNode b": (
        "query($project:ID!,$experiment:ID!){project(id:$project){nodes(parentId:null,maxDepth:10){"
        + "id type experimentId children{" * 3 + "id" + "}" * 6,
        {"project": {"nodes": TREE}}),
    "GetExpInfo": (f"query($experiment:ID!){{experimentById(id:$experiment){{{PNS}}}}}",
                   {"experimentById": {"project": {"slug": str, "namespace": {"slug": str}}}}),
    "GetExperimentPath": (
        ("query($namespace:String!,$slug:String!){project(namespaceSlug:$namespace,"
        f"projectSlug:$slug){{nodes(parentId:null,maxDepth:10){{{LEVELS}}}}}}}"),
        {"project": {"nodes": [{"id": str, "name": str, "parentId": NoneType, "children": list}]}}),
    "GetExperimentProject b": (
        "query($experiment:ID!){experimentById(id:$experiment){project{slug name}}}",
        {"experimentById": {"project": {"slug": str, "name": str}}}),
    "Experiment": (
        ("query($namespace:String,$slug:String!,$name:String!){experiment(namespaceSlug:$namespace,"
        f"projectSlug:$slug,experimentName:$name){{id name description tags status metadata {PNS} "
        "logMetadata{totalLogs} metrics{name metricMetadata{totalDataPoints}} "
        f"files{{{FILE}}} parameters{{id data}}}}}}"),
        {"experiment": {"id": str, "parameters": {"id": str, "data": dict}, "metadata": dict,
                        "metrics": [{"metricMetadata": {"totalDataPoints": int}}]}}),
    "ListExperimentFiles": (
        (f"query($experiment:ID!){{experimentById(id:$experiment){{files{{{FILE} createdAt "
        "physicalFile{id}}}}"),
        {"experimentById": {"files": [{"physicalFile": {**PHYSICAL, "id": str}}]}}),
    "Projects": ("query{projects{id name slug description tags}}",
                 {"projects": [{"id": str, "name": str, "slug": str, "tags": list}]}),
    "ExperimentsCount": ("query($slug:String!){experiments(projectSlug:$slug){id}}",
                         {"experiments": [{"id": str}]}),
    "Experiments": (("query($slug:String!,$status:ExperimentStatus){experiments(projectSlug:$slug,"
                    f"status:$status){{{LIST} parameters{{id data}}}}}}"),
                    {"experiments": [LISTED]}),
    "SearchExperiments": ((f"query($pattern:String!){{searchExperiments(pattern:$pattern){{{SEARCH}"
                          f" files{{{FILE}}}}}}}"), {"searchExperiments": [LISTED]}),
    "ListExperimentFilesPaginated": (
        ("query($experiment:ID!,$limit:Int!,$offset:Int!){experimentById(id:$experiment){"
        f"filesPaginated(limit:$limit,offset:$offset){{files{{{FILE} createdAt}} {COUNTED}}}}}}}"),
        {"experimentById": {"filesPaginated": {**PAGE, "files": [{"id": str, "pPath": str}]}}}),
    "ProjectsPaginated": (
        ("query($namespace:String,$limit:Int!,$offset:Int!){projectsPaginated(namespaceSlug:"
        "$namespace,limit:$limit,offset:$offset){projects{id name slug description tags "
        f"experimentCount}} {COUNTED}}}}}"),
        {"projectsPaginated": {**PAGE, "projects": [{"experimentCount": int}]}}),
    "ExperimentsPaginated": (
        ("query($namespace:String,$slug:String!,$status:ExperimentStatus,$limit:Int!,$offset:Int!){"
        "experimentsPaginated(namespaceSlug:$namespace,projectSlug:$slug,status:$status,"
        f"limit:$limit,offset:$offset){{experiments{{id name description tags status startedAt "
        f"endedAt metadata {PNS} logMetadata{{totalLogs}} metrics{{name}} files{{id}} trackCount "
        f"displayPath}} {COUNTED}}}}}"),
        {"experimentsPaginated": {**PAGE, "experiments": [
            {**LISTED, "trackCount": int, "displayPath": OPTIONAL}]}}),
    "SearchExperimentsPaginated": (
        ("query($pattern:String!,$limit:Int!,$offset:Int!){searchExperimentsPaginated(pattern:"
        f"$pattern,limit:$limit,offset:$offset){{experiments{{{SEARCH} files{{id name}} trackCount "
        f"displayPath}} {COUNTED}}}}}"),
        {"searchExperimentsPaginated": {**PAGE, "experiments": [{**LISTED, "trackCount": int}]}}),
    "GetProjectHierarchy": (
        ("query($namespace:String!,$slug:String!){project(namespaceSlug:$namespace,projectSlug:$slug)"
        f"{{{HIERARCHY}}}}} fragment N on Node{{id name type pPath experimentId}}"),
        {"project": {"nodes": TREE}}),
    "GetExperiment": (
        (f"query($experiment:ID!){{experimentById(id:$experiment){{id name description tags status "
        f"metadata {PNS}}}}}"), {"experimentById": {"id": str, "metadata": dict}}),
}  # fmt: skip


def ask(client: httpx.Client, query: str, variables: Any) -> dict[str, Any]:
    """Return the data of an answer; a success has no key ``errors`` at all."""
    found = send(client, "POST", "/graphql", {"query": query, "variables": variables})
    assert "errors" not in found, found
    return dict(found["data"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_graphql(world: World, name: str) -> None:
    """Each of both releases, with what clients read of it."""
    query, shape = OPERATIONS[name]
    variables = {
        "namespace": "alice", "slug": "vision", "name": "run-1", "pattern": "alice/vis*/*",
        "experiment": world.ids["experiment"], "project": world.ids["project"], "status": None,
        "limit": 50, "offset": 0,
    }  # fmt: skip
    has(ask(world.client, query, {key: variables[key] for key in variables if f"${key}" in query}),
        shape)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("Experiments", {"slug": "alice/vision"}), ("Experiments", {"slug": "vision"}),
        ("Experiments", {"slug": "alice/vision/sweeps/run-1"}),
        ("ExperimentsPaginated", {"slug": "alice/vision", "limit": 50, "offset": 0}),
        ("ExperimentsPaginated", {"namespace": None, "slug": "vision", "limit": 1, "offset": 0}),
        ("ProjectsPaginated", {"namespace": None, "limit": 50, "offset": 0}),
        ("ProjectsPaginated", {"limit": 50, "offset": 0}),
        ("SearchExperiments", {"pattern": "alice/vis*"}),
        ("SearchExperiments", {"pattern": "*/visio?/[r-t]*"}),
        ("SearchExperimentsPaginated", {"pattern": "vis*", "limit": 50, "offset": 0}),
        ("Experiment", {"slug": "alice/vision", "name": "sweeps/run-1"}),
        ("Experiment", {"namespace": None, "slug": "vision", "name": "run-1"}),
    ],
)  # fmt: skip
def test_arguments_come_in_many_ways(world: World, name: str, variables: Any) -> None:
    """A project with its namespace, no namespace, globs of two parts, a name with its folder."""
    query, shape = OPERATIONS[name]
    has(ask(world.client, query, variables), shape)


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED", "FAILED", "CANCELLED", "ARCHIVED"])
def test_runs_are_chosen_by_status(world: World, status: str) -> None:
    """Each of the five, also those that the command line does not offer."""
    send(world.client, "PATCH", f"/api/nodes/{world.ids['node']}", {"status": status})
    query, _ = OPERATIONS["Experiments"]
    found = ask(world.client, query, {"slug": "vision", "status": status})["experiments"]
    assert world.ids["experiment"] in [each["id"] for each in found]
    assert {each["status"] for each in found} == {status}


def test_what_is_not_there_is_null(world: World) -> None:
    """Where clients take null for "not there"; and lists are empty, never null."""
    query = """query{ namespace(slug:"nobody"){id} experimentById(id:"1"){id}
      experimentNode(experimentId:"1"){id} project(id:"1"){id}
      experiment(projectSlug:"vision",experimentName:"none"){id}
      experiments(projectSlug:"none"){id} searchExperiments(pattern:"alice/none*"){id} }"""
    assert ask(world.client, query, {}) == {
        "namespace": None, "experimentById": None, "experimentNode": None, "project": None,
        "experiment": None, "experiments": [], "searchExperiments": [],
    }  # fmt: skip
    fresh = {"type": "EXPERIMENT", "name": "bare", "parentId": "ROOT", "projectSlug": "bare"}
    run = send(world.client, "POST", NODES, fresh)["experiment"]["id"]
    shown = ask(
        world.client, "query($e:ID!){experimentById(id:$e){tags metrics{name} files{id} metadata "
        "parameters{data} endedAt logMetadata{totalLogs}}}", {"e": run},
    )["experimentById"]  # fmt: skip
    assert shown == {
        "tags": [], "metrics": [], "files": [], "metadata": None, "parameters": None,
        "endedAt": None, "logMetadata": {"totalLogs": 0},
    }  # fmt: skip


def test_errors_of_graphql_come_with_status_200(world: World) -> None:
    """With objects that have a message, as 0.6.27 joins them."""
    reply = world.client.post("/graphql", json={"query": "{nothing}", "variables": {}})
    assert reply.status_code == 200
    assert all(isinstance(each["message"], str) for each in reply.json()["errors"])


def test_a_file_lies_in_the_tree(world: World) -> None:
    """Its path begins at the run; metadata are objects, not texts."""
    query, _ = OPERATIONS["ListExperimentFiles"]
    found = ask(world.client, query, {"experiment": world.ids["experiment"]})
    [file] = [each for each in found["experimentById"]["files"] if each["name"] == "model.pt"]
    assert file["pPath"] == "/models/model.pt"
    assert isinstance(file["metadata"], dict)
    query, _ = OPERATIONS["GetProjectHierarchy"]
    nodes = ask(world.client, query, {"namespace": "alice", "slug": "vision"})["project"]["nodes"]
    [sweeps] = [each for each in nodes if each["name"] == "sweeps"]
    [run] = sweeps["children"]
    assert (run["pPath"], run["experimentId"]) == ("/sweeps/run-1", world.ids["experiment"])
