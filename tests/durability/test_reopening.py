"""Reopening a run goes on where it ended, also after one of its documents was damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.reading import entry_numbers, point_numbers
from tests.durability.running import Room
from tests.durability.scenarios.reopening import SNAPSHOTS, STREAMS, N, Reopened, measure


def assert_whole(reopened: Reopened) -> None:
    """Check both halves, on disk and as the readers of the same process show them."""
    assert reopened.exit_code == 0, reopened.stderr[-2000:]
    assert reopened.report["error"] is None
    assert {kind: t for kind, t in reopened.tallies.items() if t.lost or t.twice} == {}
    assert reopened.run.bad_lines == []
    assert reopened.run.bad_documents() == []
    assert reopened.run.numbering_faults() == []
    errors = {name: error for name, (_, error) in reopened.report["seen"].items() if error}
    assert errors == {}
    seen = {name: result for name, (result, _) in reopened.report["seen"].items()}
    assert point_numbers(seen["points"]) == list(range(2 * N))
    assert entry_numbers(seen["entries"]) == list(range(2 * N))
    assert seen["params"] == {"k0": 0, f"k{N}": N}
    assert sorted(seen["files"]) == ["0.txt", f"{N}.txt"]
    assert int(seen["stats"]) == 2 * N


def assert_kept_aside(reopened: Reopened, name: str) -> None:
    """Check that the damaged file lies beside its successor, and that a log line names it."""
    path = Path(name)
    folder = (reopened.run.folder / name).parent
    aside = [p.name for p in folder.iterdir() if p.name.startswith(path.name) and p.name !=
             path.name and not p.name.endswith(".lock")]
    assert aside, "the damaged file is gone"
    texts = [record["text"] for record in reopened.report["records"]]
    assert [text for text in texts if path.name in text], "no log line names it"


@pytest.mark.parametrize("how", ["cut", "emptied", "garbage", "removed"])
@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_spoilt_snapshot_is_made_again(name: str, how: str, room: Room) -> None:
    """Numbers go on, nothing earlier is lost, and a damaged document is kept aside and named."""
    reopened = measure(room, name, how)

    assert_whole(reopened)
    if how in ("cut", "garbage") and not name.endswith(".log_sequence"):
        assert_kept_aside(reopened, name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_torn_last_line_is_mended(name: str, room: Room) -> None:
    """Half a line at the end of a stream costs no record before or after it, and is told."""
    reopened = measure(room, name, "torn")

    assert_whole(reopened)
    texts = [record["text"] for record in reopened.report["records"]]
    assert [text for text in texts if Path(name).name in text], "no log line names it"
