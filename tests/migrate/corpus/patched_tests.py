"""Tests that replace what the code under test calls."""
from unittest import mock
from unittest.mock import MagicMock, patch

import pytest
from ml_dash import Experiment, RemoteClient


@patch("ml_dash.client.RemoteClient.get_project_id", return_value="7")  #: MLD001 likely TODO
def test_found(get_project_id):
    assert RemoteClient("http://x") is not None


@patch.object(RemoteClient, "list_projects_graphql", return_value=[])  #: MLD001 likely TODO
def test_none(listed):
    listed.assert_not_called()


def test_monkeypatch(monkeypatch):
    monkeypatch.setattr(RemoteClient, "get_current_user", lambda self: None)  #: MLD001 likely TODO
    monkeypatch.setattr("ml_dash.files.FileBuilder.exists", lambda self: True)  #: MLD003 likely TODO


def test_magic():
    client = MagicMock()
    client.get_project_id.return_value = None  #: MLD001 likely TODO
    exp = MagicMock(spec=Experiment)
    exp.params.get.return_value = {"lr": 1}
    mock.Mock().get("x")


def test_tmp(tmp_path):
    with Experiment("alice/vision/test", dash_root=str(tmp_path)).run as exp:
        exp.params.set(lr=1)
        assert exp.params.get()["lr"] == 1  #: MLD004 certain get_or_raise
