"""Steps that are all taken, whatever the others meet; what they met is decided about afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from ml_dash._base.facts import about
from ml_dash._store.outage import write_error
from ml_dash._store.reading import needs_type
from ml_dash.exceptions import LocalWriteError, MLDashError

_log = logging.getLogger("ml_dash.store")

Step = tuple[str, Callable[[], None]]
"""What is written, and how."""
Problem = tuple[Exception, str]
"""What was met, and while doing what."""


def tried(steps: Iterable[Step], folder: Path, kept: str) -> list[Problem]:
    """Take every step and return what they met; a refused write with its path, and what is kept."""
    met: list[Problem] = []
    for what, step in steps:
        try:
            step()
        except OSError as error:
            typed = write_error(error, folder, what, kept) if needs_type(error) else error
            met.append((typed, f"writing {what}"))
        except MLDashError as error:
            met.append((error, f"writing {what}"))
    return met


def refusals(met: Iterable[Problem]) -> list[Problem]:
    """Return what the disk refused."""
    return [problem for problem in met if isinstance(problem[0], LocalWriteError)]


def without_refusals(met: Iterable[Problem]) -> list[Problem]:
    """Return the rest."""
    return [problem for problem in met if not isinstance(problem[0], LocalWriteError)]


def folded(met: list[Problem]) -> list[Problem]:
    """Leave one refusal of several: one disk refuses all alike. The others are logged."""
    refused = refusals(met)
    for error, doing in refused[1:]:
        _log.warning(
            "Refused as well, while %s: %s", doing, error.__cause__, extra=about(doing, error)
        )
    return refused[:1] + without_refusals(met)
