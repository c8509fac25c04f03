"""Token stores: round trips, fall-backs, damage, secrecy."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from ml_dash.auth import _stores, token_storage
from ml_dash.auth.token_storage import (
    DamagedTokensError,
    EncryptedFileStorage,
    KeyringStorage,
    PlaintextFileStorage,
    TokenStorage,
    decode_jwt_payload,
    decode_jwt_payload_or_raise,
    delete_token,
    get_token_storage,
    get_token_storage_or_raise,
    load_token,
    token_key,
)
from ml_dash.exceptions import (
    AuthenticationError,
    ConfigurationError,
    CorruptDataError,
    InvalidValueError,
    MLDashDeprecationWarning,
    NotAuthenticatedError,
    RecoverableWarning,
    TokenStoreError,
)

SECRET = "s3cret-token"


class MemoryKeyring(KeyringBackend):
    """A keyring of the real library that keeps its entries in memory."""

    priority = -1.0  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("no")

    def _check(self) -> None:
        if self.locked:
            raise KeyringLocked("locked")


class ForgetfulKeyring(MemoryKeyring):
    """Takes everything and keeps nothing, like some back ends without a daemon."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a home without a keyring, and put the keyring back at its end."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_stores, "_told", True)
    before = keyring.get_keyring()
    yield tmp_path / "home"
    keyring.set_keyring(before)


@pytest.fixture
def ring() -> MemoryKeyring:
    """Let the system have a keyring."""
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    return ring


@pytest.fixture(params=[EncryptedFileStorage, PlaintextFileStorage])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStorage:
    """Return a file store of each kind."""
    return request.param(tmp_path / "dash")


def shown(error: BaseException) -> str:
    """Return all that a person or a log may see of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)


# --- files ------------------------------------------------------------------------------------


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
    """Files are private and nothing else is left beside them; so is the folder."""
    store.store("k", SECRET)
    names = {path.name for path in store.config_dir.iterdir()}
    assert names in ({"tokens.json"}, {"tokens.encrypted", "encryption.key"})
    for path in store.config_dir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.config_dir.stat().st_mode) == 0o700


def test_a_token_that_is_no_text_is_refused(store: TokenStorage) -> None:
    """It is a typed error, and the tokens stay as they were."""
    store.store("k", SECRET)
    before = store.tokens_file.read_bytes()
    with pytest.raises(InvalidValueError) as caught:
        store.store("k", SECRET.encode())  # type: ignore[arg-type]
    assert SECRET not in shown(caught.value)
    assert store.tokens_file.read_bytes() == before


@pytest.mark.parametrize("damage", [b'{"k": "s3cret-token"', b"[]", b'{"k": 5}', b"\xff" * 9])
def test_a_damaged_file_is_moved_aside_at_the_next_store(
    store: TokenStorage, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error that does not quote it; a new token moves it aside, nothing overwrites it."""
    store.tokens_file.parent.mkdir(exist_ok=True)
    encode = getattr(store, "_encode")  # noqa: B009
    raw = encode(damage) if damage != b"[]" else damage
    store.tokens_file.write_bytes(raw)
    with pytest.raises(DamagedTokensError) as caught:
        store.load_or_raise("k")
    assert isinstance(caught.value, (TokenStoreError, CorruptDataError))
    assert SECRET not in shown(caught.value)
    with pytest.raises(TokenStoreError):
        store.delete("k")
    assert store.tokens_file.read_bytes() == raw
    store.store("new", "token")
    assert store.load("new") == "token"
    kept = list(store.config_dir.glob("*.damaged-*"))
    assert [path.read_bytes() for path in kept] == [raw]
    assert SECRET not in caplog.text


def test_a_file_that_cannot_be_read_stays_where_it_is(store: TokenStorage) -> None:
    """Unreadable is not damaged: neither loading nor storing touches it."""
    store.tokens_file.mkdir(parents=True)
    with pytest.raises(TokenStoreError, match="Cannot read"):
        store.load_or_raise("k")
    with pytest.raises(TokenStoreError, match="Cannot read"):
        store.store("k", SECRET)
    assert store.tokens_file.is_dir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "dash").write_text("")
    with pytest.raises(TokenStoreError, match="Cannot"):
        PlaintextFileStorage(tmp_path / "dash").store("k", SECRET)
    with pytest.raises(TokenStoreError, match="Cannot"):
        EncryptedFileStorage(tmp_path / "dash")


