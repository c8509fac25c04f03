"""The Python examples of README.md, MIGRATION.md and docs/ run as they stand, from top to bottom.

All the ``python`` blocks of a page are one program, run in an empty folder with warnings as errors.
A block that cannot run here stands below a comment that says why: ``<!-- not run: REASON -->``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
BLOCK = re.compile(
    r"(?P<skip><!-- not run: [^\n]+ -->\n+)?^(?P<indent> *)```python\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]*))?\)")


def name(page: Path) -> str:
    """Return how a page is called in the test's name."""
    return page.relative_to(ROOT).as_posix()


def program(text: str) -> str:
    """Return the page's examples as one program whose line numbers are those of the page."""
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        if not block["skip"]:
            first = text.count("\n", 0, block.start("code"))
            code = textwrap.dedent(block["code"]).splitlines()
            lines[first : first + len(code)] = code
    return "\n".join(lines)


WITH_EXAMPLES = [page for page in PAGES if program(page.read_text("utf-8")).strip()]


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ +(.+?)\s*$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_has_examples() -> None:
    """The search for examples finds those of README, so that it cannot pass by finding none."""
    assert ROOT / "README.md" in WITH_EXAMPLES


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    """The page's examples run in order in an empty folder."""
    script = tmp_path / "page.py"
    script.write_text(program(page.read_text("utf-8")), "utf-8")
    place = tmp_path / "place"
    place.mkdir()
    environment = {**os.environ, "HOME": str(place), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{name(page)}, line numbers as in the page:\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file or a heading of the repository finds it."""
    dead = []
    for link in LINK.finditer(page.read_text("utf-8")):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        heading = link["heading"]
        if not target.exists() or (heading and heading not in headings(target)):
            dead.append(link[0])
    assert not dead, f"{name(page)}: {dead}"
