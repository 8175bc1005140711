"""`python -m store.migrations ledger|books|notes "what changes"`: write the next step from the difference between the
tables in code and those that the steps so far make. For developers; read what it wrote before it is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import MetaData, create_engine

from store import batch_log, books, tables
from store.migrations import FOLDER, config, upgrade, versions

TABLES: Final[Mapping[str, MetaData]] = {"ledger": tables.TABLES, "books": books.TABLES, "notes": batch_log.TABLES}


def write(name: str, what: str) -> None:
    """Write the next step of a database."""
    from alembic import command

    number = f"{int(versions(name)[-1]) + 1:04}"
    with (
        TemporaryDirectory() as folder,
        create_engine(f"sqlite:///{folder}/empty.db").connect() as connection,
    ):
        upgrade(connection, name)
        made = config(name, connection, TABLES[name])
        made.set_main_option("file_template", f"v{number}_%%(slug)s")
        command.revision(made, what, autogenerate=True, rev_id=number, version_path=str(FOLDER / name))


if __name__ == "__main__":
    write(*sys.argv[1:3])
