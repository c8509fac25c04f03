"""What pyproject.toml promises: extras that add up, and Pythons that the tests run on."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Return the project's table."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    table: dict[str, Any] = document["project"]
    return table


def test_all_is_every_extra(project: dict[str, Any]) -> None:
    """The extra ``all`` names each of the others."""
    extras = project["optional-dependencies"]
    named = re.fullmatch(r"ml-dash\[([\w,]+)\]", extras["all"][0])
    assert named is not None
    assert set(named[1].split(",")) == set(extras) - {"all"}


def test_requirements_have_a_lower_bound(project: dict[str, Any]) -> None:
    """Each requirement says the oldest release that it was written for."""
    extras = [wanted for extra in project["optional-dependencies"].values() for wanted in extra]
    wanted = [*project["dependencies"], *extras]
    assert [text for text in wanted if ">=" not in text and not text.startswith("ml-dash[")] == []


def test_oldest_python_is_the_first_named(project: dict[str, Any]) -> None:
    """``requires-python`` and the classifiers agree on the oldest Python."""
    named = [
        tuple(map(int, text.rpartition(" ")[2].split(".")))
        for text in project["classifiers"]
        if re.search(r":: 3\.\d+$", text)
    ]
    assert project["requires-python"] == ">=" + ".".join(map(str, min(named)))


def test_readme_explains_the_extras(project: dict[str, Any]) -> None:
    """README's table names each extra."""
    page = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"^\| `ml-dash\[(\w+)\]`", page, re.MULTILINE))
    assert named == set(project["optional-dependencies"])
