"""What each case must do under a choice of flags; worked out here, not by the code under test."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deprecation

import ml_dash
from ml_dash.exceptions import DataLossWarning, MLDashDeprecationWarning, MLDashError
from ml_dash.flags import FLAGS, api_of
from tests.contract.cases import Case


@dataclass(frozen=True)
class Expected:
    """What a choice, such as ``0.8`` or ``lookups_raise,values_checked``, must lead to."""

    choice: str = ""

    @property
    def words(self) -> list[str]:
        """The words of the choice."""
        return self.choice.split(",") if self.choice else []

    @property
    def release(self) -> str:
        """The release that is emulated, or is."""
        named = [word for word in self.words if word[0].isdigit()]
        return named[0] if named else ml_dash.__version__[:3]

    def is_new(self, name: str) -> bool:
        """Return whether a flag's new behaviour is due: flipped, chosen, or strict mode."""
        flipped = self.release in ("0.9", "1.0")
        return flipped or name in self.words or "strict_errors" in self.words


def outcome_of(call: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a call answers, and the class of what it raises."""
    try:
        return call(), ""
    except MLDashError as error:
        return None, type(error).__name__


@deprecation.fail_if_not_removed
def check(case: Case, place: Path, expected: Expected) -> str:
    """Check one name's answer, and return what it was."""
    flag = FLAGS["strict_errors"] if case.api in FLAGS else api_of(case.api)[0]
    with case.fault(place) as met, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answer, raised = outcome_of(met.old)
    texts = [str(w.message) for w in told if issubclass(w.category, MLDashDeprecationWarning)]
    if expected.is_new(flag.name):
        assert raised == case.error, (case, raised)
        assert texts == [], (case, texts)
        return raised
    assert (raised, answer) == ("", case.answer), (case, raised, answer)
    if flag.name == "strict_errors":
        assert [w.category for w in told] == [DataLossWarning], (case, told)
    elif expected.release == "0.6":
        assert texts == [], (case, texts)
    else:
        (text,) = texts
        assert text.startswith(f"{flag.id} ({flag.name}): {case.api} "), text
        assert f"MIGRATION.md#{flag.id.lower()}-{flag.name}" in text, text
        assert case.error in text, text
        assert ("next release" in text) == (expected.release == "0.8"), text
    return repr(answer)
