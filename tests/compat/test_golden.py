"""Folders written by real 0.6 releases: read, continued, and still readable by those releases."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compat import content, old_release
from tests.compat.golden import trees
from tests.compat.golden.trees import Copy, Golden
from tests.compat.old_release import Release

DRIVER = Path(__file__).parent / "golden" / "driver.py"
SCENARIOS = Path(__file__).parent / "golden" / "scenarios.py"
ASIDE_NAME = re.compile(r"damaged|corrupt|broken|torn|quarantine")
INTACT = trees.load(damaged=False)
DAMAGED = trees.load(damaged=True)
GetRelease = Callable[[str], Release]


def named(golden: Golden) -> str:
    return golden.name


intact = pytest.mark.parametrize("golden", INTACT, ids=named)
damaged = pytest.mark.parametrize(
    "golden", [golden for golden in DAMAGED if "damage" in golden.expected], ids=named
)


def variants(*names: str) -> Any:
    """Parametrise over the trees of these names, of all releases."""
    chosen = [golden for golden in (*INTACT, *DAMAGED) if golden.folder.name in names]
    return pytest.mark.parametrize("golden", chosen, ids=named)


class Continued:
    """A copy of a tree that several releases add to, and what it must hold by now."""

    def __init__(self, copy: Copy, scratch: Path) -> None:
        self.copy, self.scratch = copy, scratch
        self.expected = json.loads(json.dumps(copy.expected))
        self.expected["metrics"] = content.without_call_times(self.expected["metrics"])
        self.touched_by_us = False
        self.stderr = ""

    def run(self, release: Release, *arguments: str) -> dict[str, Any]:
        """Run the driver; return what the release read, normalised."""
        self.touched_by_us |= release.version == "current"
        out = self.scratch / "read.json"
        place = (str(self.copy.root), self.copy.prefix)
        done = release.run(DRIVER, arguments[0], *place, *arguments[1:], str(out), cwd=self.scratch)
        self.stderr += done.stderr
        got: dict[str, Any] = content.canonical(json.loads(out.read_text(encoding="utf-8")))
        got["blurred"] = release.version != "current" and self.touched_by_us
        return got

    def read(self, release: Release) -> dict[str, Any]:
        """Read everything with ``release``."""
        return self.run(release, "read")

    def append(self, release: Release) -> dict[str, Any]:
        """Add to every stream with ``release``, note it, and read everything again."""
        marker = f"by-{release.version}-{len(self.expected['logs'])}"
        got = self.run(release, "append", marker)
        self.note(marker)
        return got

    def note(self, marker: str) -> None:
        """Note what the driver added."""
        expected = self.expected
        expected["params"].update({f"added_{marker}": marker, "added_last": marker})
        expected["param_writes"] += 1
        line = {"level": "info", "message": f"added {marker}", "metadata": {"marker": marker}}
        expected["logs"].append(line)
        for points in expected["metrics"].values():
            points.append({"added": marker})
        for entries in expected["tracks"].values():
            entries.append({"timestamp": 1e6, "added": marker})
        for name, text in ((f"{marker}.txt", marker), ("last.txt", f"last is {marker}")):
            self.note_file(name, text.encode())

    def note_file(self, name: str, stored: bytes) -> None:
        """Note a file that the driver saved."""
        known = [
            record
            for record in self.expected["files"]
            if (record["path"], record["filename"]) != ("/added", name)
        ]
        digest = hashlib.sha256(stored).hexdigest()
        record = {"path": "/added", "filename": name, "sizeBytes": len(stored), "checksum": digest}
        self.expected["files"] = [*known, record]

    def on_disk(self) -> dict[str, Any]:
        """Return what the folder holds, read without any ml_dash."""
        held = content.read(self.copy.run, escaped=self.touched_by_us)
        held["metrics"] = content.without_call_times(held["metrics"])
        return held


def records(expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return expected file records with the defaults of what they leave out, sorted."""
    defaults = {"description": None, "tags": [], "metadata": None}
    return sorted(({**defaults, **record} for record in expected), key=content.file_order)


