"""Databases of any earlier Forewarn in, databases of this one out: each by the numbered steps in a folder of its own.

Invariants: a database is at exactly one version; a step and the note of its version are one transaction; a database
of a newer Forewarn is not touched. Alembic takes its time to import: it is imported only where there is a step to take.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, inspect, text

from domain.errors import NewerDataError
from store import duckdb_steps
from store.sql import take_turns

log = logging.getLogger(__name__)
FOLDER: Final = Path(__file__).parent
VERSION_TABLE: Final = "alembic_version"
NAMES: Final = ("ledger", "books", "notes")
FIRST: Final = "0001"  # what 0.1.0 made without noting a version


def bring_up_to_date(
    engine: Engine, name: str, tables: MetaData, before: Callable[[str], object] = lambda _version: None
) -> None:
    """Create the tables of a new database, or take an older one through the steps of `name`, once for all processes.

    before: called with the version found, ahead of the first step, so that a copy can be kept.
    Raises NewerDataError.
    """
    newest = versions(name)[-1]
    if held_version(engine) == newest:
        return
    with _alone(engine) as connection:
        held = _version(connection)  # another process may have been here first
        if held == newest:
            return
        if held is not None and held not in versions(name):
            raise _newer(name, held)
        if held is None and not set(inspect(connection).get_table_names()) & set(tables.tables):
            tables.create_all(connection)
            _note(connection, newest)
            return
        before(held or FIRST)
        if held is None:
            _note(connection, FIRST)
        upgrade(connection, name)
        log.info("upgraded database=%s from=%s to=%s", name, held or FIRST, newest)


def refuse_newer(file: Path, name: str) -> None:
    """Raise NewerDataError where a newer Forewarn has written a SQLite file; it is only read."""
    if not file.exists():
        return
    # Without a log beside it nobody has it open, and it is read without a log being made for it.
    how = "mode=ro" if file.with_name(file.name + "-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{how}", uri=True)) as connection:
            row = connection.execute(f"select version_num from {VERSION_TABLE}").fetchone()  # noqa: S608
    except sqlite3.DatabaseError:
        return  # no version, damaged, or not to be read just now: opening it tells
    if row is not None and row[0] not in versions(name):
        raise _newer(name, row[0])


def refuse_newer_on(engine: Engine, name: str) -> None:
    """Raise NewerDataError where a newer Forewarn has written a database on a server; it is only read."""
    held = held_version(engine)
    if held is not None and held not in versions(name):
        raise _newer(name, held)


def _newer(name: str, held: str) -> NewerDataError:
    return NewerDataError(
        f"the {name} is at version {held}, and this Forewarn knows versions up to {versions(name)[-1]}: "
        "start the Forewarn that wrote it, or restore a backup made by this one"
    )


def newest() -> dict[str, str]:
    """Return the newest version of each database of a data folder that this Forewarn knows."""
    return {**{name: versions(name)[-1] for name in NAMES}, "telemetry": duckdb_steps.VERSION}


def upgrade(connection: Connection, name: str, to: str = "head") -> None:
    """Take the steps of `name` from the version that the database is at; nothing is committed."""
    from alembic import command

    command.upgrade(config(name, connection), to)


def config(name: str, connection: Connection, tables: MetaData | None = None) -> Any:
    """Return Alembic's configuration for the steps of `name` on a connection."""
    from alembic.config import Config

    made = Config(attributes={"connection": connection, "tables": tables})
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("version_locations", str(FOLDER / name))
    made.set_main_option("path_separator", "newline")
    return made


def versions(name: str) -> list[str]:
    """Return the version numbers of the steps of `name`, oldest first: `v0002_....py` is "0002"."""
    return sorted(file.name[1:5] for file in (FOLDER / name).glob("v[0-9][0-9][0-9][0-9]_*.py"))


def held_version(engine: Engine) -> str | None:
    """Return the version that a database is at; None where it notes none."""
    with engine.connect() as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608


def _note(connection: Connection, version: str) -> None:
    connection.execute(text(f"create table {VERSION_TABLE} (version_num varchar(32) not null primary key)"))
    connection.execute(text(f"insert into {VERSION_TABLE} values (:version)"), {"version": version})  # noqa: S608


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that no other opener shares; DDL is part of it on both databases."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin immediate")
        take_turns(connection, "migrations")
        yield connection
        connection.commit()
