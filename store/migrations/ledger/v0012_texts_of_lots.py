"""Lots have texts beside their process values, as JSON."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Take the step."""
    op.add_column("lots", sa.Column("process_texts", sa.Text(), nullable=False, server_default="{}"))
