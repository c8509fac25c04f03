"""The contract of each flag, under the choice that ``ML_DASH_TEST_FUTURE`` names.

``nox -s flags`` runs this file for every combination of flags, ``nox -s train`` at every stop from
0.6 to 1.0, and ``nox -s preview`` in a build whose version is 1.0. What is expected is worked out
here, not by the code under test.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deprecation
import pytest

import ml_dash
from ml_dash.exceptions import DataLossWarning, MLDashDeprecationWarning, MLDashError
from ml_dash.flags import FLAGS, TABLE, api_of
from tests.contract.cases import CASES, Case

CHOICE = os.environ.get("ML_DASH_TEST_FUTURE", "")
OUTCOMES = os.environ.get("ML_DASH_TEST_OUTCOMES")
"""A file that gets what each case did, to be compared with that of another run."""
WORDS = CHOICE.split(",") if CHOICE else []
RELEASE = next((word for word in WORDS if word[0].isdigit()), ml_dash.__version__[:3])
FLIPPED = RELEASE in ("0.9", "1.0")


def is_new(name: str) -> bool:
    """Return whether the new behaviour of a flag is expected: chosen, flipped, or strict mode."""
    return FLIPPED or name in WORDS or "strict_errors" in WORDS


@pytest.fixture(autouse=True)
def _chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Choose by the environment, as a user would; the working directory is the test's own."""
    monkeypatch.chdir(tmp_path)
    if CHOICE:
        monkeypatch.setenv("ML_DASH_FUTURE", CHOICE)


def deprecations(told: list[warnings.WarningMessage]) -> list[str]:
    """Return the texts of the warnings about old behaviour."""
    return [str(w.message) for w in told if issubclass(w.category, MLDashDeprecationWarning)]


def keep(case: Case, outcome: str) -> None:
    """Note what a case did."""
    if OUTCOMES:
        with open(OUTCOMES, "a") as file:
            file.write(json.dumps([case.api, outcome]) + "\n")


def outcome_of(call: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a call answers, and the class of what it raises."""
    try:
        return call(), ""
    except MLDashError as error:
        return None, type(error).__name__


@pytest.fixture(params=CASES, ids=lambda case: case.api)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Return each case in turn."""
    return request.param


@deprecation.fail_if_not_removed
def check(case: Case, place: Path) -> None:
    """Check one name's answer."""
    flag = FLAGS["strict_errors"] if case.api in FLAGS else api_of(case.api)[0]
    with case.fault(place) as met, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answer, raised = outcome_of(met.old)
    keep(case, raised or repr(answer))
    if is_new(flag.name):
        assert raised == case.error
        assert deprecations(told) == []
        return
    assert raised == ""
    assert answer == case.answer
    if flag.name == "strict_errors":
        assert [w.category for w in told] == [DataLossWarning]
        return
    texts = deprecations(told)
    if RELEASE == "0.6":
        assert texts == []
        return
    (text,) = texts
    assert text.startswith(f"{flag.id} ({flag.name}): {case.api} ")
    assert f"MIGRATION.md#{flag.id.lower()}-{flag.name}" in text
    assert case.error in text
    assert ("next release" in text) == (RELEASE == "0.8")


def test_old_or_new(case: Case, tmp_path: Path) -> None:
    """The old answer with one warning, or the typed error, as chosen."""
    check(case, tmp_path)


def test_siblings(case: Case, tmp_path: Path) -> None:
    """A sibling raises under every choice, and warns of nothing."""
    with case.fault(tmp_path) as met, warnings.catch_warnings():
        warnings.simplefilter("error", MLDashDeprecationWarning)
        for sibling in (met.or_raise, met.or_none):
            if sibling is not None:
                assert outcome_of(sibling)[1] == case.error


def test_every_name_of_the_table_has_a_case() -> None:
    """A row without a case is a promise that nobody checks."""
    rows = [api.name for flag in TABLE for api in flag.apis]
    assert sorted(rows) == sorted({case.api for case in CASES} - set(FLAGS))
