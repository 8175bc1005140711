"""Rows into tables, the same on SQLite and on PostgreSQL: inserts that meet a row with the same key, and values that
both databases take.

Invariant: what is read back does not depend on the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite

NUL_SHOWN: Final = "\N{SYMBOL FOR NULL}"


def put(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    key: Sequence[str],
    replacing: Sequence[str] = (),
) -> int:
    """Insert rows; where a row with the same key is there, replace the named columns, or leave it if none is named.

    Returns how many rows were written where one row was given; of several the database does not tell.
    """
    if not rows:
        return 0
    is_postgres = connection.dialect.name == "postgresql"
    statement = postgresql.insert(table) if is_postgres else sqlite.insert(table)
    if replacing:
        fresh = {name: statement.excluded[name] for name in replacing}
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=fresh)
    else:
        statement = statement.on_conflict_do_nothing()
    if len(rows) == 1:
        counting = statement.values(**rows[0]).execution_options(preserve_rowcount=True)
        return connection.execute(counting).rowcount
    # In the order of their keys, so that two processes that write the same rows wait for each other in turn.
    connection.execute(statement, sorted(rows, key=lambda row: [row[name] for name in key]))
    return -1


def take_turns(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds `name`, and hold it to the end of this one.

    On SQLite the first write of a transaction does this already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": f"forewarn {name}"})


def storable_text(said: str) -> str:
    """Return text that a database can hold: NUL and lone surrogates are replaced by signs that show them."""
    return said.replace("\0", NUL_SHOWN).encode("utf-8", "replace").decode()


def storable_number(value: float | None) -> float | None:
    """Return a number that compares equal to itself: NaN is null."""
    return None if value is None or isnan(value) else value
