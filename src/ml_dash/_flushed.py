"""The part of metrics and tracks that hands over what their whole run has logged, or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from ml_dash.experiment import Experiment


class Flushed:
    """A part of a run that is flushed with the run."""

    _experiment: Experiment

    def flush_or_raise(self, timeout_s: float | None = None) -> Self:
        """Do the same as :meth:`flush`, and raise unless everything is where it belongs.

        Args:
            timeout_s: How long to wait for the server, in seconds; ``ML_DASH_CLOSE_TIMEOUT`` when
                omitted.

        Raises:
            LocalWriteError: something could not be written, in every error mode.
            DeliveryTimeoutError: the server has not confirmed everything.
            RemoteRejectedError: the server has refused records; they are set aside.

        .. versionadded:: 0.7
        """
        self._experiment.flush_or_raise(timeout_s)
        return self
