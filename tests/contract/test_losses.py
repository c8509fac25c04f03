"""Every scenario of the loss tables is run again by a test, or waits for its part."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.contract import naming
from tests.contract.losses import COUNTS, LOSSES, Case, Loss
from tests.contract.sites.kinds import Later, Test
from tests.durability.scenarios import disk, ends, values
from tests.durability.test_processes import CASES

KNOWN = {
    *(end.name for end in ends.ENDS),
    *(cause.name for cause in disk.CAUSES),
    *disk.KINDS,
    *values.TAKEN,
    *values.EITHER,
    *values.REFUSED,
    *CASES,
}
"""The cases that the scenarios run over."""


def faults_of(row: str, loss: Loss) -> list[str]:
    """Return what is wrong with a row."""
    match loss:
        case Case(test=test, names=names):
            found = [naming.trouble_with(test)]
            found += [f"no scenario is called {name!r}" for name in names if name not in KNOWN]
        case Test(names=names):
            found = [naming.trouble_with(name) for name in names]
        case Later(reason=reason):
            found = [None if re.match(r"issue [56]: (\S+ ){3,}", reason) else "says too little"]
    return [f"{row}: {fault}" for fault in found if fault]


def test_the_tables_are_whole() -> None:
    """A row that goes away is noticed; so is one that is written twice."""
    assert Counter(row[:3] for row in LOSSES) == COUNTS
    text = (Path(__file__).parent / "losses.py").read_text("utf-8")
    rows = re.findall(r'^ {4}"(C\.\d [^"]+)":', text, re.MULTILINE)
    assert sorted(rows) == sorted(LOSSES)


def test_every_row_is_measured() -> None:
    """Its test exists and runs, over a scenario that exists."""
    assert [fault for row in LOSSES for fault in faults_of(row, LOSSES[row])] == []


def test_every_end_and_value_is_in_a_row_or_more_than_0_6_was_asked() -> None:
    """What is measured beyond the tables is listed here, so that neither list drifts."""
    named = {name for loss in LOSSES.values() if isinstance(loss, Case) for name in loss.names}
    assert KNOWN - named == {
        "4 processes, one metric", "4 processes, the same new names",
        "2 processes set parameters, a third reads",
        "Ctrl-C inside with", "Ctrl-C outside with", "SIGTERM, user's own handler",
        "UUID", "dataclass", "dict", "list holding an object", "self-containing list",
        "descriptor limit",
    }  # fmt: skip
