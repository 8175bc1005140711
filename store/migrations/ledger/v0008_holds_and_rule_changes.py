"""What is kept from the operators and why, what an alert held back has become, and who changed which rule."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Take the step; no alert of before was held back."""
    op.add_column("alerts", sa.Column("returning_since", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("is_present", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alerts", sa.Column("held_before", sa.Text(), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("cause", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "holds",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("rule", "asset"),
    )
    op.create_table(
        "rule_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
