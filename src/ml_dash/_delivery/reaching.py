"""The start of a run on its server: again and again, until it is there or the time is over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
_LEAST_S: Final = 5.0  # what an answer may take, however little time is left


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
    began_s, failures = time.monotonic(), 0
    backoff = Backoff(cap_s=_CAP_S)
    with _said_after_a_while(url, say):
        while True:
            left_s = began_s + timeout_s - time.monotonic()
            try:
                with server.waiting_at_most(max(left_s, _LEAST_S)):
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
            threading.Event().wait(wait_s)


@contextmanager
def _said_after_a_while(url: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say that a server is waited for if a block takes long, even if a request does not end."""

    def tell() -> None:
        _log.warning("Waiting for %s to answer", url, extra=about("reaching the server", url=url))
        if _log.hasHandlers():  # else the line above is on stderr
            say(f"Waiting for {url} to answer")

    timer = threading.Timer(_SAY_AFTER_S, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _unreachable(url: str, error: MLDashError, lasted_s: float, failures: int) -> MLDashError:
    return ServerUnreachableError(
        f"{url} could not take the run within {lasted_s:.0f} s ({failures} attempts): "
        f"{error.message}",
        context={"url": url, "attempts": failures},
        hint=error.hint.rstrip(".") or "Check the URL and the network",
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
