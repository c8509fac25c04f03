"""Taking up a folder that a release without a journal has written, such as 0.6.

Delivery reads a run's documents from its journal. What 0.6 wrote is only in its own files, which
are read here, noted in the journal, and left as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ml_dash._store.documents import Document
from ml_dash._store.layout import FILES, LOGS, METRICS, PARAMETERS, POINTS, SUMMARY, TRACKS
from ml_dash._store.places import SNAPSHOT
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import CorruptDataError, MLDashError


def adopt(store: RunStore) -> list[MLDashError]:
    """Note in a run's journal what is in its other files only; return what is damaged there.

    A damaged list of files is moved aside and made again from the folder, as by any writer; all
    other files stay as they are.

    Raises:
        CorruptDataError: the run's document is damaged, and the journal has none.
        OSError: the folder cannot be read or written.
    """
    damaged = list(damaged_documents(store.folder))
    parameters = any(error.context.get("path") == str(store.folder / PARAMETERS)
                     for error in damaged)  # fmt: skip
    with store.journal.transaction() as add:
        store.document.import_foreign(add)
        if not parameters:
            store.params.import_foreign(add)
        store.files.index.import_foreign(add)
        store.metrics.import_foreign(add)
    return damaged


def damaged_documents(run: Path) -> Iterator[MLDashError]:
    """Yield an error for each document beside the streams that is no JSON object.

    Raises:
        FileReadError: one cannot be read.
    """
    paths = [run / PARAMETERS, run / FILES / SNAPSHOT]
    for kind in (METRICS, TRACKS):
        paths += sorted((run / kind).rglob(SUMMARY))
    for path in paths:
        try:
            Document(path).read()
        except CorruptDataError as error:
            yield error


def torn_lines(run: Path) -> Iterator[MLDashError]:
    """Yield an error for each stream whose last line is cut off, as a killed 0.6 leaves it.

    Raises:
        OSError: one cannot be read.
    """
    streams = [run / LOGS]
    for kind in (METRICS, TRACKS):
        streams += sorted((run / kind).rglob(POINTS))
    for path in streams:
        try:
            with open(path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                if size and file.read(1) != b"\n":
                    yield _torn(path)
        except FileNotFoundError:
            continue


def _torn(path: Path) -> MLDashError:
    return CorruptDataError(
        f"The last line of {path} is cut off",
        kept="the line is where it was; all lines before it are read",
        hint="It was being written when its program was killed; look at it, and remove it",
        context={"path": str(path)},
    )
