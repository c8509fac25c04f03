"""What is told of a delivery: once per outage and per halt, and once at its end."""

from __future__ import annotations

import logging

import pytest

from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._delivery.telling import TELL_AFTER_S, Telling
from ml_dash._delivery.verdicts import Done, Halt, Retry
from ml_dash.exceptions import CorruptDataError, PermissionDeniedError, ServerError
from tests.clock import Clock

DONE, RETRY = Done(), Retry(ServerError("no"))
REFUSED = Halt(PermissionDeniedError("not yours"))


@pytest.fixture
def telling(clock: Clock, caplog: pytest.LogCaptureFixture) -> Telling:
    """Return what tells, in PERMISSIVE mode."""
    caplog.set_level(logging.WARNING, "ml_dash")
    return Telling("http://host", "all of it", ErrorHandlingMode.PERMISSIVE, clock=clock)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the first words of what was told, and forget it."""
    found = [record.getMessage().partition(":")[0] for record in caplog.records]
    caplog.clear()
    return found


TOLD, OVER = "While delivering the run", "Delivery to http"


def test_a_short_outage_is_not_shown(
    telling: Telling, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its beginning nor its end."""
    telling("logs", RETRY)
    clock.now_s = TELL_AFTER_S - 0.1
    telling("logs", RETRY)
    telling("logs", DONE)
    assert lines(caplog) == []


def test_a_long_outage_of_several_streams_is_shown_once(
    telling: Telling, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is over when each stream that met it gets through; the next one is told anew."""
    for _ in range(2):
        for now_s in (0.0, TELL_AFTER_S, 2 * TELL_AFTER_S):
            clock.now_s = now_s
            telling("logs", RETRY)
            telling("metrics/train", RETRY)
        telling("logs", DONE)
        assert lines(caplog) == [TOLD]
        telling("metrics/train", DONE)
        telling("metrics/train", DONE)
        assert lines(caplog) == [OVER]


def test_a_halt_is_shown_once(telling: Telling, caplog: pytest.LogCaptureFixture) -> None:
    """Each flush tries again: as long as the stream that met it does not get through, it lasts."""
    for _ in range(3):
        telling("logs", REFUSED)
        telling("files", DONE)  # another stream may be let through
    assert lines(caplog) == [TOLD]
    telling("logs", DONE)
    telling("files", DONE)
    assert lines(caplog) == [OVER]


def test_a_halt_that_several_streams_meet_is_shown_once(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    """It concerns the whole run, whichever stream meets it first."""
    telling("logs", REFUSED)
    telling("files", REFUSED)
    telling("logs", DONE)
    assert lines(caplog) == [TOLD]
    telling("files", DONE)
    assert lines(caplog) == [OVER]


def test_a_stream_that_cannot_be_read_hides_nothing(
    telling: Telling, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stream that halts by itself is shown, and outages and halts of the others as ever."""
    for stream in ("logs", "logs", "files"):
        telling(stream, Halt(CorruptDataError("damaged"), whole_run=False))
    assert lines(caplog) == [TOLD, TOLD]
    for now_s in (0.0, TELL_AFTER_S):
        clock.now_s = now_s
        telling("metrics/train", RETRY)
    telling("metrics/train", DONE)
    telling("metrics/train", REFUSED)
    telling("metrics/train", DONE)
    assert lines(caplog) == [TOLD, OVER, TOLD, OVER]
