"""The siblings that end only when everything is where it belongs, or raise."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from ml_dash._base.policy import raising
from ml_dash.exceptions import DeliveryTimeoutError, InvalidValueError, RemoteRejectedError

if TYPE_CHECKING:
    from ml_dash._delivery.report import DeliveryReport


def check_patience(timeout_s: float | None) -> None:
    """Raise if something is no time to wait; infinity is one.

    Raises:
        InvalidValueError: it is no number of at least 0.
    """
    if timeout_s is None:
        return
    if not isinstance(timeout_s, Real) or not timeout_s >= 0:
        raise InvalidValueError(
            f"timeout_s is {timeout_s!r}",
            hint="Give a number of seconds of at least 0; float('inf') waits for ever",
            context={"argument": "timeout_s"},
        )


def check_delivered(report: DeliveryReport) -> None:
    """Raise if something of a run is not at its server.

    Raises:
        RemoteRejectedError: the server has refused records; they are set aside.
        DeliveryTimeoutError: something is still on its way.
    """
    if report.rejected:
        raise RemoteRejectedError(
            f"The server has refused {report.rejected} of {report.accepted} records",
            context={"rejected": report.rejected, "pending": report.pending},
            kept=f"they are set aside in {report.folder}",
            hint=f"`ml-dash rejected list {report.folder}` shows why",
        )
    if report.pending:
        raise DeliveryTimeoutError(
            f"{report.pending} of {report.accepted} records are not delivered",
            context={"rejected": report.rejected, "pending": report.pending},
            kept=f"all of them are in {report.folder}",
            hint=f"`ml-dash sync {report.folder}` delivers the rest",
        )


class Flushing:
    """The part of an experiment that hands everything over, or raises."""

    if TYPE_CHECKING:
        delivery: DeliveryReport

        def flush(self, timeout_s: float | None = None) -> DeliveryReport: ...

        def _close(
            self, status: str, error: BaseException | None = None, *, on_its_way: bool = True
        ) -> None: ...

    def flush_or_raise(self, timeout_s: float | None = None) -> DeliveryReport:
        """Hand everything over: to the disk, and to the server if there is one.

        Args:
            timeout_s: How long to wait for the server, in seconds; ``ML_DASH_CLOSE_TIMEOUT`` when
                omitted.

        Returns:
            The account of the delivery, in which nothing is pending or rejected.

        Raises:
            InvalidValueError: ``timeout_s`` is no number of at least 0.
            LocalWriteError: something could not be written, in every error mode.
            DeliveryTimeoutError: the server has not confirmed everything.
            RemoteRejectedError: the server has refused records; they are set aside.

        .. versionadded:: 0.7
        """
        with raising():
            report = self.flush(timeout_s)
        check_delivered(report)
        return report

    def _close_or_raise(self, status: str, error: BaseException | None = None) -> Any:
        with raising():
            self._close(status, error, on_its_way=False)
        check_delivered(self.delivery)
