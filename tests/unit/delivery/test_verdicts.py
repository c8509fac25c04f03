"""What each error means for the batch that met it."""

from __future__ import annotations

import pytest

from ml_dash import exceptions
from ml_dash._delivery.verdicts import Done, Halt, Reject, Retry, attempt, judge
from ml_dash.exceptions import MLDashError

RETRIED = ("NetworkError", "RequestTimeoutError", "RateLimitedError", "ServerError",
           "InvalidResponseError")  # fmt: skip
REJECTED = ("RemoteRejectedError", "ChecksumMismatchError", "CorruptDataError", "InvalidFileError",
            "InvalidValueError", "SerializationError", "ExperimentFileNotFoundError",
            "UsageError")  # fmt: skip
HALTING = ("NotAuthenticatedError", "CredentialsRejectedError", "PermissionDeniedError",
           "RemoteNotFoundError", "ProjectNotFoundError", "NamespaceNotFoundError",
           "GraphQLError")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for names, kind in ((RETRIED, Retry), (REJECTED, Reject), (HALTING, Halt))
     for name in names],
)  # fmt: skip
def test_what_an_error_means(name: str, kind: type) -> None:
    """Passing errors are retried, refused records set aside, and what a person must mend halts."""
    verdict = judge(getattr(exceptions, name)("it failed"))
    assert isinstance(verdict, kind)
    if isinstance(verdict, Halt):
        assert verdict.whole_run


def test_every_error_has_a_verdict() -> None:
    """There is no error of the package that ``judge`` does not answer."""
    kinds = [getattr(exceptions, name) for name in exceptions.__all__]
    for kind in kinds:
        if issubclass(kind, MLDashError):
            assert isinstance(judge(kind("it failed")), (Retry, Reject, Halt))


def test_an_answer_without_a_count_is_asked_again() -> None:
    """A server that says another number has decided; one that says none has not answered."""
    none = exceptions.PartialAcceptError("?", context={"accepted": None})
    other = exceptions.PartialAcceptError("?", context={"accepted": 3})
    assert judge(none) == Retry(none)
    assert judge(other) == Halt(other, whole_run=False)


@pytest.mark.parametrize(
    ("context", "doubt"),
    [({"error": "ConnectError"}, False), ({"error": "ReadTimeout"}, True), ({"status": 500}, True),
     ({"status": 429}, False), ({"status": 503}, False)],
)  # fmt: skip
def test_what_may_have_arrived(context: dict[str, object], doubt: bool) -> None:
    """After a refused connection or a 429 nothing can have arrived; after a lost answer it may."""
    assert Retry(exceptions.ServerError("?", context=context)).may_have_arrived is doubt


def test_attempts() -> None:
    """A call that returns is done; one that raises is judged."""
    assert attempt(lambda: None) == Done()

    def fail() -> None:
        raise exceptions.ServerError("ill", context={"retry_after_s": 3.0})

    verdict = attempt(fail)
    assert isinstance(verdict, Retry)
    assert verdict.retry_after_s == 3.0
