"""What a run says of itself, here and on the project's own server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import opened, sync
from ml_dash._delivery.run_facts import Difference
from ml_dash._delivery.target import folder_of
from ml_dash._delivery.verify import Compared, verify
from ml_dash.client import RemoteClient
from ml_dash.exceptions import RemoteNotFoundError

pytest.importorskip("uvicorn")

from tests.delivery.site import Site

SAID = {"readme": "the first", "tags": ["b", "a"], "metadata": {"seed": 7.0, "lr": 1e-3}}


@pytest.fixture
def client(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteClient]:
    """Return a client of a user of the project's server, whose token runs have, too."""
    monkeypatch.setenv("ML_DASH_TOKEN", site.token("vera"))
    with RemoteClient(site.server.address, "vera") as made:
        yield made


def recorded(client: RemoteClient, root: Path, name: str, **said: object) -> Path:
    """Record a run, deliver it, and return its folder."""
    url = client.graphql_base_url
    exp = Experiment(f"vera/vision/sweep/{name}", dash_url=url, dash_root=root, echo=False,
                     offline=True, **said)  # type: ignore[arg-type]  # fmt: skip
    with exp.run:
        exp.log("line")
    sync(exp.folder, folder_of(exp.folder, url))
    return exp.folder


def compared(client: RemoteClient, folder: Path) -> Compared:
    """Compare what a run says of itself."""
    with opened(folder, folder_of(folder, client.graphql_base_url)) as delivery:
        return next(row for row in verify(delivery) if row.stream == "run")


def run_id(client: RemoteClient, folder: Path) -> str:
    """Return the run's id on the server."""
    return folder_of(folder, client.graphql_base_url).target.run_id


def test_the_run_itself_is_compared(client: RemoteClient, tmp_path: Path) -> None:
    """Name, path, status, description, tags, bindrs and metadata agree after a delivery."""
    folder = recorded(client, tmp_path, "same", **SAID)
    assert compared(client, folder) == Compared("run", 7, 7, True)


def test_what_was_not_said_may_be_anything(client: RemoteClient, tmp_path: Path) -> None:
    """A description that somebody has written on the server contradicts nothing."""
    folder = recorded(client, tmp_path, "silent")
    client.create_or_update_experiment("vision", "silent", "from the web", None, None,
                                       "vera/vision/sweep/silent")  # fmt: skip
    client.update_experiment_status(run_id(client, folder), "COMPLETED")
    assert compared(client, folder).differences == ()


def test_each_fact_that_differs_is_named(client: RemoteClient, tmp_path: Path) -> None:
    """With what is here and what is there."""
    folder = recorded(client, tmp_path, "other", **SAID)
    client.create_or_update_experiment("vision", "other", "changed", ["a"], None,
                                       "vera/vision/sweep/other", metadata={"seed": 8})  # fmt: skip
    found = compared(client, folder)
    assert not found.same
    facts = {each.fact for each in found.differences}
    assert facts == {"description", "tags", "metadata", "status"}
    assert Difference("tags", ["b", "a"], ["a"]) in found.differences
    assert Difference("status", "COMPLETED", "RUNNING") in found.differences


def test_a_run_that_was_deleted_there(client: RemoteClient, tmp_path: Path) -> None:
    """Is not taken for one on a server that does not tell what it knows of a run."""
    folder = recorded(client, tmp_path, "deleted")
    client.delete_project("vision")
    with pytest.raises(RemoteNotFoundError):
        compared(client, folder)
