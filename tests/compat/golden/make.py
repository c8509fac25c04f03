"""Make the golden folders again: ``python -m tests.compat.golden.make`` from the repository root.

Runs every scenario with the real old releases, damages what is to be damaged, and writes
``<release>/<variant>/store/...`` (the root that was given to the release) together with
``expected.json`` (what was accepted, see README.md). Existing trees are replaced.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.compat import old_release
from tests.compat.golden.scenarios import SCENARIOS

HERE = Path(__file__).parent
BOTH = ("buffered", "unbuffered")
VARIANTS: dict[str, tuple[str, ...]] = {
    "metrics": BOTH,
    "tracks": BOTH,
    "everything": BOTH,
    "files": ("unbuffered",),
    "files_buffered": ("buffered",),
    "damaged_batch": ("buffered",),
}


@dataclass(frozen=True)
class Damage:
    """What is done to one document of a finished run.

    ``drops`` names the records that are gone for good: a stream and how many of its last ones.
    """

    file: str
    change: Callable[[bytes], bytes]
    drops: dict[str, Any] = field(default_factory=dict)
    keeps_bytes: bool = True


def _torn(content: bytes) -> bytes:
    return content[:-9]


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


DAMAGES = {
    "damaged_params": Damage("parameters.json", lambda content: content),
    "damaged_log_sequence": Damage("logs/.log_sequence", lambda _: b"\x00\x00garbage"),
    "damaged_log_tail": Damage("logs/logs.jsonl", _torn, {"logs": 1}, False),
    "damaged_metric_tail": Damage("metrics/train/data.jsonl", _torn, {"metrics": "train"}, False),
    "damaged_track_tail": Damage("tracks/pose/data.jsonl", _torn, {"tracks": "pose"}, False),
    "damaged_metric_metadata": Damage("metrics/train/metadata.json", _half),
    "damaged_track_metadata": Damage("tracks/pose/metadata.json", lambda _: b""),
    "damaged_files_index": Damage("files/.files_metadata.json", _half),
    "damaged_experiment": Damage("experiment.json", _half),
}


def main() -> None:
    """Make all trees of all releases."""
    for version in old_release.RELEASES:
        release = old_release.ensure(version)
        shutil.rmtree(HERE / version, ignore_errors=True)
        for name in SCENARIOS:
            for buffering in VARIANTS.get(name, ("unbuffered",)):
                make(release, name, buffering)


def make(release: old_release.Release, name: str, buffering: str) -> None:
    """Run one scenario and keep its folder and what was accepted."""
    variants = VARIANTS.get(name, ("unbuffered",))
    target = HERE / release.version / (f"{name}-{buffering}" if len(variants) > 1 else name)
    with tempfile.TemporaryDirectory() as scratch:
        notes = run_scenario(release, name, buffering, Path(scratch))
        expected = {"release": release.version, "scenario": name, "buffering": buffering, **notes}
        store = Path(scratch) / "store"
        expected.update(apply_damage(name, store / notes["prefix"], expected))
        expected["empty_dirs"] = empty_dirs(store)
        shutil.copytree(store, target / "store")
    write_json(target / "expected.json", expected)


def run_scenario(
    release: old_release.Release, name: str, buffering: str, scratch: Path
) -> dict[str, Any]:
    """Run one scenario in ``scratch/store``; return its notes."""
    env = {"ML_DASH_BUFFER_ENABLED": "true" if buffering == "buffered" else "false"}
    # The system's temporary directory: 0.6 deletes what was uploaded from there (its own copies).
    out = scratch / "accepted.json"
    script = HERE / "scenarios.py"
    release.run(script, name, "store", str(out), cwd=scratch, env=env)
    notes: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return notes


def apply_damage(name: str, run: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """Damage the run as its name says; return what ``expected`` has to say about it."""
    damage = DAMAGES.get(name)
    if damage is None:
        return {}
    path = run / damage.file
    path.write_bytes(damage.change(path.read_bytes()))
    changed: dict[str, Any] = {"damage": {"file": damage.file, "keeps_bytes": damage.keeps_bytes}}
    if "logs" in damage.drops:
        changed["logs"] = expected["logs"][: -damage.drops["logs"]]
    for kind in ("metrics", "tracks"):
        if kind in damage.drops:
            stream = damage.drops[kind]
            changed[kind] = {**expected[kind], stream: expected[kind][stream][:-1]}
    return changed


def empty_dirs(store: Path) -> list[str]:
    """Return the empty directories, which git does not keep."""
    found = (path for path in store.rglob("*") if path.is_dir() and not any(path.iterdir()))
    return sorted(path.relative_to(store).as_posix() for path in found)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` readably."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
