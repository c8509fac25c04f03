"""Settings come from options and from the environment, and go to the server's processes whole."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ml_dash.exceptions import ConfigurationError
from ml_dash.server.settings import PREFIX, ServerSettings


def test_settings_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process writes there, another reads as the same."""
    made = ServerSettings(
        data=Path("/srv/x"), port=0, no_auth=True, rate_per_s=2.5, jwt_secret="s" * 40,
        database="postgresql+psycopg://u:p@h/d", jwt_provision=False, log_format="json",
    )  # fmt: skip
    for name, value in made.as_env().items():
        monkeypatch.setenv(name, value)
    assert ServerSettings.from_env() == made
    assert made.with_options({"port": 5, "host": None}).port == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("NO_AUTH", "perhaps"), ("PORT", "x"), ("RATE_PER_S", "-1"), ("LOG_FORMAT", "xml"),
     ("JWT_SECRET", "short"), ("DATABASE", "mysql://h/d"), ("BODY_MAX_BYTES", "-5")],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:  # fmt: skip
    """At the start, with the remedy."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ConfigurationError) as caught:
        ServerSettings.from_env()
    assert caught.value.hint


def test_a_server_without_authentication_is_for_one_machine() -> None:
    """Whatever the order in which the two are set."""
    with pytest.raises(ConfigurationError, match="open to all"):
        ServerSettings(host="0.0.0.0").with_options({"no_auth": True})


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"])
def test_every_url_of_postgresql_means_the_same(url: str) -> None:
    """With the driver that the extra brings."""
    assert ServerSettings(database=url).database_url == "postgresql+psycopg://h/d"


def test_every_setting_is_in_the_page_for_operators() -> None:
    """With its variable, in the table of docs/server.md."""
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text("utf-8")
    table = page.partition("## Settings")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([A-Z_]+)`", "\n".join(
        line.split("|")[1] for line in table.splitlines() if line.startswith("| `")
    )))  # fmt: skip
    assert named == {each.name.upper() for each in fields(ServerSettings)}


def test_a_server_takes_its_settings_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable is read, and an option wins over it."""
    values: dict[type, str] = {int: "8", float: "7.5", bool: "0", str: "http://x"}
    for each in fields(ServerSettings):
        value = values.get(type(each.default), str(tmp_path))
        monkeypatch.setenv(PREFIX + each.name.upper(), value)
    for name, text in (("LOG_FORMAT", "json"), ("DATABASE", ""), ("JWT_SECRET", "s" * 40)):
        monkeypatch.setenv(PREFIX + name, text)
    found = ServerSettings.from_env()
    same = [each.name for each in fields(found) if getattr(found, each.name) == each.default]
    assert same == ["database", "no_auth"]
    assert found.with_options({"workers": 2}).workers == 2
