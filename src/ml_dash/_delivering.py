"""How an experiment is delivered while it is open: from its start to the account at its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_dash._base import console
from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode, failure_of, handle_error, log_error, recording
from ml_dash._base.settings import DeliverySettings
from ml_dash._flushing import check_patience
from ml_dash.exceptions import DeliveryTimeoutError, MLDashError, RemoteClientError, TokenStoreError

if TYPE_CHECKING:
    from ml_dash._delivery.report import DeliveryReport
    from ml_dash._delivery.shipper import Shipper
    from ml_dash._store.ledger import Ledger
    from ml_dash._store.run_store import RunStore

_log = logging.getLogger("ml_dash.delivery")
_UNREACHED_PATIENCE_S = 5.0
OnError = Callable[[MLDashError], object]


class Courier:
    """Delivers one experiment, each time that it is open.

    Args:
        url: The server.
        mode: The run's error mode.
        spool: Whether the folder is kept only until the server has everything.
        offline: Whether nothing is sent by this process; ``ml-dash sync`` does it later.
        on_error: Called with each error of the delivery that is told.

    Raises:
        ConfigurationError: the URL, or an environment variable, cannot be used.
    """

    def __init__(
        self,
        url: str,
        mode: ErrorHandlingMode,
        *,
        spool: bool = False,
        offline: bool = False,
        on_error: OnError | None = None,
    ) -> None:
        from ml_dash._base.secrecy import checked_url

        self.url = checked_url(url)
        self.offline = offline
        self.answer: dict[str, Any] | None = None
        self._mode = mode
        self._spool = spool
        self._on_error = on_error
        self._settings = DeliverySettings.from_env()
        self._shipper: Shipper | None = None
        self._store: RunStore | None = None
        self._last: DeliveryReport | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shipper": None, "_store": None}

    # -- start -----------------------------------------------------------------------------------

    def connect(self, store: RunStore, document: dict[str, Any]) -> None:
        """Make the run on the server, and note in its folder that it is delivered there.

        Raises:
            NotAuthenticatedError, CredentialsRejectedError: there is no token, or a refused one.
            ServerUnreachableError: no server answered in time.
            RemoteClientError: the server refuses the run.
            LocalWriteError: the folder cannot be written.

            In PERMISSIVE mode the run goes on without the server instead.
        """
        from ml_dash._delivery.identity import renew
        from ml_dash._delivery.sinks import Server
        from ml_dash._delivery.status import ids_of, owner_of
        from ml_dash._delivery.target import folder_of
        from ml_dash._store.outage import write_error

        server = Server(self.url, owner_of(document["prefix"]), self._settings.request_timeout_s)
        self.answer = None if self.offline else self._registered(server, document)
        folder = folder_of(store.folder, self.url)
        try:
            folder.make(self.url, spool=self._spool, run_prefix=document["prefix"])
            renew(folder, document["prefix"])
            if self.answer is not None:
                folder.note(**ids_of(self.answer))
        except OSError as error:
            server.close()
            kept = "the folder as it was"
            raise write_error(error, folder.path, "the notes of delivery", kept) from error
        if not self.offline:
            self._shipper = self._made(store, folder, server)
        self._store = store

    def _registered(self, server: Any, document: dict[str, Any]) -> dict[str, Any] | None:
        from ml_dash._delivery.reaching import reach, say_what_is_kept

        try:
            return reach(server, document, self._settings.connect_timeout_s, self._say)
        except (RemoteClientError, TokenStoreError) as error:
            goes_on = self._mode is ErrorHandlingMode.PERMISSIVE
            say_what_is_kept(error, goes_on=goes_on)
            if not goes_on:
                server.close()
                raise
            what = "starting to deliver the run; it goes on without the server"
            log_error(error, what, logging.WARNING, logger=_log.name)
            return None

    def _made(self, store: RunStore, folder: Any, server: Any) -> Shipper:
        from ml_dash._delivery.run_delivery import RunDelivery
        from ml_dash._delivery.shipper import Shipper
        from ml_dash._delivery.telling import Telling

        kept = f"everything is in {store.folder}"
        telling = Telling(self.url, kept, self._mode, self._on_error)
        telling.on_deferred = lambda: store.before_next(telling.raise_deferred)
        limit = self._settings.spool_max_bytes if self._spool else None
        delivery = RunDelivery(store, folder, server, telling, owed_max_bytes=limit)
        return Shipper(delivery, telling, beat_every_s=self._settings.heartbeat_interval_s)

    def give_up(self) -> None:
        """Let go of the server of a run that could not be opened."""
        shipper, self._shipper = self._shipper, None
        if shipper is not None:
            shipper.delivery.close()

    def start(self, prefix: str) -> None:
        """Begin to deliver what the run's folder gets."""
        if self._shipper is None or self._store is None:
            self._say(f"Recording {prefix} offline; `ml-dash sync` delivers it to {self.url}")
            return
        self._store.on_child_write = self._shipper.start
        self._store.growth.on_much = self._shipper.wake
        self._shipper.start()
        if self.answer is not None:
            self._say(f"Delivering {prefix}: look at {self.url}/{prefix}")
        else:
            self._say(f"Recording {prefix}; it is delivered when {self.url} can be reached")

    # -- while it is open ------------------------------------------------------------------------

    def report(self) -> DeliveryReport:
        """Return the account as of now; after the end, the last one.

        Raises:
            CorruptDataError: what is noted of the delivery is damaged.
        """
        from ml_dash._delivery.report import DeliveryReport

        if self._shipper is not None:
            return self._shipper.report()
        if self._last is None and self._store is not None:
            self._last = self._unsent(self._store.folder)
        return self._last or DeliveryReport(self.url)

    def _unsent(self, run: Path) -> DeliveryReport:
        from ml_dash._delivery.bulk import opened
        from ml_dash._delivery.target import folder_of

        with opened(run, folder_of(run, self.url)) as delivery:
            return delivery.report()

    def flush(self, timeout_s: float | None) -> DeliveryReport:
        """Hand everything over to the server.

        Raises:
            DeliveryTimeoutError: it was not done in the time that was asked for.
            MLDashError: in STRICT mode, what the delivery met.
        """
        if self._shipper is None:
            return self.report()
        patience_s = self._settings.close_timeout_s if timeout_s is None else timeout_s
        done = self._shipper.hand_over(patience_s)
        report = self._shipper.report()
        if done or not report.pending:
            return report
        error = self._late(report, f"within {patience_s:g} s")
        if timeout_s is not None and not report.halted:
            raise error
        if not report.halted or self._mode is ErrorHandlingMode.STRICT:
            # A halt was told when it came.
            handle_error(error, "handing the run over", self._mode, logger=_log.name)
        return report

    def _late(self, report: DeliveryReport, when: str) -> DeliveryTimeoutError:
        why = report.halted or report.last_error
        when = "" if report.halted else f" {when}"
        return DeliveryTimeoutError(
            f"{report.pending} of {report.accepted} records were not delivered to {self.url}"
            f"{when}" + (f": {why}" if why else ""),
            context={"url": self.url, "pending": report.pending, "rejected": report.rejected},
            kept=f"all of them are in {report.folder}",
            hint=f"`ml-dash sync {report.folder}` delivers the rest",
        )

    # -- end -------------------------------------------------------------------------------------

    def finish(self) -> list[Exception]:
        """Deliver what is left, as far as there is patience, and say what became of all.

        Returns:
            What is to be raised, by the error mode.
        """
        if self._shipper is None:
            return []
        failure = failure_of(partial(self._finish, self._shipper))
        return [] if failure is None else [failure]

    def _finish(self, shipper: Shipper) -> None:
        deferred: MLDashError | None = None
        try:
            deferred = self._drain(shipper)
        except KeyboardInterrupt as interrupt:
            folder = shipper.delivery.store.folder
            _log.warning(
                "Interrupted while delivering; `ml-dash sync %s` goes on", folder,
                exc_info=interrupt, extra=about("delivering", run=folder),
            )  # fmt: skip
            raise
        finally:
            self._last = shipper.report()
            shipper.stop()
            self._shipper = None
        self._tell(self._last, deferred)
        if self._last.is_complete and self._spool and self._store and not self._held():
            from ml_dash._delivery.prune import prune

            with recording("taking the delivered run off the disk", self._mode):
                prune(self._store, shipper.delivery.prefix)
        if deferred is not None:
            raise deferred

    def _drain(self, shipper: Shipper) -> MLDashError | None:
        from ml_dash._store.outage import write_error

        patience_s = self._settings.close_timeout_s
        if not shipper.delivery.is_open:
            patience_s = min(patience_s, _UNREACHED_PATIENCE_S)
        total, shown = shipper.report().pending, 0
        with console.progress("Delivering", total) as advance:

            def seen(report: DeliveryReport) -> None:
                nonlocal shown
                done = max(total - report.pending, shown)
                advance(done - shown)
                shown = done

            try:
                shipper.hand_over(patience_s, seen, raises=False)
                shipper.telling.raise_deferred()
            except MLDashError as error:
                return error
            except OSError as error:
                kept = "everything that is accepted"
                return write_error(error, shipper.delivery.store.folder, "what is left", kept)
        return None

    def _tell(self, report: DeliveryReport, deferred: MLDashError | None) -> None:
        if report.is_complete and not self._held():
            told = about("delivering", run=report.folder, count=report.delivered)
            _log.info("All data delivered to %s (%d records)", self.url, report.delivered,
                      extra=told)  # fmt: skip
            let_go = f", {report.discarded} discarded" if report.discarded else ""
            self._say(f"All data delivered to {self.url} ({report.delivered} records{let_go})")
            return
        line = f"{report}; the rest is kept in {report.folder}"
        if report.pending:
            self._say(f"Not all data delivered: {line}; finish with `ml-dash sync {report.folder}`")
            error = self._late(report, "before the run closed")
            raised = deferred or error
            handle_error(raised, "closing the run", self._mode, logger=_log.name)
            return
        line += f"; see `ml-dash rejected list {report.folder}`" if report.rejected else ""
        told = about("delivering", run=report.folder, count=report.pending)
        _log.warning("Not all data delivered: %s", line, extra=told)
        if self._held():
            return  # the store has told of what the disk refuses
        if _log.hasHandlers():  # else the line above is on stderr
            self._say(f"Not all data delivered: {line}")

    def _held(self) -> int:
        """Return how many accepted records are not even on disk."""
        if self._store is None:
            return 0
        ledger = self._store.ledger()
        return ledger.lost + sum(row.waiting for row in ledger.streams.values())

    @staticmethod
    def _say(text: str) -> None:
        # What cannot be shown is in the log, too.
        with recording("writing to the console", ErrorHandlingMode.PERMISSIVE):
            console.say(text)


