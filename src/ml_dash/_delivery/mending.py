"""Records that were refused: sent once more, or let go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash._base.clock import file_stamp
from ml_dash._delivery.bulk import opened
from ml_dash._delivery.cursors import Cursors, digest
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.ports import Batch
from ml_dash._delivery.rejected import Rejected
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.signs import Signs
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.verdicts import Done, Reject
from ml_dash._record import codec
from ml_dash.exceptions import RunOpenError

Entry = Mapping[str, Any]


def retry(run: Path, folder: TargetFolder) -> tuple[int, int]:
    """Send each refused record of a run once more, behind what was delivered since.

    Returns:
        How many were taken, and how many were refused again.

    Raises:
        MLDashError: the server cannot be reached, or refuses the run; the records stay listed.
        OSError: the notes cannot be read or written.
    """
    with opened(run, folder) as delivery:
        if not delivery.take_lease():
            raise _busy(run)
        entries = list(delivery.rejected.entries())
        left = [entry for entry in entries if not _is_taken(delivery, entry)]
        if len(left) < len(entries):
            _keep(folder, entries, left, discarded=False)
            delivery.reload()
            Signs(delivery).tell()
    return len(entries) - len(left), len(left)


def _is_taken(delivery: RunDelivery, entry: Entry) -> bool:
    delivery.find()
    lane = delivery.lane(entry["stream"])
    number = entry["number"]
    # A stream of its own for each record: they may be sent again in any order.
    own = f"again-{digest(entry['stream'])}/{number}"
    key = f"{delivery.folder.target.run_key}/{own}/{number}-{number}"
    line = entry["record"].encode()
    batch = Batch([line], number, key, lane.source.facts())
    verdict = lane.sink.send(batch)
    if isinstance(verdict, (Done, Reject)):
        return isinstance(verdict, Done)
    raise verdict.error


def discard(folder: TargetFolder) -> Path:
    """List the refused records of a run no more, and return the file that they are moved to.

    Raises:
        RunOpenError: somebody delivers the run just now.
        OSError: the notes cannot be read or written.
    """
    lease = Lease(folder.path / "lock")
    if not lease.take():
        raise _busy(folder.path)
    try:
        rejected = Rejected(folder.notes)
        entries = list(rejected.entries())
        kept = rejected.path.with_name(f"discarded-{file_stamp()}.jsonl")
        os.rename(rejected.path, kept)
        _recount(folder, entries, [], discarded=True)
    finally:
        lease.give_back()
    return kept


def _keep(folder: TargetFolder, before: list[Any], left: list[Any], *, discarded: bool) -> None:
    lines = [codec.encode(entry) + b"\n" for entry in left]
    fsio.write_atomic(Rejected(folder.notes).path, b"".join(lines))
    _recount(folder, before, left, discarded=discarded)


def _recount(folder: TargetFolder, before: list[Any], left: list[Any], *, discarded: bool) -> None:
    """Make the accounts agree with what is listed."""
    listed = Counter(entry["stream"] for entry in left)
    cursors, changed = Cursors(folder.cursors), []
    for name in {entry["stream"] for entry in before}:
        cursor = cursors.load(name)
        less = cursor.rejected - listed[name]
        cursor = replace(cursor, rejected=listed[name])
        if discarded:
            changed.append(replace(cursor, discarded=cursor.discarded + less))
        else:
            changed.append(replace(cursor, delivered=cursor.delivered + less))
    cursors.save(changed)
    cursors.close()


def _busy(path: Path) -> RunOpenError:
    return RunOpenError(
        f"{path} is being delivered by another process",
        context={"path": str(path)},
        hint="Wait until it is done, or end it",
    )
