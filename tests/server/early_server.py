"""`ml-dash server` made wrong: one of its answers goes out without a commit, now or ever.

The tests of kills must find that out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from ml_dash.cli import main
from ml_dash.server.database import Database

HELD = 60
"""Which transaction is left open; all others of the process wait for it from then on."""

_write = Database.write
_numbers = itertools.count(1)
_held: list[ExitStack] = []


@contextmanager
def write_but_one(database: Database) -> Iterator[Connection]:
    """Do as :meth:`Database.write`, but leave one transaction open."""
    with ExitStack() as stack:
        yield stack.enter_context(_write(database))
        if next(_numbers) == HELD:
            _held.append(stack.pop_all())
            Path(str(database.engine.url.database)).with_name("held").touch()


if __name__ == "__main__":
    Database.write = write_but_one  # type: ignore[method-assign]
    main()
