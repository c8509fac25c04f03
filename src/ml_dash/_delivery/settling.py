"""Noting that a server has all of a run: for a run that came from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ml_dash._delivery.cursors import Cursor, Cursors
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.sources import LineSource
from ml_dash._delivery.target import TargetFolder, folder_of
from ml_dash._delivery.uploaded import Uploaded
from ml_dash._store.run_store import RunStore

_PARKED: Final = "target.parked.json"
_TARGET: Final = "target.json"


def settle(
    store: RunStore, server: Server, run_id: str, project_id: str, file_ids: Iterable[str]
) -> None:
    """Put the cursors of all streams at their ends: nothing of the run is owed to the server.

    Args:
        store: The run.
        server: Where it came from; no request is sent.
        run_id: Its id there.
        project_id: Its project's id there; empty if it is not known.
        file_ids: The ids of its files, which are those of their nodes there.

    Raises:
        CorruptDataError: what is noted there is damaged.
        OSError: it cannot be noted.
    """
    folder = folder_of(store.folder, server.url)
    unpark(folder)
    prefix = str((store.document.read() or {}).get("prefix") or "")
    folder.make(server.url, spool=False, run_prefix=prefix)
    folder.note(run_id=run_id, project_id=project_id)
    _note_files(folder.notes / "uploaded.jsonl", file_ids)
    delivery = RunDelivery(store, folder, server)
    cursors, ends = Cursors(folder.cursors), []
    try:
        delivery.find()
        for name in delivery.names():
            source = delivery.lane(name).source
            assert isinstance(source, LineSource)
            size = source.size()
            count = source.count(0, size) if size else 0
            ends.append(Cursor(name, size, count, delivered=count, size_bytes=size))
        cursors.save(ends)
    finally:
        cursors.close()
        delivery.close()


def _note_files(path: Path, file_ids: Iterable[str]) -> None:
    noted = Uploaded(path)
    try:
        noted.note(({"id": each}, each) for each in file_ids if noted.node(each) is None)
    finally:
        noted.close()


def park(folder: TargetFolder) -> None:
    """Hide where a run is delivered to while its streams are filled: nobody is to send them back.

    Raises:
        OSError: it cannot be renamed.
    """
    if (folder.path / _TARGET).exists():
        os.replace(folder.path / _TARGET, folder.path / _PARKED)


def unpark(folder: TargetFolder) -> None:
    """Undo :func:`park`.

    Raises:
        OSError: it cannot be renamed.
    """
    if (folder.path / _PARKED).exists():
        os.replace(folder.path / _PARKED, folder.path / _TARGET)
        folder.reload()
