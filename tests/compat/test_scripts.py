"""Training scripts written for 0.6, run with the real release and with ours, side by side."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compat import content
from tests.compat.old_release import Release

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
GetRelease = Callable[[str], Release]
ECHO = re.compile(r"\[(INFO|WARN|ERROR|DEBUG|FATAL)\] ")
RELEASE = re.compile(r'^"""release: (\S+)')
VOLATILE = ("created_at", "updated_at", "status", "started_at", "ended_at", "error")


def release_of(script: Path) -> str:
    """Return the old release a script was written for."""
    found = RELEASE.match(script.read_text(encoding="utf-8"))
    return found[1] if found else "0.6.13"


def run(script: Path, release: Release, folder: Path) -> dict[str, Any]:
    """Run a script in an empty folder; return what it printed and what it stored."""
    folder.mkdir()
    done = release.run(script, cwd=folder)
    return {
        "stdout": [line for line in done.stdout.splitlines() if shown(line)],
        "stderr echo": [line for line in done.stderr.splitlines() if ECHO.match(line)],
        "stored": stored(folder / ".dash"),
    }


def shown(line: str) -> bool:
    """Return whether a line is the script's own or the log echo, not progress of the library."""
    return bool(line.strip()) and "[ML-Dash]" not in line


def stored(root: Path) -> dict[str, Any]:
    """Return the content of every run below ``root``, and of its experiment.json."""
    found = {}
    for path in sorted(root.rglob("experiment.json")):
        about = {k: v for k, v in content.document(path).items() if k not in VOLATILE}
        name = path.parent.relative_to(root).as_posix()
        held = content.read(path.parent, escaped=True)
        counts = content.counts(path.parent)
        found[name] = rounded({"experiment": about, **held, "counts": counts})
    return found


def rounded(value: Any) -> Any:
    """Return ``value`` with floats cut to what any order of summing gives."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def as_0_7(name: str, old: dict[str, Any]) -> dict[str, Any]:
    """Apply the intended differences of 0.7 to what the old release did.

    Each of them is a row of docs/compatibility.md.
    """
    runs = old["stored"]
    if name == "params_proto_script":
        # 0.6.13 records the defaults of params-proto classes; 0.7 their current values.
        assert runs["alice/cli/proto"]["params"]["Args.lr"] == 0.1
        runs["alice/cli/proto"]["params"]["Args.lr"] = 0.5
    if name == "misuse":
        # 0.6 forgets the protection; 0.7 notes it with the run.
        runs["alice/misuse/protected"]["experiment"]["write_protected"] = True
    if name == "storage_direct":
        # 0.6 drops what is first said about a metric after its first point; 0.7 keeps it.
        assert "['m', ['g'], None," in old["stdout"][5]
        old["stdout"][5] = old["stdout"][5].replace("None", "'late'", 1)
        runs["alice/direct/run"]["counts"]["metrics/m"]["description"] = "late"
    if name == "late_0_6_27":
        # 0.6.27 adds the call time to every point; 0.7 only where the script gave a time.
        for held in runs.values():
            for points in held["metrics"].values():
                assert all("_ts" in point for point in points)
            del held["tracks"]["auto"]
            del held["counts"]["tracks/auto"]
    return old


@pytest.mark.old_release
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_does_the_same(script: Path, tmp_path: Path, release: GetRelease) -> None:
    """Same output, same log echo, and the same parameters, logs, points, entries and files."""
    old = as_0_7(script.stem, run(script, release(release_of(script)), tmp_path / "old"))
    ours = run(script, release("current"), tmp_path / "ours")
    if script.stem == "late_0_6_27":
        held = ours["stored"]["alice/late/run"]
        del held["tracks"]["auto"], held["counts"]["tracks/auto"]  # wall-clock times
    assert ours["stdout"] == old["stdout"]
    assert ours["stderr echo"] == old["stderr echo"]
    assert ours["stored"] == old["stored"]
