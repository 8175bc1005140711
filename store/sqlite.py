"""SQLAlchemy engines on SQLite files, set so that a committed row survives a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event


def open_engine(file: Path, tables: MetaData) -> Engine:
    """Open or create a database file with its tables: WAL, synchronous=FULL, ten seconds of patience on a lock."""
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 10, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"pragma {pragma}")

    tables.create_all(engine)
    return engine
