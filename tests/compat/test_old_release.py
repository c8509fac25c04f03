"""The environments with old releases: kept, shared, and loud when they cannot be made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat import old_release
from tests.compat.old_release import OldReleaseUnavailableError, Release


def test_unreachable_registry_fails_with_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a registry the helper fails: what is missing, what to do, what pip said."""
    monkeypatch.setenv(old_release.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OldReleaseUnavailableError) as caught:
        old_release.ensure("0.6.13")
    for part in ("ml-dash 0.6.13", old_release.CACHE_VARIABLE, "not old_release", "pip said"):
        assert part in str(caught.value)
    assert not list(tmp_path.glob("*/complete"))


@pytest.mark.old_release
@pytest.mark.parametrize("version", old_release.RELEASES)
def test_environment_holds_exactly_that_release(
    version: str, tmp_path: Path, release: Callable[[str], Release]
) -> None:
    """The interpreter of an environment imports that release and nothing of ours."""
    script = tmp_path / "which.py"
    script.write_text(
        "import ml_dash, importlib.metadata as m\nprint(m.version('ml-dash'), ml_dash.__file__)",
        encoding="utf-8",
    )
    found, path = release(version).run(script, cwd=tmp_path).stdout.split(maxsplit=1)
    assert found == version
    assert Path(path.strip()).is_relative_to(old_release.cache_dir())


def test_isolated_environment_has_nothing_of_this_user(tmp_path: Path) -> None:
    """Scripts run with an empty HOME, a fixed user and no ML_DASH variables but the given ones."""
    made = old_release.isolated_environment(tmp_path, {"ML_DASH_BUFFER_ENABLED": "false"})
    assert made["USER"] == "alice"
    assert Path(made["HOME"]).is_relative_to(tmp_path)
    assert [name for name in made if name.startswith("ML_DASH")] == ["ML_DASH_BUFFER_ENABLED"]