def check_disk(continued: Continued) -> None:
    """Assert that the folder holds exactly what it must: nothing missing, nothing twice."""
    held, expected = continued.on_disk(), continued.expected
    assert held["params"] == expected["params"]
    assert held["logs"] == expected["logs"]
    assert held["metrics"] == expected["metrics"]
    assert held["tracks"] == expected["tracks"]
    assert held["files"] == records(expected["files"])
    check_numbers(continued)


def check_numbers(continued: Continued) -> None:
    """Assert that sequence numbers, indexes, counts and versions go on without gap or repeat."""
    run, expected = continued.copy.run, continued.expected
    numbers = [line["sequenceNumber"] for line in content.lines(run / "logs" / "logs.jsonl")]
    assert numbers == list(range(len(expected["logs"])))
    for path in run.glob("metrics/*/data.jsonl"):
        indexes = [point["index"] for point in content.lines(path)]
        assert indexes == list(range(len(indexes))), path
        counts = content.document(path.with_name("metadata.json"))
        assert (counts["totalDataPoints"], counts["nextIndex"]) == (len(indexes), len(indexes))
    for path in run.glob("tracks/*/data.jsonl"):
        counts = content.document(path.with_name("metadata.json"))
        assert counts["totalEntries"] == len(content.lines(path)), path
    if expected["param_writes"]:
        assert content.document(run / "parameters.json")["version"] == expected["param_writes"]


def check_reading(got: dict[str, Any], continued: Continued) -> None:
    """Assert that a release's public API gave back exactly what the folder must hold."""
    expected = continued.expected
    if got.pop("blurred"):
        got, expected = content.blurred(got), content.blurred(expected)
    assert got["params"] == expected["params"]
    check_metrics(got["metrics"], expected)
    assert got["tracks"] == expected["tracks"]
    check_files(got["files"], expected["files"])


def check_metrics(got: dict[str, Any], expected: dict[str, Any]) -> None:
    """Assert points, indexes, counts and descriptions of all metrics."""
    points = {name: [point["data"] for point in read["points"]] for name, read in got.items()}
    assert content.without_call_times(points) == expected["metrics"]
    for name, read in got.items():
        count = len(expected["metrics"][name])
        assert [point["index"] for point in read["points"]] == list(range(count))
        assert (read["total"], read["stored"]) == (count, count)
        described = expected["described_metrics"].get(name, {})
        assert read["description"] == described.get("description")
        assert read["tags"] == described.get("tags", [])
        assert read["metadata"] == described.get("metadata")


