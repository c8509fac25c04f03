"""HTTP/1.1 as uvicorn speaks it, with refusals in JSON also where no request can be made out."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any, Final

import h11
import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

KEEP_ALIVE_S: Final = 75
"""Longer than any client keeps a connection that it does not use, and than most proxies do."""

LONGEST_HEAD: Final = 64 << 10

OPTIONS: Final[dict[str, Any]] = {
    "http": "ml_dash.server.web.protocol:Protocol", "ws": "none", "log_config": None,
    "access_log": False, "server_header": False, "timeout_keep_alive": KEEP_ALIVE_S,
    "h11_max_incomplete_event_size": LONGEST_HEAD,
}  # fmt: skip
"""How uvicorn serves: the same for a server and for its tests."""


class Protocol(H11Protocol):
    """A connection."""

    def send_400_response(self, msg: str) -> None:
        """Say why what came is no request, and close the connection."""
        error = sys.exc_info()[1]  # uvicorn calls this where it has caught it
        status = getattr(error, "error_status_hint", 400)
        status = status if 400 <= status < 500 else 400
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(status, str(error or msg))
        self.transport.close()

    def _refuse(self, status: int, why: str) -> None:
        told = {
            "error": "bad-request", "message": f"What was sent is no HTTP request: {why}",
            "requestId": None,
        }  # fmt: skip
        body = orjson.dumps(told)
        headers = [
            ("content-type", "application/json"), ("content-length", str(len(body))),
            ("connection", "close"),
        ]  # fmt: skip
        reason = HTTPStatus(status).phrase.encode()
        for event in (
            h11.Response(status_code=status, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
