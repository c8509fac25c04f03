"""Each row of the flag table is in MIGRATION.md, in the news, and as it was released."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ml_dash.flags import FLAGS, OFF, ON, TABLE, WARN, Flag

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "MIGRATION.md").read_text("utf-8")
SNAPSHOT = ROOT / "tests" / "contract" / "released_flags.json"
per_flag = pytest.mark.parametrize("flag", TABLE, ids=lambda flag: flag.name)


def section(flag: Flag) -> str:
    """Return a flag's part of the page."""
    found = re.search(rf"^## {flag.id} {flag.name}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"MIGRATION.md has no heading '## {flag.id} {flag.name}'"
    return found[1]


def test_the_page_has_exactly_the_flags_of_the_table() -> None:
    """A removed row would leave its section behind."""
    assert re.findall(r"^## (MLD\d{3}) (\w+)$", PAGE, re.MULTILINE) == [
        (flag.id, flag.name) for flag in TABLE
    ]


@per_flag
def test_a_flag_is_explained(flag: Flag) -> None:
    """Old, new, every name, every class raised, how to keep the old, and the releases."""
    text = " ".join(section(flag).split())
    assert flag.old in text
    assert flag.new in text
    assert f"`ML_DASH_FUTURE=-{flag.name}`" in text or flag.name == "strict_errors"
    assert f"{flag.since(WARN)}, {flag.since(ON)}, {flag.since('locked')}" in text
    assert [api.name for api in flag.apis if f"`{api.name}`" not in text] == []
    raised = {name for api in flag.apis for name in api.raises}
    assert [name for name in raised if f"`{name}`" not in text] == []
    assert "In your code: " in text


@per_flag
def test_a_flag_is_in_the_news(flag: Flag) -> None:
    """One fragment of type `flag` names it, or the changes of the release that brought it do."""
    texts = [path.read_text("utf-8") for path in (ROOT / "newsfragments").glob("*.flag*.md")]
    texts.append((ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert any(flag.id in text and flag.name in text for text in texts)


def test_what_was_released_does_not_change() -> None:
    """A stage once published stays, and a row does not disappear; add new ones to the snapshot."""
    released = json.loads(SNAPSHOT.read_text("utf-8"))
    now = {flag.name: {"id": flag.id, "stages": dict(flag.stages)} for flag in TABLE}
    assert {name: now.get(name) for name in released} == released
    assert now.keys() == released.keys(), "add the new row to tests/contract/released_flags.json"


def test_messages_name_the_first_stages() -> None:
    """Every flag begins off in 0.6 and warns in 0.7."""
    for flag in FLAGS.values():
        assert (flag.stage("0.6"), flag.stage("0.7")) == (OFF, WARN)