def check_files(got: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Assert records and downloaded bytes of all files that were not deleted."""
    live = records([record for record in expected if not record.get("deleted")])
    keys = ("path", "filename", "description", "tags", "metadata", "sizeBytes", "checksum")
    shown = [{key: record.get(key) for key in keys} for record in got]
    assert sorted(shown, key=content.file_order) == live
    assert all(record["downloaded"] == record["checksum"] for record in got)


def continued_copy(golden: Golden, tmp_path: Path) -> Continued:
    return Continued(golden.copy(tmp_path / "store"), tmp_path)


# --- intact folders -------------------------------------------------------------------------------


@intact
def test_golden_folder_is_what_its_release_accepted(golden: Golden, tmp_path: Path) -> None:
    """The evidence holds: the checked-in tree contains what its release was given."""
    check_disk(continued_copy(golden, tmp_path))


@intact
def test_ours_reads_folder(golden: Golden, tmp_path: Path, release: GetRelease) -> None:
    """Parameters, points, indexes, entries, file records and bytes come back as accepted."""
    continued = continued_copy(golden, tmp_path)
    check_reading(continued.read(release("current")), continued)
    check_disk(continued)


@intact
def test_ours_continues_folder(golden: Golden, tmp_path: Path, release: GetRelease) -> None:
    """Appending goes on with indexes, sequence numbers and versions; nothing old is changed."""
    continued = continued_copy(golden, tmp_path)
    for _ in range(2):
        check_reading(continued.append(release("current")), continued)
    check_disk(continued)


@pytest.mark.old_release
@intact
def test_old_releases_continue_after_ours(
    golden: Golden, tmp_path: Path, release: GetRelease
) -> None:
    """0.6.13 and 0.6.27 read and continue what ours continued, and ours reads that again."""
    continued = continued_copy(golden, tmp_path)
    for version in ("current", *old_release.RELEASES, "current"):
        check_reading(continued.append(release(version)), continued)
    check_disk(continued)


RUNS = sorted({(g.expected["scenario"], g.expected["buffering"]) for g in INTACT})


@pytest.mark.old_release
@pytest.mark.parametrize(("name", "buffering"), RUNS)
def test_old_releases_read_folder_of_ours(
    name: str, buffering: str, tmp_path: Path, release: GetRelease
) -> None:
    """A folder written by ours from the start is read and continued by both old releases."""
    env = {"ML_DASH_BUFFER_ENABLED": "true" if buffering == "buffered" else "false"}
    out = tmp_path / "accepted.json"
    release("current").run(SCENARIOS, name, "store", str(out), cwd=tmp_path, env=env)
    notes = json.loads(out.read_text(encoding="utf-8"))
    continued = Continued(Copy(tmp_path / "store", notes["prefix"], notes), tmp_path)
    continued.touched_by_us = True
    check_disk(continued)
    for version in (*old_release.RELEASES, "current"):
        check_reading(continued.append(release(version)), continued)
    check_disk(continued)


# --- missing snapshots ----------------------------------------------------------------------------


@variants("everything-buffered")
@pytest.mark.parametrize(
    "snapshot",
    [
        "logs/.log_sequence",
        "metrics/train/metadata.json",
        "tracks/pose/metadata.json",
        "experiment.json",
    ],
)
def test_ours_rebuilds_missing_snapshot(
    golden: Golden, snapshot: str, tmp_path: Path, release: GetRelease
) -> None:
    """A missing snapshot is rebuilt from its stream; numbers go on as if it had been there."""
    continued = continued_copy(golden, tmp_path)
    (continued.copy.run / snapshot).unlink()
    check_reading(continued.append(release("current")), continued)
    check_disk(continued)


@variants("everything-buffered")
def test_ours_rebuilds_missing_file_index(
    golden: Golden, tmp_path: Path, release: GetRelease
) -> None:
    """Without the file index every stored file is found again by its place and its bytes."""
    continued = continued_copy(golden, tmp_path)
    (continued.copy.run / "files" / ".files_metadata.json").unlink()
    check_reading(continued.append(release("current")), continued)
    check_disk(continued)


# --- damaged folders ------------------------------------------------------------------------------


def salvaged(got: dict[str, Any], golden: Golden) -> dict[str, Any]:
    """Return the reading without what cannot be had back from this damage."""
    if golden.folder.name == "damaged_files_index":
        for record in got["files"]:
            record.update(description=None, tags=[], metadata=None)
    return got


def damaged_copy(golden: Golden, tmp_path: Path) -> Continued:
    """Copy a damaged tree; expect of it what its bytes still hold."""
    continued = continued_copy(golden, tmp_path)
    if golden.folder.name == "damaged_files_index":
        for record in continued.expected["files"]:
            record.pop("tags", None)
    return continued


ORDINARY = [g for g in DAMAGED if g.folder.name not in ("damaged_params", "damaged_batch")]
ordinary = pytest.mark.parametrize("golden", ORDINARY, ids=named)


@ordinary
def test_ours_reads_what_damage_left(golden: Golden, tmp_path: Path, release: GetRelease) -> None:
    """Every record that is still in the streams is read, whatever document is damaged."""
    continued = damaged_copy(golden, tmp_path)
    got = salvaged(continued.read(release("current")), golden)
    check_reading(got, continued)


@damaged
def test_ours_keeps_damaged_file_and_says_so(
    golden: Golden, tmp_path: Path, release: GetRelease
) -> None:
    """The damaged bytes stay under a telling name, and a log line names the file."""
    damage = golden.expected["damage"]
    continued = damaged_copy(golden, tmp_path)
    before = (continued.copy.run / damage["file"]).read_bytes()
    continued.append(release("current"))
    assert Path(damage["file"]).name in continued.stderr
    if damage["keeps_bytes"]:
        assert before in kept_aside(continued.copy.run)


def kept_aside(run: Path) -> list[bytes]:
    """Return the content of all files whose name says that they were damaged."""
    found = (path for path in run.rglob("*") if ASIDE_NAME.search(path.name) and path.is_file())
    return [path.read_bytes() for path in found]


@pytest.mark.old_release
@ordinary
def test_damaged_folder_is_whole_again(golden: Golden, tmp_path: Path, release: GetRelease) -> None:
    """After ours continued a damaged folder, the old releases read and continue it as well."""
    continued = damaged_copy(golden, tmp_path)
    for version in ("current", *old_release.RELEASES, "current"):
        got = salvaged(continued.append(release(version)), golden)
        if golden.folder.name == "damaged_metric_tail":
            renumber(got)
        check_reading(got, continued)


def renumber(got: dict[str, Any]) -> None:
    """Close the gap that a torn point leaves: its index was given out and is not given again."""
    points = got["metrics"]["train"]["points"]
    indexes = [point["index"] for point in points]
    assert indexes in (list(range(len(points))), [0, 1, *range(3, len(points) + 1)])
    for place, point in enumerate(points):
        point["index"] = place


@variants("damaged_params")
def test_ours_goes_on_after_truncated_parameters(
    golden: Golden, tmp_path: Path, release: GetRelease
) -> None:
    """Truncated parameters never raise; new ones are stored, whole ones of before may come back."""
    continued = continued_copy(golden, tmp_path)
    first = continued.append(release("current"))["params"]
    second = continued.append(release("current"))["params"]
    marker = second["added_last"]
    assert first.items() <= {**second, "added_last": first["added_last"]}.items()
    assert second[f"added_{marker}"] == marker
    old = {name: value for name, value in second.items() if not name.startswith("added_")}
    whole = {"lr": 0.1, "layers": [1, 2]}
    assert old in ({}, whole, {**whole, "good": "value"})


@variants("damaged_batch")
def test_ours_reads_repeated_indexes(golden: Golden, tmp_path: Path, release: GetRelease) -> None:
    """Points whose index 0.6 gave out twice are all read, and no new point repeats an index."""
    continued = continued_copy(golden, tmp_path)
    run = continued.copy.run
    before = content.lines(run / "metrics" / "train" / "data.jsonl")
    points = continued.append(release("current"))["metrics"]["train"]["points"]
    steps = [point["data"].get("step") for point in points[:-1]]
    assert steps == [point["data"]["step"] for point in before]
    taken = {point["index"] for point in before}
    assert content.lines(run / "metrics" / "train" / "data.jsonl")[-1]["index"] not in taken


@pytest.mark.parametrize("document", ["parameters.json", "logs/.log_sequence"])
def test_ours_rebuilds_documents_of_its_own_folder(
    document: str, tmp_path: Path, release: GetRelease
) -> None:
    """In a folder of ours even lost parameters come back: the journal has them."""
    out = tmp_path / "accepted.json"
    release("current").run(SCENARIOS, "everything", "store", str(out), cwd=tmp_path)
    notes = json.loads(out.read_text(encoding="utf-8"))
    continued = Continued(Copy(tmp_path / "store", notes["prefix"], notes), tmp_path)
    (continued.copy.run / document).unlink()
    check_reading(continued.append(release("current")), continued)
    check_disk(continued)
