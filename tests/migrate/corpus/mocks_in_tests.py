from unittest import mock
from ml_dash import RemoteClient

def test_project():
    client = mock.Mock(spec=RemoteClient)
    client.get_project_id.return_value = None
    assert client.get_project_id("x") is None  #: MLD001 likely TODO

def test_real():
    with mock.patch.object(RemoteClient, "get_project_id", return_value="7"):
        assert RemoteClient("http://x").get_project_id("v") == "7"  #: MLD001 certain get_project_id_or_raise
