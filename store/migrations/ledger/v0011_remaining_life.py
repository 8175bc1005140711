"""Scores tell the life that is left, as JSON; "" where it is not predicted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Take the step."""
    for table in ("scores", "former_scores"):
        op.add_column(table, sa.Column("life", sa.Text(), nullable=False, server_default=""))
