"""Records of files made again from the folder, where their list is lost."""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Container
from pathlib import Path
from typing import Any

from ml_dash._base.clock import stamp
from ml_dash._base.facts import about
from ml_dash._store.blobs import measure

_log = logging.getLogger("ml_dash.store")


def scan(folder: Path, known: Container[str], experiment_id: str) -> list[dict[str, Any]]:
    """Return records for ``<path>/<id>/<filename>`` below a folder, oldest id first.

    Args:
        folder: The run's files; symbolic links in it are not followed.
        known: Ids to leave out.
        experiment_id: What the records say they belong to.

    Raises:
        OSError: a file cannot be read.
    """
    records = unlisted(folder, known, experiment_id)
    if records:
        _log.warning(
            "The records of %d files in %s were made again from the folder; their "
            "descriptions, tags and metadata are lost",
            len(records),
            folder,
            extra=about("reading the list of files", path=folder, count=len(records)),
        )
    return records


def unlisted(folder: Path, known: Container[str], experiment_id: str) -> list[dict[str, Any]]:
    """Do what :func:`scan` does, without a word in the log."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        parts = Path(place).relative_to(folder).parts
        if parts and parts[-1].isdecimal() and parts[-1] not in known:
            paths = [Path(place) / name for name in sorted(names)]
            found += [(parts, path) for path in paths if path.is_file() and not path.is_symlink()]
    found.sort(key=lambda one: int(one[0][-1]))
    return [_record(parts, path, experiment_id) for parts, path in found]


def _record(parts: tuple[str, ...], path: Path, experiment_id: str) -> dict[str, Any]:
    blob = measure(path)
    when = stamp(path.stat().st_mtime)
    return {
        "id": parts[-1],
        "experimentId": experiment_id,
        "path": "/" + "/".join(parts[:-1]),
        "filename": path.name,
        "description": None,
        "tags": [],
        "bindrs": [],
        "contentType": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "sizeBytes": blob.size_bytes,
        "checksum": blob.checksum,
        "metadata": None,
        "uploadedAt": when,
        "updatedAt": when,
        "deletedAt": None,
    }
