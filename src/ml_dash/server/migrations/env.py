"""What Alembic runs: the changes, on the connection that it is given."""

from __future__ import annotations

from alembic import context

import ml_dash.server.points.tables  # noqa: F401 - its tables belong to the metadata
from ml_dash.server.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # One transaction for all, also on SQLite: the caller has begun it.
    transactional_ddl=True,
)
context.run_migrations()
