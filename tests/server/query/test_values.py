"""Logged values by GraphQL, as the client of this release reads them."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

from ml_dash.client import RemoteClient
from ml_dash.runs.remote import find_run
from ml_dash.server.settings import ServerSettings
from tests.server.live import running

VALUES: dict[str, Any] = {
    "loss": math.inf, "word": "NaN", "tilde": "~Infinity", "deep": [{"x": "Infinity"}]
}


def test_metadata_and_parameters_come_back_as_they_were(tmp_path: Path) -> None:
    """An infinity is a number and the text NaN a text, also where it is a name."""
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    with running(ServerSettings(data=tmp_path / "data")) as live:
        client = RemoteClient(live.url, namespace="alice", api_key=live.token("alice"))
        made = client.create_or_update_experiment("odd", "NaN", metadata=VALUES)
        run = made["experiment"]["id"]
        client.set_parameters(run, VALUES)
        client.upload_file(
            run, str(file), "", "NaN", None, ["t"], VALUES,
            hashlib.sha256(b"abc").hexdigest(), "text/plain", 3,
        )  # fmt: skip
        shown = client.get_experiment_graphql_or_raise("odd", "NaN", namespace_slug="alice")
        assert (shown["name"], shown["metadata"]) == ("NaN", VALUES)
        assert shown["parameters"]["data"] == VALUES
        [listed] = client.list_files_or_raise(run)
        assert (listed["name"], listed["metadata"]) == ("NaN", VALUES)
        for page in (client.list_experiments_graphql_or_raise("odd", namespace_slug="alice"),
                     client.search_experiments_graphql_or_raise("alice/odd/*")):  # fmt: skip
            assert [each["metadata"] for each in page] == [VALUES]
        found = find_run(client, "alice/odd/NaN")
        assert found.facts.metadata == found.refresh().facts.metadata == VALUES
        # A query of one's own is answered as it was sent.
        raw = client.graphql_query_or_raise("{projects{experimentCount} searchExperiments("
                                            'pattern:"alice/odd/*"){metadata}}')  # fmt: skip
        assert raw["searchExperiments"][0]["metadata"]["word"] == "~NaN"
        client.close()
