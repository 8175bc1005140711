"""SQLAlchemy engines on SQLite files, set so that a committed row survives a crash."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ExceptionContext, MetaData, create_engine, event

from domain.errors import StoreAwayError
from store.migrations import bring_up_to_date

PATIENCE_S = 10
SHORT_WAIT_S = 0.05
NOT_NOW = frozenset(  # what says nothing of the rows: a lock, the disk, permission
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)


def open_engine(file: Path, tables: MetaData, versions: str = "") -> Engine:
    """Open or create a database file with its tables: WAL, synchronous=FULL, ten seconds of patience on a lock.

    versions: the name of its migrations, which bring an older file up to date; "" for a file without any.
    Raises NewerDataError where a newer Forewarn has written it. Where the file is locked, or its disk refuses, every
    use raises StoreAwayError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": PATIENCE_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _record: Any) -> None:
        _switch_to_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "handle_error")
    def _name(context: ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in NOT_NOW:
            raise StoreAwayError(f"{file.name}: {error}")

    if versions:
        bring_up_to_date(engine, versions, tables, lambda held: copy_beside(file, held))
    else:
        tables.create_all(engine)
    return engine


def _switch_to_wal(connection: Any) -> None:
    """Set the journal mode. SQLite does not wait for a lock here, and a new file may be opened by several at once."""
    for _ in range(int(PATIENCE_S / SHORT_WAIT_S)):
        try:
            connection.execute("pragma journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
        time.sleep(SHORT_WAIT_S)
    connection.execute("pragma journal_mode=WAL")


def copy_beside(file: Path, version: str) -> Path:
    """Copy a database file to `<name>.<version>.bak` beside it, as it is before an upgrade."""
    target = file.with_name(f"{file.name}.{version}.bak")
    unfinished = target.with_suffix(".unfinished")
    copy_live(file, unfinished)
    return unfinished.replace(target)


def copy_live(file: Path, target: Path) -> None:
    """Copy a database file while others use it: the copy holds what was committed, and no half of a transaction."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(file, timeout=PATIENCE_S)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("pragma journal_mode=delete")
