"""The start of a run on its server: again and again, until it is there or the time is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from ml_dash._base.facts import about
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.status import register, retried_conflict
from ml_dash._delivery.verdicts import Retry, judge
from ml_dash.exceptions import MLDashError, ServerUnreachableError

_log = logging.getLogger("ml_dash.delivery")
_SAY_AFTER_S: Final = 2.0
_CAP_S: Final = 5.0


def reach(
    server: Server, document: dict[str, Any], timeout_s: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Make a run on its server, and return the answer.

    Args:
        server: The server.
        document: The run's document.
        timeout_s: How long to try, in seconds.
        say: Tells the person at the terminal why nothing happens.

    Raises:
        ServerUnreachableError: no server took the run in time.
        RemoteClientError: the server refuses it.
        TokenStoreError: the store of tokens cannot be read.
    """
    url = server.url
    began_s, failures, said = time.monotonic(), 0, False
    backoff = Backoff(cap_s=_CAP_S)
    while True:
        try:
            return register(server, document)
        except MLDashError as error:
            verdict = retried_conflict(judge(error))
            if not isinstance(verdict, Retry):
                raise
            failures += 1
            wait_s = backoff.wait_s(failures, verdict.retry_after_s)
            lasted_s = time.monotonic() - began_s
            if lasted_s + wait_s > timeout_s:
                raise _unreachable(url, error, lasted_s, failures) from error
        if not said and lasted_s + wait_s >= _SAY_AFTER_S:
            said = True
            _log.warning(
                "Waiting for %s to answer", url, extra=about("reaching the server", url=url)
            )
            if _log.hasHandlers():  # else the line above is on stderr
                say(f"Waiting for {url} to answer")
        threading.Event().wait(wait_s)


def _unreachable(url: str, error: MLDashError, lasted_s: float, failures: int) -> MLDashError:
    return ServerUnreachableError(
        f"{url} could not take the run within {lasted_s:.0f} s ({failures} attempts): "
        f"{error.message}",
        context={"url": url, "attempts": failures},
        hint="Check the URL and the network",
        cause=error,
    )


def say_what_is_kept(error: MLDashError, *, goes_on: bool) -> None:
    """Let an error of the start say what becomes of what is logged.

    Args:
        error: The error.
        goes_on: Whether the run goes on without the server.
    """
    if goes_on:
        error.kept = "what is logged from now on stays in the run's folder"
        then = "`ml-dash sync` delivers it then"
    else:
        error.kept = "nothing was recorded"
        then = "error_mode='permissive' or offline=True records without the server, and "
        then += "`ml-dash sync` delivers later"
    error.hint = f"{error.hint}; {then}" if error.hint else then
