"""What the user is told of the delivery: once per outage, once at its end, never nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ml_dash._base.attribution import warn_user
from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode, end_of, failure_of, handle_error, log_error
from ml_dash._delivery.verdicts import Halt, Reject, Retry, Verdict
from ml_dash.exceptions import DataLossError, MLDashError, RecoverableError, RecoverableWarning

_log = logging.getLogger("ml_dash.delivery")
_WHAT = "delivering the run"
TELL_AFTER_S = 5.0
"""An outage that is over sooner is only logged."""


class Telling:
    """Decides, by the error mode, what becomes of what goes wrong on the delivery thread.

    Args:
        url: The server.
        kept: Where everything is.
        mode: The run's error mode.
        on_error: Called with each error that is told.
        tell_after_s: How long an outage lasts before it is told, in seconds; see TELL_AFTER_S.
        clock: Seconds, rising.

    Attributes:
        deferred: In STRICT mode, what is to be raised on the user's thread.
    """

    def __init__(
        self,
        url: str,
        kept: str,
        mode: ErrorHandlingMode,
        on_error: Callable[[MLDashError], object] | None = None,
        *,
        tell_after_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deferred: MLDashError | None = None
        self.on_deferred: Callable[[], None] = lambda: None
        self._url = url
        self._kept = kept
        self._mode = mode
        self._on_error = on_error
        self._tell_after_s = TELL_AFTER_S if tell_after_s is None else tell_after_s
        self._clock = clock
        self._began_s: float | None = None
        self._failures = 0
        self._failing: set[str] = set()
        self._told = False
        self._rejected = 0
        self._halted: dict[bool, set[str]] = {True: set(), False: set()}
        """The streams that met a halt: of the whole run, and of their own."""

    def __call__(self, stream: str, verdict: Verdict) -> None:
        """Take note of a verdict on a batch of a stream."""
        if isinstance(verdict, Retry):
            self._failing.add(stream)
            self._failed(verdict.error)
        elif isinstance(verdict, Halt):
            self._halt(stream, verdict)
        else:
            self._failing.discard(stream)
            # An outage is over when each stream that met it gets through.
            if not self._failing:
                self._works()
            self._goes_on(stream)
            if isinstance(verdict, Reject) and verdict.set_aside:
                self._reject(verdict.error)

    def _failed(self, error: MLDashError) -> None:
        now_s = self._clock()
        self._failures += 1
        if self._began_s is None:
            self._began_s = now_s
        lasted_s = now_s - self._began_s
        _log.info(
            "Delivery to %s failed (%d in a row): %s", self._url, self._failures, error,
            extra=about("delivering", error, url=self._url, failures=self._failures),
        )  # fmt: skip
        if not self._told and lasted_s >= self._tell_after_s:
            self._told = True
            error.kept = error.kept or self._kept
            error.hint = "It is tried again by itself; nothing needs to be done"
            error.context |= {"failures": self._failures, "lasted_s": lasted_s}
            self._tell(error)

    def _works(self) -> None:
        if self._began_s is not None:
            level = logging.WARNING if self._told else logging.INFO
            _log.log(
                level, "Delivery to %s works again after %.1f s and %d failures", self._url,
                self._clock() - self._began_s, self._failures,
                extra=about("delivering", url=self._url, failures=self._failures),
            )  # fmt: skip
        self._began_s, self._failures, self._told = None, 0, False

    def _goes_on(self, stream: str) -> None:
        for streams in self._halted.values():
            if stream in streams:
                streams.remove(stream)
                # Others may get through while this one does not: it is over when all do.
                if not streams:
                    _log.warning(
                        "Delivery to %s goes on", self._url,
                        extra=about("delivering", url=self._url),
                    )  # fmt: skip

    def _reject(self, error: MLDashError) -> None:
        self._rejected += 1
        if _is_worth_telling(self._rejected):
            error.kept = f"{self._rejected} refused so far, in rejected.jsonl; {self._kept}"
            error.hint = "Look at them with `ml-dash rejected list`"
            error.context["rejected"] = self._rejected
            self._tell(_as_loss(error))

    def _halt(self, stream: str, verdict: Halt) -> None:
        streams, error = self._halted[verdict.whole_run], verdict.error
        is_known = bool(streams) if verdict.whole_run else stream in streams
        streams.add(stream)
        if not is_known:
            error.kept = error.kept or self._kept
            hint = "`ml-dash sync` delivers the rest"
            error.hint = f"{error.hint}; then {hint}" if error.hint else hint
            self._tell(error, logging.CRITICAL)

    def crashed(self, error: BaseException, crashes: int) -> None:
        """Take note of an error that no stream could deal with; the thread goes on."""
        if not _is_worth_telling(crashes):
            _log.error(
                "The delivery to %s was started again", self._url, exc_info=error,
                extra=about("delivering", error, url=self._url, crashes=crashes),
            )  # fmt: skip
            return
        if isinstance(error, MLDashError):
            error.context["crashes"] = crashes
            self._tell(error)
            return
        self._tell(
            DataLossError(
                f"The delivery to {self._url} met an unforeseen {type(error).__name__}: {error}",
                context={"crashes": crashes}, kept=self._kept,
                hint="It is started again by itself; please report this", cause=error,
            )
        )  # fmt: skip

    def _tell(self, error: MLDashError, level: int | None = None) -> None:
        if self._mode is ErrorHandlingMode.STRICT:
            log_error(error, _WHAT, level or logging.ERROR, logger=_log.name)
            self.deferred = self.deferred or error
            self.on_deferred()
        else:
            # A warning may be turned into an error: that must not end the thread.
            failed = failure_of(lambda: self._by_mode(error, level))
            if failed is not None:
                log_error(failed, _WHAT, logger=_log.name)
        # Last: whoever hears of it finds it logged, and in STRICT mode raised by the next call.
        self._call_back(error)

    def _call_back(self, error: MLDashError) -> None:
        if self._on_error is not None:
            failed = end_of(lambda: self._on_error and self._on_error(error))
            if failed is not None:
                log_error(failed, "calling on_delivery_error", logger=_log.name)

    def _by_mode(self, error: MLDashError, level: int | None) -> None:
        if isinstance(error, (RecoverableError, DataLossError)) and level is None:
            handle_error(error, _WHAT, self._mode, logger=_log.name)
            return
        # Critical in the foreground; here the data is safe on disk.
        log_error(error, _WHAT, level or logging.ERROR, logger=_log.name)
        if self._mode is ErrorHandlingMode.DEFAULT:
            warn_user(f"{error} (while {_WHAT})", RecoverableWarning)

    def raise_deferred(self) -> None:
        """Raise, once, what the delivery thread could not raise.

        Raises:
            MLDashError: what went wrong there; only in STRICT mode.
        """
        error, self.deferred = self.deferred, None
        if error is not None:
            raise error


def _as_loss(error: MLDashError) -> MLDashError:
    if isinstance(error, DataLossError):
        return error
    return DataLossError(
        f"A record cannot be delivered: {error.message}", context=error.context, kept=error.kept,
        hint=error.hint, cause=error,
    )  # fmt: skip


def _is_worth_telling(count: int) -> bool:
    """Tell whether this is the 1st, 10th, 100th ...: a thousand alike are no thousand messages."""
    return str(count).strip("0") == "1"
