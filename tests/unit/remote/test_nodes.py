"""Projects, folders and runs on the server."""

from __future__ import annotations

import pickle

import pytest

from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    InvalidResponseError,
    NamespaceNotFoundError,
    ProjectNotFoundError,
    RemoteNotFoundError,
)
from tests.unit.remote.server import Fault, Server


def test_run_in_folders(client: RemoteClient, server: Server) -> None:
    """The folders of the prefix are made once, the run inside the last of them."""
    for name in ("run-1", "run-2"):
        reply = client.create_or_update_experiment(
            "vision", name, tags=["t"], description="", prefix=f"alice/vision/sweeps/lr/{name}"
        )
    sent = [request.json for request in server.sent("POST", "/nodes")]
    assert [(each["type"], each["name"]) for each in sent] == [
        ("FOLDER", "sweeps"), ("FOLDER", "lr"), ("EXPERIMENT", "run-1"), ("EXPERIMENT", "run-2")
    ]  # fmt: skip
    assert sent[0]["parentId"] == "ROOT"
    assert sent[1]["parentId"] == "1000"
    assert sent[3] == {
        "type": "EXPERIMENT", "name": "run-2", "parentId": "1001", "projectId": "100",
        "description": "", "tags": ["t"],
    }  # fmt: skip
    assert reply["experiment"]["id"] == "e1003"
    assert len(server.sent("POST", "/graphql")) == 2  # namespace and project, once each


def test_run_of_a_new_project(client: RemoteClient, server: Server) -> None:
    """Without folders the server makes the project; with folders it is made first."""
    client.create_or_update_experiment("fresh", "run", prefix="alice/fresh/run")
    assert server.sent("POST", "/nodes")[0].json["projectSlug"] == "fresh"
    client.create_or_update_experiment("new", "run", prefix="alice/new/folder/run")
    made = [each.json for each in server.sent("POST", "/nodes")[1:]]
    assert [each["type"] for each in made] == ["PROJECT", "FOLDER", "EXPERIMENT"]
    assert made[0] == {"type": "PROJECT", "name": "new", "slug": "new"}


def test_project_made_by_another_at_the_same_time(client: RemoteClient, server: Server) -> None:
    """A lasting conflict while making the project means that it is there: it is looked up."""
    answers = [[], [], [{"id": "55", "slug": "new"}]]

    def projects(_variables: object) -> object:
        return {"data": {"namespace": {"projects": answers.pop(0)}}}

    server.replies["GetProject"] = projects
    answers.pop(0)
    client.namespace = "alice"
    assert client.get_project_id_or_none("new") is None
    server.faults.extend([Fault(status=409)] * 4)
    with pytest.raises(Exception, match="409"):
        client._make_node(b"{}")
    server.faults.extend([Fault(status=409)] * 4)
    assert client._make_project("new") == "55"


@pytest.mark.parametrize("missing", ["FOLDER", "EXPERIMENT", "PROJECT"])
def test_answer_without_id_stops(client: RemoteClient, server: Server, missing: str) -> None:
    """Nothing is made below a node whose id the server did not say (0.6 used the root)."""
    if missing != "PROJECT":
        client.namespace = "alice"
        client._project_ids[("alice", "p")] = "1"
    server.replies["POST /api/namespaces/alice/nodes"] = {"node": {}, "project": None}
    prefix = "alice/p/run" if missing == "EXPERIMENT" else "alice/p/folder/run"
    with pytest.raises(InvalidResponseError, match="id"):
        client.create_or_update_experiment("p", "run", prefix=prefix)
    assert [each.json["type"] for each in server.sent("POST", "/nodes")] == [missing]


def test_status(client: RemoteClient, server: Server) -> None:
    """A status goes to the run's node, found once; an unknown run is an error."""
    client.update_experiment_status("7", "COMPLETED")
    client.update_experiment_status("7", "FAILED")
    assert server.nodes["70"]["status"] == "FAILED"
    assert len(server.sent("POST", "/graphql")) == 1
    with pytest.raises(RemoteNotFoundError, match="8") as caught:
        client.update_experiment_status("8", "FAILED")
    assert isinstance(caught.value, ValueError)
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)


def test_project_ids(client: RemoteClient, server: Server) -> None:
    """A known project has its id in every form; an unknown one is None, None and an error."""
    assert client.get_project_id("vision") == "100"
    assert client.get_project_id_or_none("vision") == "100"
    assert client.get_project_id_or_raise("vision") == "100"
    assert client.get_project_id("other") is None
    assert client.get_project_id_or_none("other") is None
    with pytest.raises(ProjectNotFoundError, match="other") as caught:
        client.get_project_id_or_raise("other")
    assert isinstance(caught.value, ValueError)


def test_unknown_namespace(client: RemoteClient, server: Server) -> None:
    """A namespace that the server does not know is no missing project."""
    client.namespace = "bob"
    with pytest.raises(NamespaceNotFoundError, match="bob") as caught:
        client.get_project_id_or_none("vision")
    assert isinstance(caught.value, ValueError)


def test_namespace_failure_is_not_kept(client: RemoteClient, server: Server) -> None:
    """The true cause is raised, and the next call asks again."""
    server.replies["GetMyNamespace"] = {"data": {"me": None}}
    with pytest.raises(NamespaceNotFoundError):
        _ = client.namespace
    server.replies.clear()
    server.faults.append(Fault(status=403))
    with pytest.raises(PermissionError):
        _ = client.namespace
    assert client.namespace == "alice"
    assert client.fetch_namespace_or_raise() == "alice"


def test_delete_project(client: RemoteClient, server: Server) -> None:
    """A deleted project is gone, also from what the client remembers."""
    assert client.delete_project("vision")["deleted"] == 1
    assert server.sent("DELETE", "/api/projects/100")
    with pytest.raises(ProjectNotFoundError):
        client.delete_project("vision")
