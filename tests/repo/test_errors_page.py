"""docs/errors.md is what the classes say."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_the_page_of_errors_is_as_the_classes_say() -> None:
    """``python docs/make_errors.py`` writes it again."""
    folder = Path(__file__).parents[2] / "docs"
    spec = importlib.util.spec_from_file_location("make_errors", folder / "make_errors.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (folder / "errors.md").read_text("utf-8") == made.page()
    assert len(made.public()) > 50
