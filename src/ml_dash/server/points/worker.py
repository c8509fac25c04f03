"""The thread that moves points and entries into chunks while the server runs.

Each server process has one. It works on what its own requests say is due, and from time to time on
what others left behind. Several at once are safe; see :mod:`ml_dash.server.points.compaction`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from ml_dash._base.facts import about
from ml_dash.exceptions import MLDashError
from ml_dash.server.database import Database
from ml_dash.server.points.compaction import compact, due_series
from ml_dash.server.points.track_compaction import compact_track, due_tracks

LOOK_AFTER_S = 10.0
"""How long the thread waits before it looks for what other processes left behind."""

SET_ASIDE_S = 600.0
"""How long a series whose data is damaged is left alone."""

_log = logging.getLogger("ml_dash.server.points")


class Compaction:
    """Moves what is due, on a thread of its own.

    Args:
        database: The server's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due = threading.Event()
        self._stopped = False
        self._aside: dict[tuple[str, int], float] = {}
        self._thread = threading.Thread(target=self._work, name="ml-dash-compaction", daemon=True)

    def start(self) -> None:
        """Start the thread; it begins with what an earlier process left."""
        self._due.set()
        self._thread.start()

    def wake(self) -> None:
        """Say that something is due: ``append`` returned so. Costs nothing."""
        self._due.set()

    def stop(self) -> None:
        """Finish the transaction at work and end the thread; what is due waits in the database."""
        self._stopped = True
        self._due.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped:
            self._due.wait(LOOK_AFTER_S)
            self._due.clear()
            try:
                self.run()
            except SQLAlchemyError:
                # The data is where it was; the next look tries again.
                _log.warning(
                    "Points could not be moved into chunks now", exc_info=True,
                    extra=about("moving points into chunks"),
                )  # fmt: skip

    def run(self) -> int:
        """Move all that is due now, on the caller's thread.

        Returns:
            How many series and tracks were worked on.

        Raises:
            SQLAlchemyError: the database cannot be used; the data is where it was.
        """
        done = 0
        while not self._stopped:
            with self._database.read() as connection:
                jobs: list[tuple[str, int, Callable[[Database, int], int]]] = [
                    *(("series", each, compact) for each in due_series(connection)),
                    *(("track", each, compact_track) for each in due_tracks(connection)),
                ]
            moved = sum(self._moved(*job) for job in jobs)
            if not moved:
                return done
            done += moved
        return done

    def _moved(self, kind: str, number: int, move: Callable[[Database, int], int]) -> bool:
        if self._stopped or self._aside.get((kind, number), 0.0) > time.monotonic():
            return False
        try:
            return move(self._database, number) > 0
        except MLDashError as error:
            self._aside[kind, number] = time.monotonic() + SET_ASIDE_S
            _log.error(
                "The data of %s %s cannot be moved into chunks: %s", kind, number, error,
                exc_info=error, extra=about("moving points into chunks", error),
            )  # fmt: skip
            return False
