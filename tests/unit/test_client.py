"""The public client and ``userinfo``: tokens, addresses, who is logged in."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest

from ml_dash.auth import token_storage
from ml_dash.auth.token_storage import PlaintextFileStorage
from ml_dash.client import RemoteClient, UserInfo, _serialize_value
from ml_dash.exceptions import (
    CredentialsRejectedError,
    MLDashDeprecationWarning,
    NotAuthenticatedError,
    RecoverableWarning,
    ServerError,
)
from ml_dash.run import RUN
from tests.unit.remote import conftest as remote
from tests.unit.remote.server import TOKEN, Fault, Server

server = remote.server  # the fixture


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlaintextFileStorage:
    """Put a store of tokens in the place of the user's, as tests of 0.6 do."""
    with warnings.catch_warnings():  # it warns of itself, once in a process
        warnings.simplefilter("ignore", RecoverableWarning)
        tokens = PlaintextFileStorage(tmp_path / "tokens")
    monkeypatch.setattr(token_storage, "get_token_storage", lambda: tokens)
    return tokens


@pytest.fixture
def configured(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let the server be the configured one."""
    monkeypatch.setattr(RUN, "api_url", server.url)
    return server


# --- tokens -----------------------------------------------------------------------------------


def test_token_that_is_given_wins(
    server: Server,
    store: PlaintextFileStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``api_key`` wins over ``ML_DASH_TOKEN``, which wins over the stored token."""
    store.store("ml-dash-token", "stored")
    assert RemoteClient(server.url).api_key == "stored"
    monkeypatch.setenv("ML_DASH_TOKEN", "from-the-environment")
    assert RemoteClient(server.url).api_key == "from-the-environment"
    assert RemoteClient(server.url, api_key="given").api_key == "given"


def test_token_is_looked_up_late(server: Server, store: PlaintextFileStorage) -> None:
    """A token that is stored after the client was built is used."""
    with RemoteClient(server.url) as client:
        store.store("ml-dash-token", TOKEN)
        assert client.namespace == "alice"


def test_no_token(server: Server, store: PlaintextFileStorage) -> None:
    """Without a token the first request is a NotAuthenticatedError, and nothing is sent."""
    with RemoteClient(server.url) as client:
        assert client.api_key is None
        with pytest.raises(NotAuthenticatedError, match="ml-dash login"):
            client.get_project_id_or_raise("vision")
        with pytest.warns(MLDashDeprecationWarning, match="MLD001"):
            assert client.get_project_id("vision") is None
        assert client.get_current_user_or_none() is None
    assert server.requests == []


def test_new_login_after_a_refused_token(
    server: Server,
    store: PlaintextFileStorage,
) -> None:
    """After a 401 the store is asked again: a client that lives on takes up a new login."""
    store.store("ml-dash-token", "expired")
    with RemoteClient(server.url) as client:
        with pytest.raises(CredentialsRejectedError):
            client.get_parameters("7")
        store.store("ml-dash-token", TOKEN)
        assert client.get_parameters("7") == {}


def test_token_can_be_set(server: Server) -> None:
    """``api_key`` can be assigned, as in 0.6."""
    with RemoteClient(server.url, api_key="old") as client:
        client.api_key = TOKEN
        assert client.get_parameters("7") == {}
        assert TOKEN not in repr(client) + repr(client._credentials)


# --- userinfo ---------------------------------------------------------------------------------


@pytest.fixture
def logged_in(configured: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Let somebody be logged in at the configured server."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    return configured


def test_user(logged_in: Server) -> None:
    """All properties come from one request to the configured server."""
    user = UserInfo()
    assert (user.username, user.email, user.name) == ("alice", "alice@example.org", "Alice Ito")
    assert (user.given_name, user.family_name, user.picture, user.id) == (
        "Alice", "Ito", None, "u1"
    )  # fmt: skip
    assert user
    assert "alice@example.org" in repr(user)
    assert len(logged_in.requests) == 1
    assert user.fetch_or_raise(refresh=True)["id"] == "u1"
    assert len(logged_in.requests) == 2


def test_nobody_is_logged_in(
    configured: Server, store: PlaintextFileStorage, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a token everything is None and false, without a word."""
    user = UserInfo()
    assert (user.username, bool(user)) == (None, False)
    assert "not authenticated" in repr(user)
    assert [each for each in caplog.records if each.name == "ml_dash.client"] == []
    with pytest.raises(NotAuthenticatedError):
        user.fetch_or_raise()
    assert configured.requests == []


def test_failure_is_logged_and_not_kept(
    logged_in: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure answers None, is logged with its cause, and is asked again (0.6 kept it)."""
    user = UserInfo()
    logged_in.faults.extend([Fault(status=400)] * 2)
    with pytest.warns(MLDashDeprecationWarning, match="MLD001"):
        assert user.username is None
    (record,) = [each for each in caplog.records if each.name == "ml_dash.client"]
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    with pytest.raises(Exception, match="400"):
        user.fetch_or_raise()
    assert user.username == "alice"


def test_failing_refresh_keeps_what_is_known(logged_in: Server) -> None:
    """A refresh that fails raises, and the known user stays."""
    user = UserInfo()
    assert user.username == "alice"
    logged_in.faults.append(Fault(status=500, headers={"retry-after": "3600"}))
    with pytest.raises(ServerError):
        user.fetch_or_raise(refresh=True)
    assert user.username == "alice"


def test_serialize_value_is_here() -> None:
    """The conversion function that 0.6 had in this module is still in it."""
    assert _serialize_value((1, 2)) == [1, 2]