def test_an_unreadable_plain_file_reads_as_empty_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """0.6's answer stays; the error is in the log with its traceback."""
    (tmp_path / "tokens.json").write_text('{"k": "s3cret-token"')
    with pytest.warns(MLDashDeprecationWarning, match="MLD002") as told:
        assert PlaintextFileStorage(tmp_path).load("k") is None
    assert SECRET not in str(told[0].message)
    assert [each.name for each in caplog.records] == ["ml_dash.auth", "ml_dash.deprecation"]
    assert {each.levelno for each in caplog.records} == {logging.WARNING}
    assert "DamagedTokensError" in caplog.text
    assert SECRET not in caplog.text


def test_a_plain_file_is_warned_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor warns, or the first store when asked to wait; loading never does."""
    monkeypatch.setattr(_stores, "_told", False)
    store = PlaintextFileStorage(tmp_path, warn_now=False)
    assert store.load("k") is None
    with pytest.warns(RecoverableWarning, match="unencrypted"):
        store.store("k", SECRET)
    PlaintextFileStorage(tmp_path).store("k", SECRET)
    monkeypatch.setattr(_stores, "_told", False)
    with pytest.warns(RecoverableWarning, match="unencrypted"):
        PlaintextFileStorage(tmp_path)


# --- the key of the encrypted file ------------------------------------------------------------


def test_an_encrypted_file_does_not_show_the_token(tmp_path: Path) -> None:
    """The file holds no trace of it, and neither does the object's text."""
    store = EncryptedFileStorage(tmp_path)
    store.store("k", SECRET)
    assert SECRET.encode() not in store.tokens_file.read_bytes()
    assert SECRET not in repr(store)


def test_a_lost_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    """No new key is made while tokens wait for the old one; with it back, they are there."""
    store = EncryptedFileStorage(tmp_path)
    store.store("k", SECRET)
    key = store.key_file.read_bytes()
    store.key_file.unlink()
    with pytest.raises(TokenStoreError, match="lost its key"):
        EncryptedFileStorage(tmp_path)
    with pytest.raises(TokenStoreError, match="lost its key"):
        store.store("k", "new")
    assert not store.key_file.exists()
    store.key_file.write_bytes(key)
    assert store.load("k") == SECRET


def test_a_damaged_key_is_a_typed_error(tmp_path: Path) -> None:
    """It is named and left alone; its text is not shown."""
    (tmp_path / "encryption.key").write_text("half-a-key")
    with pytest.raises(TokenStoreError, match="holds no key") as caught:
        EncryptedFileStorage(tmp_path)
    assert "half-a-key" not in shown(caught.value)
    assert (tmp_path / "encryption.key").read_text() == "half-a-key"


def test_a_key_is_made_at_once_or_with_the_first_token(tmp_path: Path) -> None:
    """At once as in 0.6, unless the disk is to be left alone."""
    assert EncryptedFileStorage(tmp_path / "now").key_file.exists()
    later = EncryptedFileStorage(tmp_path / "later", make_key=False)
    assert later.load("k") is None
    assert not later.config_dir.exists()
    later.store("k", SECRET)
    assert EncryptedFileStorage(tmp_path / "later").load("k") == SECRET


def test_the_key_of_a_faster_process_counts(tmp_path: Path) -> None:
    """Of two that make a key at the same moment, both use the first."""
    first = EncryptedFileStorage(tmp_path, make_key=False)
    second = EncryptedFileStorage(tmp_path)
    key = second.key_file.read_bytes()
    first._make_key()
    assert first.key_file.read_bytes() == key
    assert [path.name for path in tmp_path.iterdir()] == ["encryption.key"]


# --- keyrings ---------------------------------------------------------------------------------


def test_a_keyring_keeps_tokens(ring: MemoryKeyring) -> None:
    """Under 0.6's service name; an absent token is None, and deleting it is fine."""
    store = get_token_storage()
    assert isinstance(store, KeyringStorage)
    assert store.load("k") is None
    store.delete("k")
    store.store("k", SECRET)
    assert ring.entries == {("ml-dash", "k"): SECRET}
    assert store.load_or_raise("k") == SECRET