def courier(url: str | None, mode: ErrorHandlingMode, **how: Any) -> Courier | None:
    """Return who delivers an experiment; None without a server.

    Raises:
        ConfigurationError: the URL, or an environment variable, cannot be used.
    """
    return None if url is None else Courier(url, mode, **how)


class Delivered:
    """The part of an experiment that is about its delivery."""

    _courier: Courier | None
    _store: RunStore | None

    if TYPE_CHECKING:

        @property
        def _run_store(self) -> RunStore: ...

    @property
    def _client(self) -> Any:
        """A client of the run's server, as scripts of 0.6 reach for it; None without a server."""
        if self._courier is None:
            return None
        if "_own_client" not in self.__dict__:
            from ml_dash.client import RemoteClient

            self._own_client: Any = RemoteClient(self._courier.url)
        return self._own_client

    @_client.setter
    def _client(self, value: Any) -> None:
        # 0.6 asks nothing but this whether there is a server: without one, nothing is sent.
        self._own_client = value
        if value is None:
            self._courier = None

    @property
    def delivery(self) -> DeliveryReport:
        """What became of everything on its way to the server; empty for a run without one.

        .. versionadded:: 0.7

        Raises:
            CorruptDataError: what is noted of the delivery is damaged.
        """
        from ml_dash._delivery.report import DeliveryReport

        return DeliveryReport("") if self._courier is None else self._courier.report()

    def ledger(self) -> Ledger:
        """Return what became of everything this process has logged to the run.

        .. versionadded:: 0.7
        """
        # Who asks for the account gets it: what a thread has met is raised by the next other call.
        return (self._store or self._run_store).ledger()

    def flush(self, timeout_s: float | None = None) -> DeliveryReport:
        """Hand everything over: to the server, and in snapshots to other tools.

        Records themselves are on disk as soon as they are logged. With a server, this returns when
        it has confirmed everything that was logged before.

        Args:
            timeout_s: How long to wait for the server, in seconds; ``ML_DASH_CLOSE_TIMEOUT``
                when omitted, and then a server that does not answer in time is told of by the
                error mode.

                .. versionadded:: 0.7

        Returns:
            The account of the delivery.

        Raises:
            InvalidValueError: ``timeout_s`` is no number of at least 0.
            DeliveryTimeoutError: the server did not confirm everything within ``timeout_s``.
            MLDashError: by the error mode, what could not be written or delivered.
        """
        check_patience(timeout_s)
        if self._store is not None:
            self._store.flush()
        return self._hand_over(timeout_s)

    def _hand_over(self, timeout_s: float | None = None) -> DeliveryReport:
        return self.delivery if self._courier is None else self._courier.flush(timeout_s)
