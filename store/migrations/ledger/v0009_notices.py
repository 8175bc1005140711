"""Notices of raises, who was told of them and when; messages with their priority; the rhythms of tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Take the step; messages that wait are sent as they are, and alerts that are open have been told once."""
    op.create_table(
        "notices",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("notices_open", "notices", ["settled_at", "noted_at"])
    op.create_index("notices_alert", "notices", ["alert_id", "sequence"])
    op.create_table(
        "tellings",
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("notice", "receiver", "step"),
    )
    op.create_index("tellings_at", "tellings", ["at"])
    op.create_table(
        "rhythms",
        sa.Column("tag_id", sa.Text(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tag_id"),
    )
    op.add_column("outbox", sa.Column("priority", sa.Text(), nullable=False, server_default="medium"))
    op.add_column("outbox", sa.Column("rank", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("outbox", sa.Column("about", sa.Text(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("planned_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("update outbox set planned_at = due_at")
    op.create_index("outbox_planned", "outbox", ["planned_at"])
