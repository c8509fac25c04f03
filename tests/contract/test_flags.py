"""The contract of each flag at this release; ``nox -s flags`` and ``train`` run it elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from ml_dash.exceptions import MLDashDeprecationWarning
from ml_dash.flags import FLAGS, RELEASES, TABLE
from tests.contract.cases import CASES, Case
from tests.contract.contract import Expected, check, outcome_of

per_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.api)


@per_case
def test_old_with_one_warning(case: Case, tmp_path: Path) -> None:
    """This release answers as 0.6 did and says once what will change."""
    check(case, tmp_path, Expected())


@per_case
def test_siblings(case: Case, tmp_path: Path) -> None:
    """A sibling raises in every release, and warns of nothing."""
    with case.fault(tmp_path) as met, warnings.catch_warnings():
        warnings.simplefilter("error", MLDashDeprecationWarning)
        for sibling in (met.or_raise, met.or_none):
            if sibling is not None:
                assert outcome_of(sibling)[1] == case.error


def test_every_name_of_the_table_has_a_case() -> None:
    """A row without a case is a promise that nobody checks."""
    rows = [api.name for flag in TABLE for api in flag.apis]
    assert sorted(rows) == sorted({case.api for case in CASES} - set(FLAGS))


@pytest.mark.parametrize("choice", [*RELEASES, "lookups_raise,values_checked"])
def test_the_runner_of_choices(choice: str, tmp_path: Path) -> None:
    """What the nox sessions run notes what each name did, and finds what does not hold."""
    command = [sys.executable, "-m", "tests.contract", choice]
    outcomes = tmp_path / "outcomes.json"
    subprocess.run([*command, "--outcomes", str(outcomes)], check=True, capture_output=True)
    found = json.loads(outcomes.read_text())
    assert set(found) == {case.api for case in CASES}
    is_new = Expected(choice).is_new("lookups_raise")
    assert found["RemoteClient.list_tracks"] == ("InvalidResponseError" if is_new else "[]")


def test_the_runner_fails_when_the_contract_does_not_hold() -> None:
    """A choice that the package hears and the runner does not expect is found."""
    command = [sys.executable, "-m", "tests.contract", "0.7", "--really", "0.9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "do not hold" in done.stderr
