"""The tables of points and entries.

``point_series`` has one row per series: the counter that gives out indexes, and all that is known
without reading points. Points wait in ``point_batches``, one row per batch as it came, until
``point_chunks`` takes them: immutable, numbered from 0, in order. ``point_nodes`` is the pyramid
over the chunks from which charts are drawn.

``track_series`` and ``track_rows`` are the same for entries of tracks, which have times in place of
indexes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    false,
)

from ml_dash.server.tables import metadata

series = Table(
    "point_series",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("next_index", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    # What the chunks hold: points, chunks, and the summary of their numbers.
    Column("chunked", BigInteger, nullable=False, server_default="0"),
    Column("chunks", Integer, nullable=False, server_default="0"),
    Column("summary", Text, nullable=False, server_default="{}"),
    # What waits, in bytes of JSON and in rows; and whether it is enough to be moved.
    Column("waiting_bytes", BigInteger, nullable=False),
    Column("waiting_rows", Integer, nullable=False),
    Column("due", Boolean(create_constraint=False), nullable=False, server_default=false()),
)
due = Index(
    "ix_point_series_due",
    series.c.id,
    sqlite_where=series.c.due,
    postgresql_where=series.c.due,
)

batches = Table(
    "point_batches",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("first_index", BigInteger, primary_key=True, autoincrement=False),
    Column("points", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("summary", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # Set where its points have different times; see moments.
    Column("times", Text),
    Column("payload", LargeBinary, nullable=False),
)

chunks = Table(
    "point_chunks",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("first_index", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("points", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
chunk_numbers = Index("ix_point_chunks_number", chunks.c.series_id, chunks.c.number, unique=True)

nodes = Table(
    "point_nodes",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    # A digest: keys of any length, and PostgreSQL indexes no text beyond 2,700 bytes.
    Column("key_digest", String(32), primary_key=True),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("numbers", BigInteger, nullable=False),
    Column("non_finite", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

tracks = Table(
    "track_series",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("next_row", BigInteger, nullable=False),
    # Entries as readers see them: those of equal time count once.
    Column("entries", BigInteger, nullable=False, server_default="0"),
    Column("columns", Text, nullable=False, server_default="[]"),
    Column("first", Text),
    Column("last", Text),
    Column("waiting_bytes", BigInteger, nullable=False, server_default="0"),
    Column("waiting_rows", Integer, nullable=False, server_default="0"),
    Column("due", Boolean(create_constraint=False), nullable=False, server_default=false()),
)
tracks_due = Index(
    "ix_track_series_due",
    tracks.c.id,
    sqlite_where=tracks.c.due,
    postgresql_where=tracks.c.due,
)

track_rows = Table(
    "track_rows",
    metadata,
    Column("track_id", BigInteger, primary_key=True, autoincrement=False),
    # Of two entries of equal time, the fields of the one in the later row win.
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("lowest", Float(53), nullable=False),
    Column("highest", Float(53), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # Compressed JSON that waits to be put together with its neighbours, or a columnar chunk.
    Column("waiting", Boolean(create_constraint=False), nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
Index("ix_track_rows_lowest", track_rows.c.track_id, track_rows.c.lowest)
