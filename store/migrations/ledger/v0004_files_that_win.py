"""Whether a file's values win over those that are stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the step; of a load that was cut off before it is not known, and its values do not win."""
    op.add_column("files", sa.Column("is_version", sa.Integer(), nullable=False, server_default="0"))
