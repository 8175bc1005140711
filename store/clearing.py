"""Old dead letters and conflicts out of the journal's books, and the ids of blocks that do not come again.

Invariant: the sum is not touched. It counts what came in and what became of it, however long the bytes are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Table, delete, func, select

from domain.instants import to_ns
from store.books import TABLES, Books

ROWS_AT_ONCE: Final = 5_000  # so that who settles a batch never waits long
ROW_BYTES: Final = 200  # what a dead letter takes beside its payload, about


def clear_letters(books: Books, before: datetime | None, max_bytes: int | None) -> int:
    """Delete dead letters received before an instant, and the oldest ones beyond a size; None is without a bound.

    Returns how many were deleted.
    """
    t = TABLES.tables["dead_letters"]
    last = 0
    if max_bytes is not None:
        held = func.sum(func.length(t.c.payload) + ROW_BYTES).over(order_by=t.c.id.desc()).label("held")
        sized = select(t.c.id, held).subquery()
        with books._db.connect() as connection:
            query = select(func.max(sized.c.id)).where(sized.c.held > max_bytes)
            last = connection.execute(query).scalar_one() or 0
    deleted = _delete_to(books, t, last)
    if before is not None:
        with books._db.connect() as connection:
            query = select(func.max(t.c.id)).where(t.c.received_at < to_ns(before))
            last = connection.execute(query).scalar_one() or 0
        deleted += _delete_to(books, t, last, before)
    return deleted


class LetterBound:
    """Holds the dead letters below a size. Each look reads only what is new since the last one, so that it may be taken
    every few seconds; a flood of them would fill a disk within minutes.
    """

    def __init__(self, books: Books, max_bytes: int) -> None:
        self._books, self._max_bytes = books, max_bytes
        self._held, self._newest = 0, 0

    def look(self) -> int:
        """Delete the oldest letters where all of them take more than the bound; returns how many."""
        self._count()
        if self._held <= self._max_bytes:
            return 0
        deleted = clear_letters(self._books, None, self._max_bytes - self._max_bytes // 10)  # not again at once
        self._held, self._newest = 0, 0
        self._count()
        return deleted

    def _count(self) -> None:
        t = TABLES.tables["dead_letters"]
        query = select(func.max(t.c.id), func.sum(func.length(t.c.payload) + ROW_BYTES)).where(t.c.id > self._newest)
        with self._books._db.connect() as connection:
            newest, n_bytes = connection.execute(query).one()
        if newest is not None:
            self._held, self._newest = self._held + n_bytes, newest


def clear_conflicts(books: Books, most: int, slack: int = 0) -> int:
    """Delete the oldest conflicts beyond a number of them, once there are `slack` more; returns how many."""
    t = TABLES.tables["conflicts"]
    with books._db.connect() as connection:
        newest = connection.execute(select(func.max(t.c.id))).scalar_one() or 0
        oldest = connection.execute(select(func.min(t.c.id))).scalar_one() or 0
    n = newest - oldest + 1  # they are numbered without a gap
    return _delete_to(books, t, newest - most) if n > most + slack else 0


def forget_blocks(books: Books, ids: Sequence[str]) -> int:
    """Delete the ids of blocks that are not going to be entered again; returns how many."""
    t = TABLES.tables["settled_blocks"]
    deleted = 0
    for first in range(0, len(ids), ROWS_AT_ONCE):
        with books._db.begin() as connection:
            some = ids[first : first + ROWS_AT_ONCE]
            deleted += connection.execute(delete(t).where(t.c.batch.in_(some))).rowcount
    return deleted


def _delete_to(books: Books, table: Table, last: int, before: datetime | None = None) -> int:
    """Delete rows up to and with an id, some at a time; with `before`, those received before it only."""
    chosen = select(table.c.id).where(table.c.id <= last).order_by(table.c.id).limit(ROWS_AT_ONCE)
    if before is not None:
        chosen = chosen.where(table.c.received_at < to_ns(before))
    deleted = 0
    while last:
        with books._db.begin() as connection:
            n = connection.execute(delete(table).where(table.c.id.in_(chosen))).rowcount
        deleted += n
        if n < ROWS_AT_ONCE:
            break
    return deleted
