"""The audit table: every error site of 0.6.13, mapped to its test or to why it cannot occur.

A site is a place of 0.6.13 where an error was swallowed, answered with a sentinel or turned into
a loss. The ids were given once, when 0.6.13 was read and measured; the list is closed. The lines
of the audit itself (its tables, priorities and questions) are listed beside them.
"""

from __future__ import annotations

from tests.contract.sites import a, audit_lines, b, e, f, k, m, r, s, t
from tests.contract.sites.kinds import Site

LETTERS: dict[str, tuple[str, int, dict[str, Site]]] = {
    "B": ("buffer and flush thread", 37, b.SITES),
    "E": ("experiment, run, log and parameters", 42, e.SITES),
    "R": ("remote client", 25, r.SITES),
    "S": ("local store", 33, s.SITES),
    "M": ("metrics", 12, m.SITES),
    "T": ("tracks", 5, t.SITES),
    "F": ("files", 17, f.SITES),
    "A": ("authentication, configuration, auto-start, ids", 14, a.SITES),
    "K": ("command line", 45, k.SITES),
}
AUDIT_LINES: tuple[str, ...] = (
    *(f"C{row}" for row in range(1, 8)),
    *(f"H{row}" for row in range(1, 6)),
    *(f"W{row}" for row in range(1, 8)),
    *(f"OK{row}" for row in range(1, 5)),
    *("P0-1", "P0-2", "P0-3", "P1-1", "P1-2", "P2-1", "P2-2", "Q3", "Q4", "BA"),
)
IN_WORK: frozenset[str] = frozenset()
"""Parts of the table that are still being filled: a part leaves this set when it is whole."""


def ids_of(letter: str) -> list[str]:
    """Return the ids of a letter, all of them: B01 to B37, and so on."""
    return [f"{letter}{number:02}" for number in range(1, LETTERS[letter][1] + 1)]


def parts() -> dict[str, tuple[list[str], dict[str, Site]]]:
    """Return each part of the table: the ids that it must have, and those that it has."""
    found = {letter: (ids_of(letter), LETTERS[letter][2]) for letter in LETTERS}
    return {**found, "audit": (list(AUDIT_LINES), audit_lines.SITES)}
