"""When a request is sent again: a pure rule, and the same rule over sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from ml_dash._remote.retry import RetryPolicy
from ml_dash.client import RemoteClient
from ml_dash.exceptions import (
    InvalidResponseError,
    NetworkError,
    RateLimitedError,
    RemoteRejectedError,
    RequestTimeoutError,
    ServerError,
)
from tests.unit.remote.conftest import Waits
from tests.unit.remote.server import Fault, Server

PARAMS = "GET", "/parameters"


def test_waits_double_up_to_the_cap() -> None:
    """The range of a wait doubles with each failure, and jitter takes a part of it."""
    policy = RetryPolicy(attempts=9, base_s=1.0, cap_s=5.0, jitter=lambda: 1.0)
    assert [policy.wait_s(n) for n in (1, 2, 3, 4, 8)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert RetryPolicy(base_s=1.0, jitter=lambda: 0.25).wait_s(2) == 0.5
    assert policy.wait_s(9) is None


def test_retry_after_is_never_undercut() -> None:
    """A wait that the server asks for is kept, unless it is longer than the cap."""
    policy = RetryPolicy(retry_after_cap_s=20.0, base_s=1.0, jitter=lambda: 0.5)
    assert policy.wait_s(1, 7.0) == 7.5
    assert policy.wait_s(1, 21.0) is None


def test_no_attempt_after_the_deadline(waits: Waits) -> None:
    """What would begin too late is not begun."""
    policy = waits.policy(attempts=100, base_s=4.0, cap_s=4.0, deadline_s=10.0)

    def send() -> None:
        raise NetworkError("down")

    with pytest.raises(NetworkError) as caught:
        policy.run(send, lambda _: True, threading.Event())
    assert waits.waited_s == [4.0, 4.0]
    assert caught.value.context["attempts"] == 3


def test_stopping_ends_the_waiting() -> None:
    """A waiting request gives up as soon as its client is closed, with its own error."""
    stop, waiting = threading.Event(), threading.Event()
    seen: list[BaseException] = []

    def wait(event: threading.Event, _seconds: float) -> bool:
        waiting.set()
        return event.wait(30)

    def work() -> None:
        def send() -> None:
            raise NetworkError("down")

        try:
            RetryPolicy(wait=wait).run(send, lambda _: True, stop)
        except NetworkError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert waiting.wait(10)
    stop.set()
    thread.join(10)
    assert [str(error) for error in seen] == ["down."]


@pytest.mark.parametrize(
    "fault",
    [Fault(status=status) for status in (408, 425, 429, 500, 502, 503, 504)] + [Fault("reset")],
    ids=str,
)
def test_passing_failure_is_retried(
    client: RemoteClient, server: Server, waits: Waits, fault: Fault
) -> None:
    """A read that fails for a passing reason is sent again until it succeeds."""
    server.params = {"lr": 0.1}
    server.faults.extend([fault, fault])
    assert client.get_parameters_or_raise("7") == {"lr": 0.1}
    assert waits.waited_s == [0.25, 0.5]
    assert len(server.sent(*PARAMS)) == 3


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 413, 422])
def test_lasting_failure_is_not_retried(
    client: RemoteClient, server: Server, waits: Waits, status: int
) -> None:
    """What would fail again in the same way is sent once."""
    server.faults.append(Fault(status=status))
    with pytest.raises(Exception, match=str(status)) as caught:
        client.get_parameters_or_raise("7")
    assert caught.value.context["status"] == status  # type: ignore[attr-defined]
    assert (len(server.requests), waits.waited_s) == (1, [])


def test_retry_after_is_honoured(client: RemoteClient, server: Server, waits: Waits) -> None:
    """The server's wait is taken, in seconds and as a date; one that is too long is not."""
    date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=9), usegmt=True)
    server.faults.append(Fault(status=429, headers={"retry-after": "3"}))
    server.faults.append(Fault(status=503, headers={"retry-after": date}))
    client.get_parameters("7")
    assert waits.waited_s[0] == 3.25
    assert 7.0 < waits.waited_s[1] < 9.5
    server.faults.append(Fault(status=429, headers={"retry-after": "3600"}))
    with pytest.raises(RateLimitedError) as caught:
        client.get_parameters("7")
    assert caught.value.context["retry_after_s"] == 3600.0


def test_append_is_sent_once(client: RemoteClient, server: Server) -> None:
    """Records without a key are not sent again: the server may have stored them."""
    server.faults.append(Fault("reset", after=True))
    with pytest.raises(NetworkError):
        client.create_log_entries("7", [{"message": "m", "level": "info", "timestamp": "t"}])
    assert len(server.requests) == len(server.logs) == 1


def test_append_with_a_key_is_sent_again(client: RemoteClient, server: Server) -> None:
    """Records with a key are sent again under the same key."""
    server.faults.append(Fault(status=503))
    client.append_batch_to_metric("7", "train", [{"loss": 1}], idempotency_key="run/train/0-0")
    assert [each.headers["idempotency-key"] for each in server.requests] == ["run/train/0-0"] * 2


@pytest.mark.parametrize(
    ("query", "times"),
    [("query A { a }", 4), ("{ a }", 4), ("mutation B { b }", 1), ("# x\nmutation B { b }", 1)],
)
def test_mutations_are_sent_once(
    client: RemoteClient, server: Server, query: str, times: int
) -> None:
    """A GraphQL query may be sent again, a mutation may not."""
    server.faults.extend([Fault(status=500)] * 4)
    with pytest.raises(ServerError):
        client.graphql_query(query)
    assert len(server.requests) == times


def test_hang_becomes_a_timeout(connect: Callable[..., RemoteClient], server: Server) -> None:
    """A server that says nothing is given up after the timeout."""
    server.faults.append(Fault("hang"))
    client = connect(timeout_s=0.05, retry=RetryPolicy(attempts=1))
    with pytest.raises(RequestTimeoutError) as caught:
        client.get_parameters("7")
    assert isinstance(caught.value, TimeoutError)


def test_nobody_there(connect: Callable[..., RemoteClient], server: Server, waits: Waits) -> None:
    """A refused connection is a network error, after all attempts."""
    server.shutdown()  # first, or its thread meets a closed socket
    server.server_close()
    with pytest.raises(NetworkError, match="Connect") as caught:
        connect().get_parameters("7")
    assert isinstance(caught.value, ConnectionError)
    assert len(waits.waited_s) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("truncate"), NetworkError),
        (Fault(status=200, body=b"<html>Welcome</html>"), InvalidResponseError),
        (Fault(status=200, body=b""), InvalidResponseError),
        (Fault(status=200, body=b"[1]"), InvalidResponseError),
        (Fault(status=302, headers={"location": "http://elsewhere/?t=1"}), InvalidResponseError),
        (Fault(status=413), RemoteRejectedError),
    ],
    ids=["truncated", "html", "empty", "list", "redirect", "too large"],
)
def test_strange_answers(
    client: RemoteClient, server: Server, fault: Fault, kind: type[Exception]
) -> None:
    """A yes that is none, and a redirect, are errors that name the request."""
    server.faults.extend([fault] * 4)
    with pytest.raises(kind, match=f"GET {server.url}/api/experiments/7/logs"):
        client.query_logs("7")
