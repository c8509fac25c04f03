"""docs/logging.md names every logger and every field of the package, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = "\n".join(
    path.read_text("utf-8").replace("from __future__ import annotations", "")
    for path in (ROOT / "src" / "ml_dash").rglob("*.py")
)
PAGE = (ROOT / "docs" / "logging.md").read_text("utf-8")


def test_every_logger_is_explained() -> None:
    """Those of the server stand under one name."""
    names = set(re.findall(r'getLogger\(\s*"(ml_dash[\w.]*)"', SOURCE))
    names |= set(re.findall(r'Error, "(ml_dash[\w.]+)"\)', SOURCE))  # chosen by the error's class
    names = {re.sub(r"^(ml_dash\.server)\..*", r"\1", name) for name in names}
    assert names >= {"ml_dash.store", "ml_dash.auth", "ml_dash.deprecation"}
    table = PAGE[PAGE.index("## Loggers") : PAGE.index("## Fields")]
    explained = set(re.findall(r"^\| `(ml_dash[\w.]*)` \|", table, re.MULTILINE))
    assert explained == names


def _rows() -> str:
    return PAGE[PAGE.index("## Fields") : PAGE.index("## Plain")]


def test_every_field_is_explained() -> None:
    """The fields of the records, as the package writes them."""
    fields = set(re.findall(r'"(ml_dash_\w+)"(?::|\] =)', SOURCE)) - {
        "ml_dash_experiment"
    }  # a function
    assert "ml_dash_operation" in fields
    assert set(re.findall(r"`(ml_dash_\w+)`", _rows())) == fields


def test_every_fact_is_explained() -> None:
    """One vocabulary: a record's context has no names but those of the page."""
    calls = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Call)]
    told = [call for call in calls if ast.unparse(call.func) == "about"]
    facts = {keyword.arg for call in told for keyword in call.keywords}
    assert "path" in facts
    rows = re.findall(r"^\| (`[a-z].*?) \|", _rows(), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {name for name in explained if not name.startswith("ml_dash_")} == facts
