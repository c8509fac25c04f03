"""docs/errors.md is what the classes say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ml_dash.exceptions import RecoverableError

FOLDER = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """Return the program that writes the page."""
    spec = importlib.util.spec_from_file_location("make_errors", FOLDER / "make_errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_errors_is_as_the_classes_say(made: ModuleType) -> None:
    """``python docs/make_errors.py`` writes it again."""
    assert (FOLDER / "errors.md").read_text("utf-8") == made.page()
    assert len(made.public()) > 50


@pytest.mark.parametrize("label", ["Kept", "Remedy", "Says"])
def test_a_class_that_leaves_something_out_is_refused(made: ModuleType, label: str) -> None:
    """The page is never made without it."""
    lines = {"Kept": "all.", "Remedy": "none.", "Says": "Boom."}
    told = "\n".join(f"{name}: {text}" for name, text in lines.items() if name != label)
    kind = type("LooseError", (RecoverableError,), {"__doc__": f"It happens.\n\n{told}\n"})
    with pytest.raises(ValueError, match=f"LooseError has no line '{label}"):
        made.facts(kind)


def test_bases_that_old_clauses_name_are_listed(made: ModuleType) -> None:
    """Builtins, json's and httpx's: what ``except`` clauses of 0.6 name."""
    page = made.page()
    for name in ("json.JSONDecodeError", "httpx.HTTPStatusError", "FileNotFoundError"):
        assert f"`{name}`" in page


def test_a_class_to_catch_is_raised_by_nothing(made: ModuleType) -> None:
    """Only such a class may have no message."""
    source = FOLDER.parent / "src" / "ml_dash"
    code = "\n".join(path.read_text("utf-8") for path in source.rglob("*.py"))
    assert [kind.__name__ for kind in made.ABSTRACT if f"raise {kind.__name__}(" in code] == []
