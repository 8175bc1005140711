"""Alembic's entry: it is given a connection in a transaction, and leaves the commit to who gave it."""

from __future__ import annotations

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=given["tables"],
    render_as_batch=given["connection"].dialect.name == "sqlite",  # SQLite alters a table by copying it
    transactional_ddl=True,
    compare_server_default=False,
)
context.run_migrations()
