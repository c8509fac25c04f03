"""A process that appends points and moves them, and is killed: `writer.py <url> <writer>`.

Writes one line for each batch after its commit: index of its first point, and how many.
"""

from __future__ import annotations

import sys

from ml_dash.server import points
from ml_dash.server.database import Database
from ml_dash.server.points import limits
from ml_dash.server.points.worker import Compaction


def main(url: str, writer: int) -> None:
    """Append to series 1 until killed; compaction runs beside, on small chunks."""
    limits.CHUNK_POINTS = 50
    database = Database(url)
    compaction = Compaction(database)
    compaction.start()
    number = 0
    while True:
        count = number % 7 + 1
        batch = [{"writer": writer, "number": number, "at": at, "x": 0.5} for at in range(count)]
        with database.write() as connection:
            put = points.append(connection, 1, batch)
        sys.stdout.write(f"{put.first_index} {writer} {number} {count}\n")
        sys.stdout.flush()
        compaction.wake()
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
