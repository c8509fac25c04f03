"""The configuration file."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ml_dash.auth import get_or_create_device_secret, hash_device_secret
from ml_dash.config import DEFAULT_API_URL, Config
from ml_dash.exceptions import (
    ConfigurationError,
    CorruptDataError,
    FileReadError,
    LocalWriteError,
    MLDashDeprecationWarning,
    SerializationError,
)
from tests.contract.refusing import refusing


def test_nothing_is_made_until_something_is_set(tmp_path: Path) -> None:
    """Reading defaults leaves the disk alone."""
    config = Config(tmp_path / "dash")
    assert (config.remote_url, config.api_key, config.batch_size) == (DEFAULT_API_URL, None, 100)
    assert not (tmp_path / "dash").exists()


def test_changes_are_saved_at_once(tmp_path: Path) -> None:
    """Another object sees them; the file is private and indented as in 0.6."""
    config = Config(tmp_path)
    config.remote_url = "http://lab"
    config.set("default_batch_size", 5)
    config.auth_url = "http://auth"
    config.delete("auth_url")
    again = Config(tmp_path)
    assert (again.remote_url, again.batch_size, again.auth_url) == ("http://lab", 5, None)
    assert stat.S_IMODE(config.config_path.stat().st_mode) == 0o600
    text = config.config_path.read_text()
    assert text == json.dumps(json.loads(text), indent=2)
    config.clear()
    assert Config(tmp_path).get("remote_url", "none") == "none"


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff", b'{"device_secret": "s3cret'])
def test_a_damaged_file_is_moved_aside_not_overwritten(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It reads as empty, loudly, and the next change keeps it under another name."""
    (tmp_path / "config.json").write_bytes(damage)
    with pytest.raises(CorruptDataError) as caught:
        Config.load_or_raise(tmp_path)
    assert caught.value.__cause__ is None  # it would carry the file's content
    with pytest.warns(MLDashDeprecationWarning, match="MLD002") as told:
        config = Config(tmp_path)
    assert "s3cret" not in str(told[0].message)
    assert [each.name for each in caplog.records] == ["ml_dash.store", "ml_dash.deprecation"]
    assert "CorruptDataError" in caplog.text
    assert "s3cret" not in caplog.text
    config.set("a", 1)
    assert Config.load_or_raise(tmp_path).get("a") == 1
    kept = list(tmp_path.glob("config.json.damaged-*"))
    assert [path.read_bytes() for path in kept] == [damage]


def test_what_cannot_be_read_is_moved_aside_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Replacing a file needs no right to read it, so 0.6 destroyed it."""
    (tmp_path / "config.json").mkdir()
    (tmp_path / "config.json" / "inside").write_text("kept")
    with pytest.raises(FileReadError) as caught:
        Config.load_or_raise(tmp_path)
    assert isinstance(caught.value, OSError)
    with pytest.warns(MLDashDeprecationWarning, match="MLD002"):
        config = Config(tmp_path)
    assert "FileReadError" in caplog.text
    config.set("a", 1)
    assert Config.load_or_raise(tmp_path).get("a") == 1
    (kept,) = tmp_path.glob("config.json.damaged-*/inside")
    assert kept.read_text() == "kept"


def test_a_failed_change_changes_nothing(tmp_path: Path) -> None:
    """A folder that cannot be made is told, and the settings in memory stay as they were."""
    (tmp_path / "dash").write_text("in the way")
    with pytest.warns(MLDashDeprecationWarning, match="MLD002"):
        config = Config(tmp_path / "dash")
    with pytest.raises(LocalWriteError) as caught:
        config.set("a", 1)
    assert isinstance(caught.value, OSError)
    assert config.get("a") is None
    assert (tmp_path / "dash").read_text() == "in the way"


def test_a_full_disk_leaves_the_file_whole(tmp_path: Path) -> None:
    """0.6 wrote the file in place: a write cut short took the device's secret with it."""
    config = Config(tmp_path)
    config.set("device_secret", "x" * 50)
    before = config.config_path.read_bytes()
    with refusing(from_bytes=10), pytest.raises(LocalWriteError) as caught:
        config.set("remote_url", "http://lab")
    assert caught.value.errno == errno.EFBIG
    assert config.config_path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert Config(tmp_path).get("remote_url") == config.get("remote_url") is None


@pytest.mark.parametrize(("key", "value"), [("a", object()), ("a", {1, 2}), (1, "x"), (None, "x")])
def test_what_has_no_json_form_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """It is a typed error, and the file stays byte for byte as it was."""
    config = Config(tmp_path)
    config.set("before", 1)
    before = config.config_path.read_bytes()
    with pytest.raises(SerializationError) as caught:
        config.set(key, value)
    assert isinstance(caught.value, TypeError)
    assert config.config_path.read_bytes() == before
    assert config.get(key) is None


def test_a_batch_size_that_is_no_number_is_told(tmp_path: Path) -> None:
    """The error names the setting and its value."""
    config = Config(tmp_path)
    config.set("default_batch_size", "many")
    with pytest.raises(ConfigurationError, match=r"default_batch_size .* 'many'"):
        _ = config.batch_size


def test_an_address_that_is_unset_is_the_usual_one(tmp_path: Path) -> None:
    """None in the file is not the text "None"."""
    config = Config(tmp_path)
    config.set("remote_url", None)
    assert config.remote_url == DEFAULT_API_URL


def test_a_user_without_a_home_is_told_when_it_matters() -> None:
    """Importing works; only the configuration without a place is an error."""
    program = (
        "import os; os.environ.pop('HOME'); os.getuid = lambda: 3_999_999\n"
        "import ml_dash.config as c, ml_dash.exceptions as e\n"
        "c.Config('/nowhere')\n"
        "try: c.Config()\n"
        "except e.ConfigurationError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("This user has no home folder")


def test_the_module_has_one_configuration(tmp_path: Path) -> None:
    """``ml_dash.config.config`` is built at its first use, from the user's home."""
    program = (
        "import ml_dash.config as c\n"
        "print('config' in vars(c), c.config is c.config, c.config.get('a'))"
    )
    (tmp_path / ".dash").mkdir()
    (tmp_path / ".dash" / "config.json").write_text('{"a": 5}')
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stdout == "False True 5\n"


def test_the_device_secret_is_made_once(tmp_path: Path) -> None:
    """It is kept in the configuration and never shown."""
    secret = get_or_create_device_secret(Config(tmp_path))
    assert get_or_create_device_secret(Config(tmp_path)) == secret
    assert len(secret) == len(hash_device_secret(secret)) == 64
    assert secret not in repr(Config(tmp_path))
