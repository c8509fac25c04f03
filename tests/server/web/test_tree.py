"""Projects, folders, experiments and files: made once, found again, kept apart from others."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.server.live import Live, experiment_of, run_of


def make(client: httpx.Client, namespace: str = "alice", **body: Any) -> httpx.Response:
    """Make a node."""
    return client.post(f"/api/namespaces/{namespace}/nodes", json=body)


def send_file(
    client: httpx.Client, run: dict[str, Any], content: bytes, name: str = "model.pt",
    **fields: str,
) -> httpx.Response:  # fmt: skip
    """Send a file as clients of 0.6 do."""
    experiment = run["experiment"]
    form = {
        "type": "FILE", "projectId": experiment["projectId"], "experimentId": experiment["id"],
        "parentId": run["node"]["id"], "name": name,
        "checksum": hashlib.sha256(content).hexdigest(), **fields,
    }  # fmt: skip
    return client.post("/api/namespaces/alice/nodes", data=form, files={"file": (name, content)})


def test_eight_clients_make_one_chain_of_folders(live_on_both: Live) -> None:
    """Everybody gets the same ids, and nobody a conflict."""
    token = live_on_both.token("alice")

    def chain(_: int) -> tuple[str, ...]:
        client = live_on_both.client(token)
        project = make(client, type="PROJECT", name="vision", slug="vision").json()["project"]
        parent, ids = "ROOT", [project["id"]]
        for name in ("a", "b", "c"):
            reply = make(
                client, type="FOLDER", projectId=project["id"], parentId=parent, name=name
            )
            assert reply.status_code == 200, reply.text
            parent = reply.json()["node"]["id"]
            ids.append(parent)
        reply = make(
            client, type="EXPERIMENT", projectId=project["id"], parentId=parent, name="run"
        )
        return (*ids, reply.json()["experiment"]["id"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(chain, range(8)))) == 1


def test_an_experiment_opened_again_is_the_same_and_runs(alice: httpx.Client) -> None:
    """What is not sent again stays."""
    facts = {"description": "baseline", "tags": ["t1", "t1"], "metadata": {"seed": 7}}
    body = {"type": "EXPERIMENT", "name": "r", "parentId": "ROOT", "projectSlug": "My Project.1"}
    first = make(alice, **body, **facts).json()
    alice.patch(f"/api/nodes/{first['node']['id']}", json={"status": "FAILED"}).raise_for_status()
    second = make(alice, **body).json()
    assert second["experiment"]["id"] == first["experiment"]["id"]
    assert second["node"]["id"] == first["node"]["id"]
    assert second["experiment"]["status"] == "RUNNING"
    assert second["experiment"]["tags"] == ["t1"]
    assert second["experiment"]["metadata"] == {"seed": 7}
    assert second["project"]["slug"] == "My Project.1"


def test_a_project_that_is_to_be_made_is_not_taken_over(alice: httpx.Client) -> None:
    """0.6's `create` sends a description and gets 409; 0.6's open sends none and gets it."""
    body = {"type": "PROJECT", "name": "vision", "slug": "vision"}
    assert make(alice, **body, description="").status_code == 200
    assert make(alice, **body, description="").status_code == 409
    assert make(alice, **body).status_code == 200


def test_a_file_goes_in_and_comes_out(live_on_both: Live) -> None:
    """Its bytes, a range of them, its facts, its place; and it is replaced under its name."""
    client = live_on_both.as_user("alice")
    run = run_of(client)
    content = bytes(range(256)) * 3000
    reply = send_file(client, run, content, tags="best,nightly", metadata='{"epoch": 3}')
    assert reply.status_code == 200, reply.text
    node = reply.json()["node"]
    assert (node["tags"], node["metadata"]) == (["best", "nightly"], {"epoch": 3})
    assert reply.json()["physicalFile"]["sizeBytes"] == str(len(content))
    path = f"/api/nodes/{node['id']}"
    got = client.get(f"{path}/download")
    assert (got.status_code, got.content) == (200, content)
    part = client.get(f"{path}/download", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    beyond = client.get(f"{path}/download", headers={"range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.json()["error"]) == (416, "range-not-satisfiable")
    head = client.head(f"{path}/download", headers={"range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-disposition", "content-type", "accept-ranges"):
        assert head.headers[name] == got.headers[name]
    assert head.headers["content-length"] == str(len(content))
    assert head.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert client.head("/api/nodes/1/download").status_code == 404
    assert client.head(f"/api/nodes/{run['node']['id']}/download").status_code == 404
    again = send_file(client, run, b"new").json()["node"]
    assert again["id"] == node["id"]
    assert client.get(f"{path}/download").content == b"new"


def test_a_wrong_checksum_or_a_broken_form_stores_nothing(alice: httpx.Client) -> None:
    """A typed 4xx, and no file in the list."""
    run = run_of(alice)
    assert send_file(alice, run, b"abc", checksum="0" * 64).json()["error"] == "checksum-mismatch"
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    broken = b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nhalf'
    for body in (broken, b"", b"--b--\r\n", b"\xff\x00"):
        reply = alice.post("/api/namespaces/alice/nodes", content=body, headers=boundary)
        assert reply.status_code in (400, 422), reply.text
    params = {"pattern": "**", "experimentId": run["experiment"]["id"]}
    found = alice.get("/api/search/files", params=params)
    assert found.json() == {"files": []}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", "a\nb", "a\x00b", " ", "x" * 501])
def test_names_that_step_out_or_cannot_be_shown_are_refused(
    alice: httpx.Client, name: str
) -> None:  # fmt: skip
    """As the name of a file, of a folder and of a project."""
    run = run_of(alice)
    form = send_file(alice, run, b"abc", name=name)
    assert form.status_code in (413, 422)
    project = run["project"]["id"]
    folder = make(alice, type="FOLDER", projectId=project, parentId="ROOT", name=name)
    assert folder.status_code in (413, 422)
    assert make(alice, type="PROJECT", name=name, slug=name).status_code in (413, 422)


def test_a_deleted_file_is_gone_and_its_name_is_free(alice: httpx.Client) -> None:
    """The answer says when; what is there no more answers 404."""
    run = run_of(alice)
    first = send_file(alice, run, b"abc").json()["node"]["id"]
    assert alice.delete(f"/api/nodes/{first}").json()["deletedAt"].endswith("Z")
    assert alice.get(f"/api/nodes/{first}").status_code == 404
    assert alice.get(f"/api/nodes/{first}/download").status_code == 404
    assert send_file(alice, run, b"abc").json()["node"]["id"] != first


def test_files_are_found_by_their_path(live: Live, alice: httpx.Client) -> None:
    """``**`` is any folders, also none; brackets are no wildcards."""
    run = run_of(alice)
    project = run["project"]["id"]
    folder = make(alice, type="FOLDER", projectId=project, parentId=run["node"]["id"],
                  name="models", experimentId=run["experiment"]["id"]).json()["node"]  # fmt: skip
    send_file(alice, run, b"1", name="a[1].pt")
    send_file(alice, run, b"2", name="a[1].pt", parentId=folder["id"])

    def found(pattern: str) -> list[str]:
        params = {"pattern": pattern, "experimentId": run["experiment"]["id"]}
        reply = alice.get("/api/search/files", params=params).json()
        return [each["path"] for each in reply["files"]]

    assert found("**/a[1].pt") == ["a[1].pt", "models/a[1].pt"]
    assert found("models/*") == ["models/a[1].pt"]
    assert found("*") == ["a[1].pt"]
    everywhere = {"pattern": "**/a[1].pt"}
    assert len(alice.get("/api/search/files", params=everywhere).json()["files"]) == 2
    others = live.as_user("mallory").get("/api/search/files", params=everywhere)
    assert others.json() == {"files": []}


def test_a_removed_project_takes_all_with_it(live_on_both: Live) -> None:
    """Its runs, their points and their entries; and its slug is free."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    client.post(f"{run}/metrics/m/append", json={"data": {"a": 1}}).raise_for_status()
    body = {"entries": [{"timestamp": 1, "a": 1}]}
    client.post(f"{run}/tracks/t/append_batch", json=body).raise_for_status()
    project = client.get(run).json()["projectId"]
    reply = client.delete(f"/api/projects/{project}").json()
    assert (reply["experiments"], reply["deleted"]) == (1, 2)
    assert client.get(run).status_code == 404
    assert client.delete(f"/api/projects/{project}").status_code == 404
    assert experiment_of(client) != run
