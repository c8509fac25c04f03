"""Every old name that answers for a failure, or before anything is safe, has its sibling."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_dash import Experiment
from ml_dash.exceptions import FileUploadError
from tests.contract.refusing import refusing

CLIENT = "client:RemoteClient"
STORE = "storage:LocalStorage"
FILE = "files:FileBuilder"

ANSWERS: dict[str, str] = {
    f"{CLIENT}.get_current_user": "get_current_user_or_raise",
    f"{CLIENT}.namespace": "fetch_namespace_or_raise",
    f"{CLIENT}.get_experiment_graphql": "get_experiment_graphql_or_raise",
    f"{CLIENT}.list_projects_graphql": "list_projects_graphql_or_raise",
    f"{CLIENT}.list_experiments_graphql": "list_experiments_graphql_or_raise",
    f"{CLIENT}.search_experiments_graphql": "search_experiments_graphql_or_raise",
    f"{CLIENT}.list_files": "list_files_or_raise",
    f"{CLIENT}.list_tracks": "list_tracks_or_raise",
    f"{CLIENT}.get_parameters": "get_parameters_or_raise",
    f"{CLIENT}.graphql_query": "graphql_query_or_raise",
    f"{CLIENT}.get_project_id": "get_project_id_or_raise",
    f"{STORE}.read_parameters": "read_parameters_or_raise",
    f"{STORE}.list_files": "list_files_or_raise",
    f"{STORE}.read_metric_data": "read_metric_data_or_raise",
    f"{STORE}.list_metrics": "list_metrics_or_raise",
    f"{STORE}.read_track_data": "read_track_data_or_raise",
    f"{STORE}.list_tracks": "list_tracks_or_raise",
    "params:ParametersBuilder.get": "get_or_raise",
    f"{FILE}.exists": "exists_or_raise",
    f"{FILE}.list": "list_or_raise",
    "files:FilesAccessor.list": "list_or_raise",
    "files:BindrsBuilder.list": "list_or_raise",
    "metric:MetricBuilder.read": "read_or_raise",
    "metric:MetricBuilder.list_all": "list_all_or_raise",
    "track:TrackBuilder.read": "read_or_raise",
    "track:TrackBuilder.list_entries": "list_entries_or_raise",
    "auth.token_storage:PlaintextFileStorage.load": "load_or_raise",
    "auth.token_storage:TokenStorage.load": "load_or_raise",
    "auth.token_storage:decode_jwt_payload": "decode_jwt_payload_or_raise",
    "files:verify_checksum": "verify_checksum_or_raise",
    "run:find_project_root": "find_project_root_or_raise",
}
"""Names whose answer can stand for an error, and the sibling with the same arguments."""

UNDELIVERED: dict[str, str] = {
    "experiment:Experiment.flush": "flush_or_raise",
    "metric:MetricsManager.flush": "flush_or_raise",
    "metric:MetricBuilder.flush": "flush_or_raise",
    "track:TracksManager.flush": "flush_or_raise",
    "track:TrackBuilder.flush": "flush_or_raise",
    "run:RUN.complete": "complete_or_raise",
    "run:RUN.fail": "fail_or_raise",
    "run:RUN.cancel": "cancel_or_raise",
    "metric:BufferManager.log_summary": "log_summary_or_raise",
    "metric:SummaryCache.summarize": "summarize_or_raise",
}
"""Names that return while something is on its way; the sibling may also take ``timeout_s``."""

OTHERWISE: dict[str, str] = {
    "client:UserInfo.fetch_or_raise": "(self, refresh=False)",
    "config:Config.load_or_raise": "(config_dir=None)",
    "auth.token_storage:get_token_storage_or_raise": "(config_dir=None, backend=None)",
    f"{CLIENT}.fetch_namespace_or_raise": "(self)",
    "experiment:Experiment.flush_or_raise": "(self, timeout_s=None)",
}
"""Siblings of properties, constructors and wider names, with all that they take."""

RAISING: dict[str, Callable[[Experiment], Any]] = {
    "upload": lambda exp: exp.files("f").upload(__file__),
    "save": lambda exp: exp.files("f").save({"a": 1}, to="x.json"),
    "save_json": lambda exp: exp.files("f").save_json({"a": 1}, to="x.json"),
    "save_text": lambda exp: exp.files("f").save_text("x", to="x.txt"),
    "save_blob": lambda exp: exp.files("f").save_blob(b"x", to="x.bin"),
    "save_pkl": lambda exp: exp.files("f").save_pkl({"a": 1}, to="x.pkl"),
    "save_image": lambda exp: exp.files("f").save_image(np.zeros((2, 2)), to="x.png"),
    "duplicate": lambda exp: exp.files("f").duplicate(exp.files().list()[0], to="y"),
    "files.upload": lambda exp: exp.files.upload(__file__),
    "files.save_text": lambda exp: exp.files.save_text("x", to="x.txt"),
    "files.save_json": lambda exp: exp.files.save_json({"a": 1}, to="x.json"),
    "files.save_blob": lambda exp: exp.files.save_blob(b"x", to="x.bin"),
}
"""0.6 answered with a placeholder here. Now each returns the record of what is stored or raises,
in every mode: a sibling would be a second name for the same thing."""


def found(name: str) -> tuple[Any, Any]:
    """Return what a name stands for, and what it is a part of."""
    module, _, path = name.partition(":")
    owner = thing = importlib.import_module(f"ml_dash.{module}")
    for part in path.split("."):
        owner, thing = thing, getattr(thing, part)
    return thing, owner


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    """Return name, kind and default of each argument."""
    parameters = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


def told(function: Any) -> str:
    """Return the docstring from the line ``Raises:`` on."""
    return (inspect.getdoc(function) or "").partition("Raises:")[2].strip()


@pytest.mark.parametrize(("old", "new"), ANSWERS.items())
def test_a_sibling_takes_the_same_arguments(old: str, new: str) -> None:
    """A call is changed by changing its name."""
    was, owner = found(old)
    sibling = getattr(owner, new)
    assert arguments(sibling) == arguments(was if callable(was) else was.fget)
    assert told(sibling)


@pytest.mark.parametrize(("old", "new"), UNDELIVERED.items())
def test_a_sibling_that_waits_may_take_a_time(old: str, new: str) -> None:
    """Besides the time to wait, the arguments are the same."""
    was, owner = found(old)
    sibling = getattr(owner, new)
    without = [each for each in arguments(sibling) if each[0] != "timeout_s"]
    assert without == [each for each in arguments(was) if each[0] != "timeout_s"]
    assert told(sibling)


@pytest.mark.parametrize(("name", "takes"), OTHERWISE.items())
def test_a_sibling_of_another_kind(name: str, takes: str) -> None:
    """Properties and constructors have siblings too."""
    sibling, _ = found(name)
    bare = inspect.signature(sibling).replace(return_annotation=inspect.Signature.empty)
    plain = [each.replace(annotation=inspect.Parameter.empty) for each in bare.parameters.values()]
    assert str(bare.replace(parameters=plain)) == takes
    assert told(sibling)


@pytest.mark.parametrize("mode", ["strict", "default", "permissive"])
@pytest.mark.parametrize("name", RAISING)
def test_who_stores_a_file_needs_no_sibling(name: str, mode: str, tmp_path: Path) -> None:
    """A refused write raises in every mode, and is no record; the next call stores the file."""
    with Experiment("o/p/n", dash_root=tmp_path, error_mode=mode).run as exp:
        exp.files.save_text("first", to="first")
        with refusing(), pytest.raises(FileUploadError) as caught:
            RAISING[name](exp)
        assert len(exp.files().list()) == 1
        assert str(caught.value).count("(") == str(caught.value).count(")")
        record = RAISING[name](exp)
        assert record["status"] == "stored"
        assert record["id"] in {each["id"] for each in exp.files().list()}
