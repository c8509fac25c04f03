"""Work that is done from time to time while a server runs, each on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from ml_dash._base.facts import about
from ml_dash.exceptions import MLDashError

_log = logging.getLogger("ml_dash.server.upkeep")


class Recurring:
    """Does some work again and again.

    Args:
        what: The work, as the log names it.
        every_s: How long after its end it begins again.
        work: Does it.
    """

    def __init__(self, what: str, every_s: float, work: Callable[[], object]) -> None:
        self._what = what
        self._every_s = every_s
        self._work = work
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ml-dash {what}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let work that has begun end, and end the thread."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every_s):
            try:
                self._work()
            except (SQLAlchemyError, OSError, MLDashError):
                # Nothing is lost by waiting for the next time.
                _log.warning(
                    "%s is not possible now", self._what, exc_info=True, extra=about(self._what)
                )
