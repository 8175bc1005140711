"""What was deleted for its age, and batches in the order they were applied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take the step; batches that were applied before have sequence 0."""
    op.create_table(
        "cleared",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("at", "what"),
    )
    op.add_column("applied_batches", sa.Column("sequence", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("applied_sequence", "applied_batches", ["sequence"])
