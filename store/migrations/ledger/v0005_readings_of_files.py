"""When files were read, under which names: what a new version of a file may replace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Take the step; of a file that was read several times before, the last reading is known."""
    op.create_table(
        "readings",
        sa.Column("loaded_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("loaded_at", "name"),
    )
    op.create_index("readings_name", "readings", ["name"])
    op.create_index("readings_sha256", "readings", ["sha256"])
    op.execute("insert into readings (loaded_at, name, sha256) select loaded_at, name, sha256 from files")
