"""What a command shows of the package's log records and warnings."""

from __future__ import annotations

import logging
import warnings

import pytest

from ml_dash._base.policy import handle_error
from ml_dash.cli_commands._told import as_lines
from ml_dash.exceptions import DataLossError, RecoverableWarning


def fail() -> None:
    """Let the policy decide about a data loss, as the library does: it logs and warns."""
    handle_error(DataLossError("Gone", kept="nothing"), "writing", "default")


@pytest.mark.filterwarnings("always")
def test_an_error_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What the policy both logs and warns of is one line without a traceback."""
    with as_lines(with_traces=lambda: False):
        fail()
    assert capsys.readouterr() == ("", "Error: While writing: Gone. Kept: nothing.\n")


@pytest.mark.filterwarnings("always")
def test_an_error_is_told_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for traces, the traceback stands above the line."""
    with as_lines(with_traces=lambda: True):
        fail()
    told = capsys.readouterr().err
    assert "ml_dash.exceptions" in told
    assert told.endswith("\nError: While writing: Gone. Kept: nothing.\n")


@pytest.mark.filterwarnings("always")
def test_a_warning_of_its_own_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning that no log record has told is a line too."""
    with as_lines(with_traces=lambda: False):
        fail()
        warnings.warn("The prefix is short", RecoverableWarning, stacklevel=1)
        logging.getLogger("ml_dash.store").warning("Repaired %s", "x")
        logging.getLogger("ml_dash.store").info("not for people")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["Warning: The prefix is short", "Warning: Repaired x"]


def test_afterwards_all_is_as_before() -> None:
    """The handler and the way warnings are shown last as long as the block."""
    logger = logging.getLogger("ml_dash")
    before = (list(logger.handlers), logger.propagate, warnings.showwarning)
    with as_lines(with_traces=lambda: False):
        assert logger.handlers != before[0]
    assert (list(logger.handlers), logger.propagate, warnings.showwarning) == before
