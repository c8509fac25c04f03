"""The one place that decides about errors: severity times mode."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest

import ml_dash
from ml_dash import ErrorHandlingMode, error_mode, handle_error, set_error_mode
from ml_dash._base import policy
from ml_dash.exceptions import (
    ConfigurationError,
    CorruptDataError,
    DataLossError,
    DataLossWarning,
    LocalWriteError,
    MLDashError,
    NetworkError,
    RecoverableWarning,
    UsageError,
)

RAISES, LOGS = "raises", "logs"


@pytest.mark.parametrize(
    ("error", "strict", "default", "permissive"),
    [
        (CorruptDataError("bad"), RAISES, RAISES, RAISES),
        (LocalWriteError("full"), RAISES, DataLossWarning, DataLossWarning),
        (NetworkError("gone"), RAISES, RecoverableWarning, LOGS),
        (OSError("odd"), RAISES, DataLossWarning, DataLossWarning),
        (MLDashError("none of the three"), RAISES, RAISES, RAISES),
    ],
)
def test_severity_times_mode(
    error: Exception,
    strict: object,
    default: object,
    permissive: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each cell of the table: raised, warned of and logged, or logged."""
    for mode, outcome in (("strict", strict), ("default", default), ("permissive", permissive)):
        caplog.clear()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if outcome is RAISES:
                with pytest.raises(MLDashError) as caught:
                    handle_error(error, "testing", mode)
                assert caught.value is error or caught.value.__cause__ is error
                continue
            handle_error(error, "testing", mode)
        assert [one.category for one in told] == ([] if outcome is LOGS else [outcome])
        expected = logging.WARNING if isinstance(error, NetworkError) else logging.ERROR
        assert [record.levelno for record in caplog.records] == [expected]
        assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("mode", list(ErrorHandlingMode))
def test_what_ends_a_program_always_passes(error: BaseException, mode: ErrorHandlingMode) -> None:
    """It is never wrapped, warned of or logged."""
    with pytest.raises(type(error)) as caught:
        handle_error(error, "testing", mode)
    assert caught.value is error


def test_a_foreign_error_is_wrapped() -> None:
    """It counts as possible data loss and stays the cause."""
    with pytest.raises(DataLossError, match="Unexpected ZeroDivisionError while testing") as caught:
        handle_error(ZeroDivisionError("x"), "testing", "strict")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explicit over block over process over environment over default."""
    assert policy.current_mode() is ErrorHandlingMode.DEFAULT
    monkeypatch.setenv("ML_DASH_ERROR_MODE", "Permissive")
    assert policy.current_mode() is ErrorHandlingMode.PERMISSIVE
    try:
        set_error_mode("strict")
        assert policy.current_mode() is ErrorHandlingMode.STRICT
        with error_mode("default") as mode:
            assert mode is policy.current_mode() is ErrorHandlingMode.DEFAULT
            assert policy.current_mode("permissive") is ErrorHandlingMode.PERMISSIVE
        assert policy.current_mode() is ErrorHandlingMode.STRICT
    finally:
        set_error_mode(None)


def test_a_function_with_a_mode() -> None:
    """``error_mode`` decorates, and can be nested."""

    @error_mode("strict")
    def inner() -> ErrorHandlingMode:
        """Keep this."""
        with error_mode("permissive"):
            pass
        return policy.current_mode()

    assert inner() is ErrorHandlingMode.STRICT
    assert inner.__doc__ == "Keep this."
    assert policy.current_mode() is ErrorHandlingMode.DEFAULT


def test_a_coroutine_with_a_mode() -> None:
    """It has the mode from its first line to its last, and what runs beside it has its own."""
    entered = asyncio.Event()

    @error_mode("strict")
    async def inner(wait_for: asyncio.Event) -> tuple[ErrorHandlingMode, ErrorHandlingMode]:
        before = policy.current_mode()
        entered.set()
        await wait_for.wait()
        return before, policy.current_mode()

    async def beside() -> ErrorHandlingMode:
        go = asyncio.Event()
        task = asyncio.create_task(inner(go))
        await entered.wait()
        mode = policy.current_mode()
        go.set()
        assert await task == (ErrorHandlingMode.STRICT, ErrorHandlingMode.STRICT)
        return mode

    assert asyncio.run(beside()) is ErrorHandlingMode.DEFAULT


def test_a_generator_takes_no_mode() -> None:
    """Its reader, which runs between its steps, would get it too: refused, not passed over."""

    def plain() -> Iterator[int]:
        yield 1

    async def asynchronous() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(UsageError, match=r"generator function .*plain"):
        error_mode("strict")(plain)
    with pytest.raises(UsageError, match=r"generator function .*asynchronous"):
        error_mode("strict")(asynchronous)


def test_threads_share_a_mode() -> None:
    """One object may be entered in several threads at once, and left in any order."""
    mode = error_mode("strict")
    inside, leave = threading.Barrier(2), threading.Event()
    found = []

    def worker() -> None:
        with mode:
            inside.wait()
            found.append(policy.current_mode())
            leave.wait()
        found.append(policy.current_mode())

    thread = threading.Thread(target=worker)
    try:
        with mode:
            thread.start()
            inside.wait()
        assert policy.current_mode() is ErrorHandlingMode.DEFAULT
    finally:
        leave.set()
        thread.join()
    assert found == [ErrorHandlingMode.STRICT, ErrorHandlingMode.DEFAULT]


@pytest.mark.parametrize("name", ["harsh", "", 5, None])
def test_an_unknown_mode_is_refused(name: object) -> None:
    """The hint lists the modes."""
    with pytest.raises(ConfigurationError) as caught:
        error_mode(name)  # type: ignore[arg-type]
    assert "strict, default, permissive" in caught.value.hint


def test_a_warning_names_the_users_line_each_time() -> None:
    """It is not folded by Python's once-per-place rule."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            handle_error(LocalWriteError("same text"), "testing", "default")
    assert [one.filename for one in told] == [__file__] * 3


def test_recording_turns_failures_into_decisions(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong in the block is decided about like anything else."""
    with pytest.warns(DataLossWarning, match="boom"), policy.recording("testing"):
        raise RuntimeError("boom")
    assert "While testing" in caplog.text


def test_the_package_shows_the_policy() -> None:
    """What users need is exported."""
    for name in ("ErrorHandlingMode", "set_error_mode", "error_mode", "handle_error"):
        assert name in ml_dash.__all__
        assert getattr(ml_dash, name) is getattr(policy, name)
