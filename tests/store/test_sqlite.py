"""SQLite files: what the disk refuses says nothing of the rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, insert
from sqlalchemy.exc import IntegrityError

from domain.errors import StoreAwayError
from store.sqlite import open_engine

TABLES = MetaData()
ROWS = Table("rows", TABLES, Column("id", Integer, primary_key=True), Column("payload", LargeBinary, nullable=False))


def test_full_disk_is_a_store_that_is_away_and_a_bad_row_is_not(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "some.db", TABLES)
    with engine.connect() as connection:
        connection.exec_driver_sql("pragma max_page_count=4")
        with pytest.raises(StoreAwayError, match=r"some\.db.*full"):
            connection.execute(insert(ROWS).values(payload=b"x" * 100_000))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(ROWS).values(payload=None))
    engine.dispose()
