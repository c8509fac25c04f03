"""Section C.3: one special value at position 50 of 100, then 5 good items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.durability.reading import (
    RawRun,
    entry_numbers,
    log_numbers,
    point_numbers,
)
from tests.durability.running import Room

KINDS = ("metric", "log", "track", "param")

TAKEN = (
    "NaN", "+Inf", "-Inf", "numpy float64 NaN", "numpy float64", "numpy float32", "numpy int64",
    "numpy bool", "numpy array", "numpy 2-d array", "numpy 0-d array", "numpy array with NaN",
    "dict holding a numpy scalar", "huge integer", "None", "text", "bool", "list", "dict",
    "datetime", "Decimal", "Path", "Enum", "dataclass",
)
"""Values that are data: every kind of record stores them."""

EITHER = (
    "dict with integer keys", "dict with tuple keys", "unpaired surrogate", "bytes", "set",
    "complex", "UUID",
)
"""Values that may be refused at the call, or stored."""

REFUSED = ("object", "list holding an object", "self-containing list")
"""Values that have no JSON form."""

FLOATS = {"NaN": "float nan", "+Inf": "float inf", "-Inf": "float -inf",
          "numpy float64 NaN": "float nan"}
"""What the readers give back."""


@dataclass
class Outcome:
    """One value in one kind of record."""

    stored: int
    bad_lines: list[str]
    bad_documents: list[str]
    numbering: list[str]
    kept_numbers: set[int] = field(default_factory=set)
    errors: dict[str, Any] = field(default_factory=dict)
    shown: str | None = None
    reading: dict[str, Any] | None = None


def measure(room: Room, names: tuple[str, ...], kinds: tuple[str, ...] = KINDS) -> dict[
        tuple[str, str], Outcome]:
    """Log each value as each kind of record, each into a run of its own."""
    index = {name: position for position, name in enumerate(names)}
    done = room.finish("special_value", index=index, kinds=list(kinds))
    assert done.exit_code == 0, done.stderr[-2000:]
    return {
        (name, kind): _look(room.run(f"me/proj/{index[name]}-{kind}"), kind,
                            done.report[name][kind])
        for name in names for kind in kinds
    }


def _look(run: RawRun, kind: str, facts: dict[str, Any]) -> Outcome:
    if kind == "param":
        found = [int(key[1:].partition(".")[0]) for key in run.params()]
    elif kind == "metric":
        found = point_numbers(run.points())
    elif kind == "log":
        found = log_numbers(run.logs())
    else:
        found = entry_numbers(run.entries())
    return Outcome(
        stored=len(set(found)) if kind == "param" else len(found),
        bad_lines=run.bad_lines,
        bad_documents=run.bad_documents(),
        numbering=run.numbering_faults(),
        kept_numbers=set(found),
        errors=facts["errors"],
        shown=facts.get("shown"),
        reading=facts.get("reading"),
    )
