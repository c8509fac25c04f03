"""Token stores: round trips, fall-backs, damage, secrecy."""

from __future__ import annotations

import base64
import json
import logging
import stat
from pathlib import Path

import pytest

from ml_dash.auth import token_storage
from ml_dash.auth.token_storage import (
    EncryptedFileStorage,
    PlaintextFileStorage,
    TokenStorage,
    decode_jwt_payload,
    decode_jwt_payload_or_raise,
    get_token_storage,
    get_token_storage_or_raise,
    load_token,
    token_key,
)
from ml_dash.exceptions import AuthenticationError, NotAuthenticatedError, TokenStoreError

SECRET = "s3cret-token"


@pytest.fixture(params=[EncryptedFileStorage, PlaintextFileStorage])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TokenStorage:
    """Return a file store of each kind."""
    monkeypatch.setattr(token_storage, "_warned", True)
    return request.param(tmp_path / "dash")


def test_tokens_round_trip(store: TokenStorage) -> None:
    """What is stored is loaded, also by another object; what is deleted is gone."""
    assert store.load("k") is None
    store.store("k", SECRET)
    store.store("other", "x")
    assert type(store)(store.config_dir).load("k") == SECRET
    assert store.load_or_raise("k") == SECRET
    store.delete("k")
    store.delete("k")
    assert (store.load("k"), store.load("other")) == (None, "x")
    with pytest.raises(NotAuthenticatedError, match="ml-dash login"):
        store.load_or_raise("k")


def test_only_the_owner_can_read(store: TokenStorage) -> None:
    """Files are private from their first byte, and so is the folder."""
    store.store("k", SECRET)
    for path in store.config_dir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.config_dir.stat().st_mode) == 0o700


def test_an_encrypted_file_does_not_show_the_token(tmp_path: Path) -> None:
    """Neither the file nor an error shows it."""
    store = EncryptedFileStorage(tmp_path)
    store.store("k", SECRET)
    assert SECRET.encode() not in store.tokens_file.read_bytes()
    (tmp_path / "encryption.key").unlink()
    with pytest.raises(TokenStoreError, match="lost its key") as caught:
        EncryptedFileStorage(tmp_path)
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "encryption.key").exists()


def test_a_damaged_plain_file_is_never_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading answers as 0.6 did, loudly; storing refuses."""
    monkeypatch.setattr(token_storage, "_warned", True)
    (tmp_path / "tokens.json").write_text('{"k": ')
    store = PlaintextFileStorage(tmp_path)
    assert store.load("k") is None
    assert "reads as empty" in caplog.text
    with pytest.raises(TokenStoreError, match="damaged"):
        store.load_or_raise("k")
    with pytest.raises(TokenStoreError, match="damaged"):
        store.store("k", SECRET)
    assert (tmp_path / "tokens.json").read_text() == '{"k": '


def test_the_best_store_that_works_is_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine without a keyring gets the encrypted file, and the log says why."""
    caplog.set_level(logging.INFO, logger="ml_dash.auth")
    assert isinstance(get_token_storage(tmp_path), EncryptedFileStorage)
    assert "Not used for tokens" in caplog.text
    with pytest.raises(TokenStoreError):
        get_token_storage_or_raise(tmp_path, backend="keyring")


def test_each_server_has_its_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server without a token of its own gets 0.6's one token."""
    store = EncryptedFileStorage(tmp_path)
    monkeypatch.setattr(token_storage, "get_token_storage", lambda: store)
    store.store("ml-dash-token", "old")
    store.store(token_key("http://lab:3000/api"), "lab")
    assert load_token("http://LAB:3000") == "lab"
    assert load_token("https://elsewhere") == "old"


def token_of(payload: object) -> str:
    """Return an unsigned token."""
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"h.{middle}.s"


def test_a_token_says_who_it_is_for() -> None:
    """The payload is read without padding."""
    assert decode_jwt_payload(token_of({"sub": "ann"})) == {"sub": "ann"}


@pytest.mark.parametrize("token", ["", "a.b", "a.%%%.c", token_of([1]), "a.e30x.c"])
def test_a_malformed_token_is_empty_or_an_error(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """0.6's answer is kept and logged; the sibling raises, without quoting the token."""
    assert decode_jwt_payload(token) == {}
    assert "cannot be read" in caplog.text
    with pytest.raises(AuthenticationError) as caught:
        decode_jwt_payload_or_raise(token)
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None
