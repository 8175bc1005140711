"""Who promoted which model and why, which process leads, and runs of jobs that were missed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """Take the step; a model that scores or has scored counts as promoted when it was trained."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_subject", "audit", ["subject", "id"])
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
