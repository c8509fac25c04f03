"""Servers that take nothing: it is said once, and they are waited for once, not for each run."""

from __future__ import annotations

from ml_dash._delivery.bulk import Outcome, Synced
from ml_dash._delivery.report import DeliveryReport
from ml_dash.cli_commands._call import note


class Waits:
    """Knows which servers have taken nothing.

    Args:
        patience_s: How long to go on without any success, in seconds.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._told: set[str] = set()
        self._waited: set[str] = set()

    def patience_s(self, url: str) -> float:
        """Return how long to go on with a server, in seconds: 0 if that was in vain before."""
        return 0.0 if url in self._waited else self._patience_s

    def seen(self, report: DeliveryReport) -> None:
        """Say, once for each server, that it is waited for."""
        if report.halted or not report.last_error or report.url in self._told:
            return
        self._told.add(report.url)
        patience = f"it is tried until {self._patience_s:g} s have passed in vain"
        note(f"{report.url} takes nothing now, {patience}: {report.last_error}")

    def done(self, done: Synced) -> None:
        """Note how a run was left."""
        if done.outcome is Outcome.OWED and done.report.last_error:
            self._waited.add(done.report.url)
        elif done.outcome in (Outcome.DELIVERED, Outcome.REJECTED):
            self._told.discard(done.report.url)
            self._waited.discard(done.report.url)
