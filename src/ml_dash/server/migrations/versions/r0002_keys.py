"""Answers under idempotency keys get an age: their stream, and indexes to find old ones by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and indexes; answers from before have no stream, and go by their age alone."""
    op.add_column("applied_batches", sa.Column("stream", sa.String(length=64), nullable=True))
    op.add_column("applied_batches", sa.Column("last", sa.BigInteger(), nullable=True))
    op.create_index("ix_applied_batches_age", "applied_batches", ["applied_ms"], unique=False)
    op.create_index(
        "ix_applied_batches_stream", "applied_batches", ["stream", "applied_ms"], unique=False
    )
