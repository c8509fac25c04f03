"""The thread that takes away bytes which no file refers to any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection

from sqlalchemy.exc import SQLAlchemyError

from ml_dash._base.facts import about
from ml_dash.exceptions import MLDashError
from ml_dash.server import blobs
from ml_dash.server.parts import Parts
from ml_dash.server.records import files

EVERY_S = 6 * 3600.0
"""How long after a collection the next begins."""

_WORK = "collecting bytes that no file refers to"
_log = logging.getLogger("ml_dash.server.files")


class Collecting:
    """Collects from time to time, on a thread of its own.

    Args:
        parts: The server's parts.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ml-dash-collecting", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let a collection at work end, and end the thread."""
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._end.wait(EVERY_S):
            try:
                done = collect(self._parts)
            except (SQLAlchemyError, OSError, MLDashError):
                _log.warning(
                    "Unused bytes could not be collected now", exc_info=True, extra=about(_WORK)
                )
                continue
            _log.info(
                "Collected: %d trashed, %d removed", len(done.trashed), len(done.removed),
                extra=about(_WORK, count=len(done.removed)),
            )  # fmt: skip


def collect(parts: Parts) -> blobs.Collected:
    """Take away what no file refers to; see :func:`ml_dash.server.blobs.collect`."""

    def referenced(digests: Collection[str]) -> set[str]:
        with parts.database.read() as connection:
            return files.referenced(connection, digests)

    return blobs.collect(parts.blobs, referenced)
