"""What the environment, pyproject.toml and the program choose."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ml_dash import future
from ml_dash._base import chosen
from ml_dash._base.policy import ErrorHandlingMode, current_mode
from ml_dash.exceptions import ConfigurationError, RecoverableWarning


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work where no pyproject.toml of ours is above."""
    monkeypatch.chdir(tmp_path)


def on() -> list[str]:
    """Return the flags whose new behaviour holds."""
    return [setting.flag.name for setting in chosen.flags() if setting.on]


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at import: a program may set it before it builds anything."""
    assert on() == []
    monkeypatch.setenv("ML_DASH_FUTURE", "lookups_raise,values_checked")
    assert on() == ["lookups_raise", "values_checked"]
    monkeypatch.setenv("ML_DASH_FUTURE_STRICT", "1")
    assert len(on()) == 8
    assert chosen.flags().release == "1.0"
    monkeypatch.setenv("ML_DASH_FUTURE_STRICT", "0")
    assert len(on()) == 2


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ML_DASH_FUTURE", "lookup_raise,values_checked", "Did you mean 'lookups_raise'"),
        ("ML_DASH_FUTURE_STRICT", "perhaps", "ML_DASH_FUTURE_STRICT is 'perhaps'"),
        ("ML_DASH_FUTURE", "1.0,-lookups_raise,values_checked", "gone since 1.0"),
    ],
)
def test_a_wrong_environment_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str,
    text: str,
) -> None:  # fmt: skip
    """One visible warning, and on with what is understood."""
    monkeypatch.setenv(name, value)
    with pytest.warns(RecoverableWarning, match=text.replace("(", ".")) as told:
        first, second = on(), on()
    assert len(told) == 1
    assert first == second
    assert ("values_checked" in first) == ("values_checked" in value)
    assert [r.levelno for r in caplog.records] == [logging.WARNING]


def test_pyproject_of_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest file that says something, above the working directory; read again if changed."""
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.ml-dash]\nfuture = ["lookups_raise"]\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert on() == ["lookups_raise"]
    assert chosen.flags()["lookups_raise"].source == str(file)
    file.write_text('[tool.ml-dash]\nfuture = "0.9,-lookups_raise"\n')
    assert "lookups_raise" not in on()
    assert len(on()) == 7
    monkeypatch.setenv("ML_DASH_FUTURE", "lookups_raise")
    assert len(on()) == 8


@pytest.mark.parametrize("text", ["[tool.ml-dash\n", "[tool.ml-dash]\nfuture = 3\n"])
def test_a_pyproject_that_makes_no_sense_is_told(tmp_path: Path, text: str) -> None:
    """It is not heard, and that is said."""
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.warns(RecoverableWarning, match="not heard"):
        assert on() == []


def test_pyproject_beside_the_script(tmp_path: Path) -> None:
    """A script that is started from elsewhere still hears its own project."""
    (tmp_path / "pyproject.toml").write_text('[tool.ml-dash]\nfuture = "lookups_raise"\n')
    script = tmp_path / "train.py"
    script.write_text("import ml_dash; print(ml_dash.future.is_on('lookups_raise'))")
    done = subprocess.run([sys.executable, str(script)], cwd="/", capture_output=True, text=True)
    assert done.stdout == "True\n"


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no project then."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert on() == []


def test_strict_is_the_default_mode_under_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode's own settings still count more."""
    assert current_mode() is ErrorHandlingMode.DEFAULT
    future.enable("strict_errors")
    assert current_mode() is ErrorHandlingMode.STRICT
    monkeypatch.setenv("ML_DASH_ERROR_MODE", "permissive")
    assert current_mode() is ErrorHandlingMode.PERMISSIVE


def test_code_that_asks_for_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the preview it gets the error that 1.0 would raise, and nothing is chosen."""
    monkeypatch.setenv("ML_DASH_FUTURE_STRICT", "1")
    with pytest.raises(ConfigurationError, match="gone since"):
        future.disable("lookups_raise")
    assert chosen.code == []
    with pytest.raises(ConfigurationError, match="gone since"):
        chosen.flags("-values_checked")
