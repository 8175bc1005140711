"""Since when models are champions, which process leads, and runs of jobs that were missed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Take the step; a model that scores or has scored counts as promoted when it was trained."""
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    for column in ("n_runs", "n_missed", "n_overlong"):
        op.add_column("job_runs", sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("models", sa.Column("promoted_at", sa.BigInteger(), nullable=True))
    op.execute("update models set promoted_at = trained_at where role in ('champion', 'retired')")
