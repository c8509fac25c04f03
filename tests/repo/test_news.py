"""The news fragments have names that towncrier counts and texts that a user can read."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "newsfragments"
TYPES = ["deprecation", "flag", "removal", "feature", "bugfix", "doc", "misc"]


def fragments() -> list[Path]:
    """Return the fragments: every file but the page about them and the template."""
    aside = {"README.md", "_template.md.jinja"}
    return sorted(path for path in FOLDER.iterdir() if path.name not in aside)


def configured() -> list[dict[str, Any]]:
    """Return the types that towncrier is told of."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    types: list[dict[str, Any]] = document["tool"]["towncrier"]["type"]
    return types


def test_towncrier_knows_the_types() -> None:
    """Seven, in the order of the entry (what a user has to act upon is first), all with text."""
    assert [kind["directory"] for kind in configured()] == TYPES
    assert all(kind["showcontent"] for kind in configured())


def test_page_about_fragments_lists_the_types() -> None:
    """The page about fragments explains each type."""
    page = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)`", page, re.MULTILINE) == TYPES


def test_fragments_have_names_that_count() -> None:
    """A misspelt type would be left out of the changes without a word, so names are checked."""
    pattern = re.compile(rf"^(\d+|\+[\w-]+)\.({'|'.join(TYPES)})(\.\d+)?\.md$")
    assert [path.name for path in fragments() if not pattern.match(path.name)] == []


def test_fragments_are_sentences() -> None:
    """Each fragment begins like a sentence and ends like one."""
    for path in fragments():
        text = path.read_text("utf-8").strip()
        assert re.match(r"[A-Z`]", text), path.name
        assert text.endswith("."), path.name
