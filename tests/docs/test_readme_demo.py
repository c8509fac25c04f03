"""README's first line: set up from a clone and run the demo, exactly as it is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lines(page: str) -> list[str]:
    """Return the command lines of README, in order."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def clone(place: Path) -> None:
    """Copy the tree as a clone would have it, with what is not committed yet."""
    known = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(known, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name, follow_symlinks=False)


def test_first_line_trains_and_reads_back(tmp_path: Path) -> None:
    """In a fresh clone with an empty HOME, the line sets everything up and the demo succeeds."""
    line = lines((ROOT / "README.md").read_text("utf-8"))[0]
    assert line.endswith(" && .venv/bin/ml-dash demo")
    place = tmp_path / "clone"
    place.mkdir()
    clone(place)
    (tmp_path / "home").mkdir()
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "Lost: 0" in done.stdout
    assert "Read back and compared" in done.stdout
    assert list((place / ".dash/demo/digits").iterdir())
