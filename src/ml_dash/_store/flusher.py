"""The thread that writes what gathered, for ``ML_DASH_DURABILITY=batch``."""

from __future__ import annotations

import threading
from collections.abc import Callable

GATHER_S = 0.1
"""How long a record may stay in memory only."""


class Flusher:
    """Calls ``write`` a tenth of a second after the first :meth:`wake`, on its own thread.

    Args:
        write: Writes what gathered; keeps its own errors.
    """

    def __init__(self, write: Callable[[], None]) -> None:
        self._write = write
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Say that something waits."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="ml-dash-flush", daemon=True)
            self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what still waits is the caller's to write."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self._stop.wait(GATHER_S)
            self._write()

    def reset_after_fork(self) -> None:
        """Forget the parent's thread in a forked child."""
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = None
