"""The configuration file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ml_dash.auth import get_or_create_device_secret, hash_device_secret
from ml_dash.config import DEFAULT_API_URL, Config
from ml_dash.exceptions import CorruptDataError


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


@pytest.mark.parametrize("damage", ["", "{", "[1]"])
def test_a_damaged_file_is_moved_aside_not_overwritten(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It reads as empty, loudly, and the next change keeps it under another name."""
    (tmp_path / "config.json").write_text(damage)
    with pytest.raises(CorruptDataError):
        Config.load_or_raise(tmp_path)
    config = Config(tmp_path)
    assert "reads as empty" in caplog.text
    config.set("a", 1)
    assert Config.load_or_raise(tmp_path).get("a") == 1
    kept = list(tmp_path.glob("config.json.damaged-*"))
    assert [path.read_text() for path in kept] == [damage]


def test_the_device_secret_is_made_once(tmp_path: Path) -> None:
    """It is kept in the configuration and never shown."""
    secret = get_or_create_device_secret(Config(tmp_path))
    assert get_or_create_device_secret(Config(tmp_path)) == secret
    assert len(secret) == len(hash_device_secret(secret)) == 64
    assert secret not in repr(Config(tmp_path))
