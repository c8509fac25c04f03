"""README, CONTRIBUTING and CI say and run the same line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = ROOT / ".ci" / "run"


def command_lines(page: str) -> list[str]:
    """Return the command lines of a page's bash blocks, in order."""
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_ci_runs_the_test_line_of_readme() -> None:
    """The second line of README stands in .ci/run and in CONTRIBUTING, letter for letter."""
    line = command_lines("README.md")[1]
    assert line.endswith("nox")
    assert CI.read_text("utf-8").splitlines().count(line) == 1
    assert command_lines("CONTRIBUTING.md")[0] == line


def test_readme_opens_with_purpose_and_two_lines() -> None:
    """README says what ml-dash is for, and has two command lines, before its first section."""
    opening = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    assert opening.startswith("# ml-dash\n\nTrack machine-learning experiments")
    assert len(re.findall(r"^```bash\n.*\n```$", opening, re.MULTILINE)) == 2


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a folder with .ci/run in it and a test line that only writes a report."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(CI, tmp_path / ".ci" / "run")
    return tmp_path


def run_ci(place: Path, report: str, code: int) -> subprocess.CompletedProcess[str]:
    """Run .ci/run with README's line replaced by one that leaves a report and an exit code."""
    line = command_lines("README.md")[1]
    (place / "report.xml").write_text(report, "utf-8")
    instead = f"mkdir -p .nox/reports; cp report.xml .nox/reports/tests.xml; (exit {code})"
    script = place / ".ci" / "run"
    script.write_text(script.read_text("utf-8").replace(line, instead), "utf-8")
    return subprocess.run(
        ["bash", ".ci/run"], cwd=place, env=os.environ, capture_output=True, text=True
    )


PASSED = '<testsuites><testsuite tests="5" failures="0" errors="0" skipped="2"/></testsuites>'
FAILED = '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="0"/></testsuites>'
NOTHING = '<testsuites><testsuite tests="0" failures="0" errors="0" skipped="0"/></testsuites>'


@pytest.mark.parametrize(
    ("report", "code", "closing", "expected"),
    [
        (PASSED, 0, "3 passed, 0 failed, 2 skipped", 0),
        (PASSED, 3, "3 passed, 0 failed, 2 skipped", 3),
        (FAILED, 0, "3 passed, 2 failed, 0 skipped", 1),
        (NOTHING, 0, "0 passed, 0 failed, 0 skipped", 1),
    ],
)
def test_ci_closes_with_the_sum(
    clone: Path, report: str, code: int, closing: str, expected: int
) -> None:
    """CI ends with one line of real results, and fails when its line or a test does."""
    done = run_ci(clone, report, code)
    assert done.stdout.splitlines()[-1] == closing
    assert done.returncode == expected, done.stderr