def test_a_keyring_that_keeps_the_token_at_logout_is_an_error(ring: MemoryKeyring) -> None:
    """0.6 reported success with the token still present."""
    store = KeyringStorage()
    store.store("k", SECRET)
    with pytest.raises(TokenStoreError, match="delete") as caught:
        store.delete("k")
    assert isinstance(caught.value.__cause__, PasswordDeleteError)


def test_a_keyring_that_forgets_is_an_error() -> None:
    """What is not there after storing was not stored."""
    keyring.set_keyring(ForgetfulKeyring())
    with pytest.raises(TokenStoreError, match="did not keep"):
        KeyringStorage().store("k", SECRET)


def test_a_keyring_that_refuses_is_passed_over_loudly(
    home: Path, ring: MemoryKeyring, caplog: pytest.LogCaptureFixture
) -> None:
    """A locked one may hold the token, so that is a warning; asked for by name it is an error."""
    ring.locked = True
    assert isinstance(get_token_storage(), EncryptedFileStorage)
    assert "WARNING" in caplog.text
    assert "KeyringLocked" in caplog.text
    with pytest.raises(TokenStoreError, match="refused"):
        get_token_storage_or_raise(backend="keyring")
    assert not home.exists()


@pytest.mark.parametrize("backend", ["no.such.Keyring", "keyring.backends.null.Nothing"])
def test_a_keyring_that_is_set_up_wrongly_is_passed_over(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong PYTHON_KEYRING_BACKEND is told and does not stop the program."""
    program = "from ml_dash.auth import get_token_storage as get; print(type(get()).__name__)"
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "EncryptedFileStorage\n"
    assert "cannot be used" in done.stderr


def test_a_keyring_that_is_turned_off_is_passed_over() -> None:
    """The null keyring takes tokens and throws them away."""
    keyring.set_keyring(NullKeyring())
    assert isinstance(get_token_storage(), EncryptedFileStorage)


# --- choosing ---------------------------------------------------------------------------------


def test_a_mere_load_makes_nothing(home: Path) -> None:
    """Neither choosing a store nor looking into it touches the disk."""
    assert get_token_storage().load("k") is None
    assert load_token("https://api.dash.ml") is None
    assert not home.exists()


def test_without_packages_the_plain_file_is_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where keyring and cryptography are missing, tokens of an encrypted file are not silent."""
    hidden = tmp_path / "hidden"
    for name in ("keyring", "cryptography"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text(
            f"raise ModuleNotFoundError('no {name}', name='{name}')"
        )
    program = (
        "import ml_dash.auth as a; print(type(a.get_token_storage()).__name__)\n"
        "try: a.get_token_storage_or_raise()\n"
        "except a.StorageError as error: print(error)"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    for expected in ("", "A token store is passed over"):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("PlaintextFileStorage\nThe cryptography package")
        assert bool(done.stderr) == bool(expected)
        assert expected in done.stderr
        (home / ".dash").mkdir(parents=True, exist_ok=True)
        (home / ".dash" / "tokens.encrypted").write_bytes(b"x")


def test_the_log_says_why_a_store_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine without a keyring gets the encrypted file; that is only information."""
    caplog.set_level(logging.INFO, logger="ml_dash.auth")
    assert isinstance(get_token_storage(tmp_path), EncryptedFileStorage)
    assert "Not used for tokens" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_a_store_with_a_lost_key_is_passed_over_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old call falls back to the plain file with a warning; the sibling raises."""
    EncryptedFileStorage(tmp_path).store("k", SECRET)
    (tmp_path / "encryption.key").unlink()
    assert isinstance(get_token_storage(tmp_path), PlaintextFileStorage)
    assert "lost its key" in caplog.text
    with pytest.raises(TokenStoreError, match="lost its key"):
        get_token_storage_or_raise(tmp_path)


@pytest.mark.parametrize(
    ("backend", "kind"),
    [(None, EncryptedFileStorage), ("encrypted", EncryptedFileStorage),
     ("plaintext", PlaintextFileStorage)],
)  # fmt: skip
def test_a_store_can_be_asked_for_by_name(
    tmp_path: Path, backend: str | None, kind: type[TokenStorage]
) -> None:
    """Each kind, or the best that is not plain."""
    assert type(get_token_storage_or_raise(tmp_path, backend=backend)) is kind


def test_an_unknown_or_absent_store_is_an_error(tmp_path: Path) -> None:
    """By name there is no falling back."""
    with pytest.raises(TokenStoreError, match="no keyring"):
        get_token_storage_or_raise(tmp_path, backend="keyring")
    with pytest.raises(ConfigurationError, match="'key'"):
        get_token_storage_or_raise(tmp_path, backend="key")


def test_a_user_without_a_home_is_a_typed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run under user numbers that have no entry and no HOME."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    with pytest.raises(TokenStoreError, match="no home"):
        get_token_storage()


# --- a token per server -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://api.dash.ml", "ml-dash-token@api.dash.ml"),
        ("https://API.dash.ml:443/api/", "ml-dash-token@api.dash.ml"),
        ("http://lab:3000/api", "ml-dash-token@lab:3000"),
        ("lab:3000", "ml-dash-token@lab:3000"),
        ("http://ann:pw@lab:80", "ml-dash-token@lab"),
        ("https://lab:80", "ml-dash-token@lab:80"),
        ("http://[::1]:3000", "ml-dash-token@[::1]:3000"),
    ],
)
def test_a_key_names_the_host(url: str, key: str) -> None:
    """Path, case, user name and the usual port do not matter."""
    assert token_key(url) == key


@pytest.mark.parametrize("url", ["", "http://", "http://[::1", "http://h:port", None, 5])
def test_what_is_no_address_has_no_key(url: object) -> None:
    """It is a typed error."""
    with pytest.raises(ConfigurationError, match="no host"):
        token_key(url)  # type: ignore[arg-type]


def test_each_server_has_its_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server without a token of its own gets 0.6's one token."""
    store = EncryptedFileStorage(tmp_path)
    monkeypatch.setattr(token_storage, "get_token_storage", lambda: store)
    store.store("ml-dash-token", "old")
    store.store(token_key("http://lab:3000/api"), "lab")
    assert load_token("http://LAB:3000") == "lab"
    assert load_token("https://elsewhere") == "old"


def test_a_login_from_before_a_better_store_is_found(home: Path, ring: MemoryKeyring) -> None:
    """Installing the extra, or getting a keyring, does not log anyone out."""
    PlaintextFileStorage(home / ".dash").store("ml-dash-token", "plain")
    assert load_token("https://lab") == "plain"
    EncryptedFileStorage(home / ".dash").store("ml-dash-token", "encrypted")
    assert load_token("https://lab") == "encrypted"
    KeyringStorage().store(token_key("https://lab"), "ring")
    assert load_token("https://lab") == "ring"


def test_a_forgotten_token_is_found_nowhere(home: Path) -> None:
    """Also not in a weaker store; other servers' own tokens stay."""
    PlaintextFileStorage(home / ".dash").store("ml-dash-token", "plain")
    store = get_token_storage()
    store.store(token_key("https://lab"), "lab")
    store.store(token_key("https://other"), "other")
    delete_token("https://lab")
    assert load_token("https://lab") is None
    assert load_token("https://other") == "other"


# --- what a token says ------------------------------------------------------------------------


def token_of(payload: object) -> str:
    """Return an unsigned token."""
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"h.{middle}.s"


def test_a_token_says_who_it_is_for() -> None:
    """The payload is read without padding."""
    assert decode_jwt_payload(token_of({"sub": "ann"})) == {"sub": "ann"}


@pytest.mark.parametrize("token", ["", "a.b", "a.%%%.c", token_of([1]), "a.e30x.c", "a.é.c", None])
def test_a_malformed_token_is_empty_or_an_error(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    """0.6's answer is kept and logged; the sibling raises, without quoting the token."""
    with pytest.warns(MLDashDeprecationWarning, match="MLD002"):
        assert decode_jwt_payload(token) == {}
    assert [each.name for each in caplog.records] == ["ml_dash.client", "ml_dash.deprecation"]
    assert "MalformedTokenError" in caplog.text
    with pytest.raises(AuthenticationError) as caught:
        decode_jwt_payload_or_raise(token)
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None
