"""The fields of log records."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from ml_dash._base.facts import about
from ml_dash._base.policy import log_error
from ml_dash.exceptions import LocalWriteError


def test_an_error_brings_its_code_and_its_facts() -> None:
    """What the caller adds comes beside them, and counts more."""
    error = LocalWriteError("no room", context={"path": "a", "errno": 28})
    assert about("writing", error, path="b", count=2) == {
        "ml_dash_operation": "writing",
        "ml_dash_code": "local-write",
        "ml_dash_context": {"path": "b", "errno": 28, "count": 2},
    }
    assert error.context == {"path": "a", "errno": 28}


def test_a_foreign_error_has_no_code() -> None:
    """Its text is in the message, and its traceback beside it."""
    assert about("reading", OSError(5, "x")) == {
        "ml_dash_operation": "reading",
        "ml_dash_context": {},
    }


def test_paths_are_texts() -> None:
    """So that a formatter for JSON needs to know nothing of ours."""
    fields = about("reading", path=Path("a") / "b")
    assert json.loads(json.dumps(fields)) == fields
    assert fields["ml_dash_context"] == {"path": str(Path("a") / "b")}


def test_a_logged_error_carries_them(caplog: pytest.LogCaptureFixture) -> None:
    """The one place that logs errors uses the same vocabulary, on the part's own logger."""
    log_error(LocalWriteError("no room", context={"path": "a"}), "logging", logging.WARNING)
    (record,) = caplog.records
    assert record.name == "ml_dash.store"
    found = {name: fact for name, fact in vars(record).items() if name.startswith("ml_dash_")}
    assert found == {
        "ml_dash_operation": "logging",
        "ml_dash_code": "local-write",
        "ml_dash_context": {"path": "a"},
    }
