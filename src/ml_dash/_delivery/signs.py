"""Signs of life: a server hears of a quiet run, and of its delivery; neither can fail the run."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from ml_dash._base.facts import about
from ml_dash._delivery.report import DeliveryReport, StreamReport
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import Target
from ml_dash._delivery.verdicts import Retry, judge
from ml_dash.exceptions import AuthenticationError, MLDashError

_log = logging.getLogger("ml_dash.delivery")
REPORT_EVERY_S: Final = 300.0


class Signs:
    """Tells a server that a run lives, and what became of its records.

    What a server does not know, it is not told again.

    Args:
        delivery: The run's delivery.
        beat_every_s: How long the server may hear nothing of the run, in seconds; 0 for ever.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        delivery: RunDelivery,
        beat_every_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._delivery = delivery
        self._beat_every_s = beat_every_s or math.inf
        self._clock = clock
        self._heard_s = self._told_s = clock()
        self._told: dict[str, Any] | None = None
        self._unknown: set[str] = set()

    def give(self, moved: bool) -> None:
        """Give those signs that are due.

        Args:
            moved: Whether the server has just had records, which are a sign, too.
        """
        now_s = self._clock()
        if moved:
            self._heard_s = now_s
        if now_s - self._heard_s >= self._beat_every_s:
            self._heard_s = now_s
            self._try("a sign of life", lambda: self._server.beat(self._target.run_id))
        if now_s - self._told_s >= REPORT_EVERY_S:
            self.tell()

    def tell(self) -> None:
        """Leave the account of the delivery with the server, unless it has it already."""
        self._told_s = self._clock()
        self._try("the account of a delivery", self._tell)

    def _tell(self) -> None:
        streams = _streams_of(self._delivery.report())
        if streams != self._told:
            self._server.put_report(self._target.run_id, self._target.run_key, streams)
            self._told = streams

    def _try(self, what: str, call: Callable[[], None]) -> None:
        # While records cannot be delivered, nothing else can.
        reachable = self._delivery.is_open and not self._delivery.is_held_up
        if what in self._unknown or not reachable:
            return
        try:
            call()
        except (MLDashError, OSError) as error:
            _log.debug("The server was not given %s: %s", what, error,
                       extra=about("delivering", error, url=self._target.url))  # fmt: skip
            if isinstance(error, MLDashError) and _is_for_good(error):
                self._unknown.add(what)

    @property
    def _server(self) -> Server:
        return self._delivery.server

    @property
    def _target(self) -> Target:
        return self._delivery.folder.target


def _is_for_good(error: MLDashError) -> bool:
    """Tell whether a server would answer the same the next time, as one of 0.6 would."""
    if error.context.get("status") == HTTPStatus.NOT_IMPLEMENTED:
        return True
    return not isinstance(error, AuthenticationError) and not isinstance(judge(error), Retry)


def _streams_of(report: DeliveryReport) -> dict[str, Any]:
    return {name: _account_of(stream) for name, stream in sorted(report.streams.items())}


def _account_of(stream: StreamReport) -> dict[str, Any]:
    reasons = [{"code": code, "count": count} for code, count in sorted(stream.rejected.items())]
    refused = {"rejected": sum(stream.rejected.values()), "reasons": reasons}
    account = {**stream.as_dict(), **refused}
    del account["lag_s"]  # grows by itself
    return account
