"""What a server is told of a run besides its records: that it lives, how its delivery stands."""

from __future__ import annotations

from typing import Any

from ml_dash._remote.calls import Calls, encoded
from ml_dash._remote.transport import route


class SignCalls(Calls):
    """Give a server signs of life; those of 0.6 do not know them."""

    def beat(self, experiment_id: str) -> None:
        """Say that a run lives though it logs nothing.

        Raises:
            RemoteClientError: the request failed.
        """
        self._call("POST", route("experiments", experiment_id, "heartbeat"), idempotent=True)

    def put_report(self, experiment_id: str, writer: str, streams: dict[str, Any]) -> None:
        """Leave the account of a run's delivery; it replaces what the writer left before.

        Raises:
            RemoteClientError: the request failed.
        """
        body = encoded({"writer": writer, "streams": streams})
        self._call("PUT", route("experiments", experiment_id, "report"), body)
