"""Points of metrics: cheap to append, kept in compressed columns, cheap to read at any length.

    batch = points.prepare([{"loss": 0.5}])  # outside of the transaction: the work
    with database.write() as connection:
        appended = points.append(connection, series_id, batch)  # two rows, any size
    compaction = Compaction(database); compaction.start()      # one thread in each process
    if appended.due: compaction.wake()

Entries of tracks are in :mod:`ml_dash.server.points.tracks`, in the same way.
"""

from __future__ import annotations

from ml_dash.server.points import moments
from ml_dash.server.points.charts import Chart, downsampled
from ml_dash.server.points.compaction import compact, due_series
from ml_dash.server.points.limits import CHUNK_POINTS
from ml_dash.server.points.series import (
    Appended,
    Batch,
    Point,
    Stats,
    append,
    append_all,
    buffered,
    chunk,
    prepare,
    remove,
    stats,
    totals,
    window,
)
from ml_dash.server.points.worker import Compaction

__all__ = [
    "CHUNK_POINTS", "Appended", "Batch", "Chart", "Compaction", "Point", "Stats", "append",
    "append_all", "buffered", "chunk", "compact", "downsampled", "due_series", "moments", "prepare",
    "remove", "stats", "totals", "window",
]  # fmt: skip
