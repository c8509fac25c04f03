"""A value that JSON does not know is stored or refused at the call; its neighbours are kept."""

from __future__ import annotations

import pytest

from tests.durability.running import Room
from tests.durability.scenarios.values import (
    EITHER,
    FLOATS,
    KINDS,
    REFUSED,
    TAKEN,
    Outcome,
    measure,
)

Results = dict[tuple[str, str], Outcome]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, interpreter: str) -> Results:
    """Log every value as every kind of record, in one process."""
    room = Room(tmp_path_factory.mktemp("values"), interpreter)
    return measure(room, TAKEN + EITHER + REFUSED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TAKEN + EITHER + REFUSED)
def test_only_the_refused_value_is_missing(name: str, kind: str, results: Results) -> None:
    """105 items are stored, or 104 and a typed error at the call of the special one."""
    outcome = results[name, kind]

    refused = set(outcome.errors)
    assert refused <= {"50"}
    assert outcome.kept_numbers == set(range(105)) - {int(number) for number in refused}
    assert outcome.stored == 105 - len(refused)
    assert outcome.bad_lines == []
    assert outcome.bad_documents == []
    assert outcome.numbering == []
    assert outcome.reading is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TAKEN)
def test_values_that_are_data_are_taken(name: str, kind: str, results: Results) -> None:
    """Numbers of any library, times, paths, enums and dataclasses are stored by every call."""
    assert results[name, kind].errors == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSED)
def test_the_refusal_is_typed_and_names_the_key(name: str, kind: str, results: Results) -> None:
    """A value without a JSON form is a SerializationError that old `except` clauses catch."""
    error = results[name, kind].errors.get("50")

    assert error is not None, "the value was taken"
    assert {"SerializationError", "TypeError", "ValueError"} <= set(error["types"])
    key = "k50" if kind == "param" else "v"
    assert key in error["text"]


@pytest.mark.parametrize("kind", ["metric", "track", "param"])
@pytest.mark.parametrize("name", FLOATS)
def test_readers_give_floats_back(name: str, kind: str, results: Results) -> None:
    """NaN and the infinities come back from every reader as the floats they were."""
    assert results[name, kind].shown == FLOATS[name]
