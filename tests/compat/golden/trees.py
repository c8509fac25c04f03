"""The golden folders as test data."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    """One checked-in tree."""

    folder: Path

    @property
    def name(self) -> str:
        """Return release and variant, as in a test's id."""
        return f"{self.folder.parent.name}-{self.folder.name}"

    @property
    def expected(self) -> dict[str, Any]:
        """Return what the release accepted (floats that JSON lacks are tagged)."""
        loaded: dict[str, Any] = json.loads(
            (self.folder / "expected.json").read_text(encoding="utf-8")
        )
        return loaded

    def copy(self, target: Path) -> Copy:
        """Copy the store to ``target``, with the empty directories that git leaves out."""
        expected = self.expected
        shutil.copytree(self.folder / "store", target)
        for directory in expected["empty_dirs"]:
            (target / directory).mkdir(parents=True, exist_ok=True)
        return Copy(target, expected["prefix"], expected)


@dataclass(frozen=True)
class Copy:
    """A copy of a golden tree that may be written to."""

    root: Path
    prefix: str
    expected: dict[str, Any]

    @property
    def run(self) -> Path:
        """Return the run's folder."""
        return self.root / self.prefix


def load(*, damaged: bool) -> list[Golden]:
    """Return the intact or the damaged trees of all releases, sorted by name."""
    found = (path.parent for path in HERE.glob("0.6.*/*/expected.json"))
    chosen = [path for path in found if path.name.startswith("damaged") is damaged]
    return [Golden(path) for path in sorted(chosen)]
