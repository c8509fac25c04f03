"""Sizes of the storage of points: what is kept together, and when it is moved."""

from __future__ import annotations

CHUNK_POINTS = 10_000
"""Points of a chunk; 0.6 clients are told this number as ``chunkSize``."""

CHUNK_BYTES = 8 << 20
"""Bytes of JSON at which a chunk is closed with fewer points, so that no transaction is long."""

FOLD_ROWS = 128
"""Waiting rows of a series at which they become one: clients that send single points."""

KEYS = 4096
"""Columns of a chunk, and keys of a summary; what is beyond stays in the points themselves."""

BINS = 250
"""Stretches of a pyramid's node, each kept with its lowest and its highest number."""

POINTS_PER_BIN = 10
"""Points that one stretch stands for at least, so that the nodes of small chunks are small."""

FAN_OUT = 8
"""Nodes of a pyramid's level that one node of the next level covers."""

CANDIDATES = 4
"""Numbers from which each number of a chart is chosen, at least."""
