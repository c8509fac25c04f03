"""docs/cli.md is what the commands say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ml_dash.cli import COMMANDS

FOLDER = Path(__file__).parents[2] / "docs"


def test_the_page_of_commands_is_as_they_say() -> None:
    """``python docs/make_cli.py`` writes it again."""
    spec = importlib.util.spec_from_file_location("make_cli", FOLDER / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    page = (FOLDER / "cli.md").read_text("utf-8")
    assert page == made.page()
    for name in COMMANDS:
        assert f"\n## ml-dash {name}\n" in page
