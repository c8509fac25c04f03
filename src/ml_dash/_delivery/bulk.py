"""Delivering runs that nobody writes any more, or that somebody else writes: ``ml-dash sync``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ml_dash._base.settings import DeliverySettings
from ml_dash._delivery.identity import renew
from ml_dash._delivery.prune import is_written, prune
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.run_delivery import RunDelivery, Told
from ml_dash._delivery.signs import Signs
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.status import owner_of
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.verdicts import Verdict
from ml_dash._store.adopting import adopt, torn_lines
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import CorruptDataError, MLDashError

Seen = Callable[[DeliveryReport], object]
_SHORTEST_REST_S = 0.05
_LOOK_EVERY_S = 1.0


class Outcome(Enum):
    """How a run was left."""

    DELIVERED = "delivered"
    OWED = "still owed"
    REJECTED = "delivered, except what was rejected"
    HALTED = "halted"
    BUSY = "being delivered by another process"
    LIVE = "still being written"


@dataclass(frozen=True)
class Synced:
    """A run that was looked at.

    Attributes:
        run: Its folder.
        outcome: How it was left.
        report: Its account.
        pruned: Whether it was taken off the disk, as the server has all of it.
        damaged: What is damaged in its folder.
    """

    run: Path
    outcome: Outcome
    report: DeliveryReport
    pruned: bool = False
    damaged: tuple[MLDashError, ...] = ()


@contextmanager
def opened(
    run: Path,
    folder: TargetFolder,
    told: Told = lambda _stream, _verdict: None,
    timeout_s: float | None = None,
    api_key: str | None = None,
) -> Iterator[RunDelivery]:
    """Give the delivery of a run that this process does not write.

    Args:
        run: The run's folder.
        folder: Its folder of delivery.
        told: Called with each verdict that is not plain success.
        timeout_s: How long a connection may be silent, in seconds; ``ML_DASH_REQUEST_TIMEOUT``
            when omitted.
        api_key: The token; found as for the client when omitted.

    Raises:
        CorruptDataError: the run has no readable document, or its notes are damaged.
        ConfigurationError: an environment variable has an impossible value.
        OSError: the folder cannot be read.
    """
    if timeout_s is None:
        timeout_s = DeliverySettings.from_env().request_timeout_s
    store = RunStore(run.parent, [run.name])
    document = store.document.read()
    prefix = folder.target.prefix or (document or {}).get("prefix")
    if document is None or not isinstance(prefix, str):
        raise CorruptDataError(
            f"{run} has no document that says which run it is",
            context={"path": str(run)}, kept="the folder is untouched",
            hint="Restore experiment.json in it",
        )  # fmt: skip
    renew(folder, prefix)
    server = Server(folder.target.url, owner_of(prefix), timeout_s, api_key)
    delivery = RunDelivery(store, folder, server, told)
    try:
        yield delivery
    finally:
        delivery.close()
        store.release()


def sync(
    run: Path,
    folder: TargetFolder,
    *,
    live: bool = False,
    patience_s: float = 60.0,
    seen: Seen = lambda _report: None,
    stop: threading.Event | None = None,
    api_key: str | None = None,
) -> Synced:
    """Deliver what a run owes to one server.

    Args:
        run: The run's folder.
        folder: Its folder of delivery.
        live: Also while somebody writes it.
        patience_s: How long to go on without any success, in seconds.
        seen: Called with the account after each batch.
        stop: Ends it after the batch that is under way.
        api_key: The token; found as for the client when omitted.

    Raises:
        CorruptDataError: the run's folder is damaged.
        OSError: the run's folder cannot be read.
    """

    def told(_stream: str, _verdict: Verdict) -> None:
        seen(delivery.report())

    with opened(run, folder, told, api_key=api_key) as delivery:
        if not live and is_written(run):
            return Synced(run, Outcome.LIVE, delivery.report())
        if not delivery.take_lease():
            return Synced(run, Outcome.BUSY, delivery.report())
        damaged = tuple(adopt(delivery.store))
        if not is_written(run):  # a line that is being written is not cut off
            damaged += tuple(torn_lines(run))
        seen(delivery.report())
        _drain(delivery, patience_s, stop or threading.Event())
        Signs(delivery).tell()
        report = delivery.report()
        seen(report)
        done = report.is_complete and folder.target.spool and prune(delivery.store, delivery.prefix)
        return Synced(run, _outcome(report), report, done, damaged)


def _drain(delivery: RunDelivery, patience_s: float, stop: threading.Event) -> None:
    """Send until nothing is left, or nothing has moved for as long as there is patience."""
    moved_s = time.monotonic()
    while not stop.is_set():
        if delivery.step(merge=True, stop=stop.is_set):
            moved_s = time.monotonic()
            continue
        if delivery.sends_files:
            delivery.wait_for_files(_LOOK_EVERY_S)
            moved_s = time.monotonic()
            continue
        if delivery.halted is not None:
            return
        now_s = time.monotonic()
        rest_s = delivery.next_try_s - now_s
        if rest_s == float("inf") or now_s + rest_s - moved_s > patience_s:
            return
        stop.wait(max(_SHORTEST_REST_S, rest_s))


def _outcome(report: DeliveryReport) -> Outcome:
    if report.pending:
        return Outcome.HALTED if report.halted else Outcome.OWED
    return Outcome.REJECTED if report.rejected else Outcome.DELIVERED
