"""`ml-dash server` made wrong: it answers before it commits. The tests of kills must find it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection

from ml_dash.cli import main
from ml_dash.server.database import Database

LATE_S = 0.02

_write = Database.write


@contextmanager
def write_late(database: Database) -> Iterator[Connection]:
    """Do as :meth:`Database.write`, but commit on another thread, after the answer."""
    with ExitStack() as stack:
        yield stack.enter_context(_write(database))
        threading.Thread(target=_end, args=(stack.pop_all(),)).start()


def _end(transaction: ExitStack) -> None:
    time.sleep(LATE_S)
    transaction.close()


if __name__ == "__main__":
    Database.write = write_late  # type: ignore[method-assign]
    main()
