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


ERRORS_ARE_TOLD = {
    "BLE", "E", "G", "LOG", "S110", "S112", "T20", "TRY201", "TRY203", "TRY400", "TRY401",
}  # fmt: skip
"""The rules of ruff by which no error is swallowed and nothing is printed."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return all of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def project(document: dict[str, Any]) -> dict[str, Any]:
    """Return the project's table."""
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


def test_the_rules_about_errors_hold_everywhere(document: dict[str, Any]) -> None:
    """Only the module that decides about errors may catch all; only benchmarks print."""
    lint = document["tool"]["ruff"]["lint"]
    assert set(lint["select"]) >= ERRORS_ARE_TOLD
    off = {"everywhere": lint["ignore"], **lint["per-file-ignores"]}
    muted = {
        (where, code)
        for where, codes in off.items()
        for code in codes
        if any((code.startswith(rule) and code[len(rule) :].isdecimal()) or code == rule
               for rule in ERRORS_ARE_TOLD)
    }  # fmt: skip
    assert muted == {("src/ml_dash/_base/policy.py", "BLE001"), ("benchmarks/**", "T201")}
