"""The tree of errors: severities, builtin bases, codes, pickling."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash import exceptions
from ml_dash.exceptions import CriticalError, DataLossError, MLDashError, RecoverableError

SEVERITIES = (CriticalError, DataLossError, RecoverableError)
ERRORS = [
    thing
    for thing in vars(exceptions).values()
    if isinstance(thing, type) and issubclass(thing, MLDashError)
]
DOMAINS = {
    exceptions.RemoteClientError,
    exceptions.FileAccessError,
    exceptions.StoreError,
    exceptions.StateError,
}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_pickles(kind: type[MLDashError]) -> None:
    """Text, facts, hint and errno survive another process."""
    cause = OSError(28, "No space left on device", "/x")
    error = kind("boom", context={"a": 1}, kept="all", hint="go on", retryable=True, cause=cause)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) == "boom. Kept: all. Next: go on."
    assert (again.context, again.kept, again.hint, again.retryable) == (
        {"a": 1}, "all", "go on", True)  # fmt: skip
    if isinstance(error, OSError):
        assert again.errno == error.errno == 28
    if isinstance(error, json.JSONDecodeError):
        assert again.msg == "boom"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_copies(kind: type[MLDashError], again: Callable[[Any], Any]) -> None:
    """A copy says and knows what the error does, with its notes; a deep one has its own facts."""
    error = kind("boom", context={"a": [1]}, kept="all", hint="go on", retryable=True)
    error.__dict__["__notes__"] = ["seen"]
    other = again(error)
    assert type(other) is kind
    assert other is not error
    assert (str(other), other.code, other.__notes__) == (str(error), kind.code, ["seen"])
    for name in ("message", "context", "hint", "kept", "retryable"):
        assert getattr(other, name) == getattr(error, name)
    if again is copy.deepcopy:
        other.context["a"].append(2)
        assert error.context == {"a": [1]}


def test_codes_are_one_each() -> None:
    """A program can tell errors by their code."""
    codes = [kind.code for kind in set(ERRORS)]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_leaf_has_one_severity() -> None:
    """Only the root and the domains have none."""
    for kind in set(ERRORS) - {MLDashError} - DOMAINS:
        assert sum(issubclass(kind, severity) for severity in SEVERITIES) == 1, kind


def test_the_docstring_draws_the_tree() -> None:
    """Each class is drawn, and where a builtin stands behind it, it is a base."""
    drawn = exceptions.__doc__ or ""
    for kind in set(ERRORS):
        assert re.search(rf"\b{kind.__name__}\b", drawn), kind
    for name, builtins in re.findall(r"[|`]-- (\w+)(?: \[\w+\])? \(([\w., ]+)\)", drawn):
        for builtin in builtins.replace("json.", "").split(", "):
            bases = {base.__name__ for base in getattr(exceptions, name).__mro__}
            assert builtin in bases, (name, builtin)


def test_late_0_6_names() -> None:
    """They are the same classes."""
    assert exceptions.MlDashError is MLDashError
    assert exceptions.StorageError is exceptions.StoreError
    assert exceptions.ExperimentError is exceptions.StateError
    assert set(exceptions.__all__) <= set(vars(exceptions))


def test_a_text_keeps_its_punctuation() -> None:
    """Parts become sentences; what ends already is left alone."""
    assert str(MLDashError("Why?", hint="Look!")) == "Why? Next: Look!"
    assert str(exceptions.PrefixError("not quoted")) == "not quoted."


def test_codes_stay_as_they_are() -> None:
    """Programs compare codes, so a published one never changes; a new class adds a row."""
    file = Path(__file__).with_name("exception_codes.json")
    published: dict[str, str] = json.loads(file.read_text("utf-8"))
    now = {kind.__name__: kind.code for kind in ERRORS}
    assert {name: now.get(name) for name in published} == published
    assert set(now) <= set(published), "add the new class to exception_codes.json"
