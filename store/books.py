"""The journal's books: what became of every item, the dead letter, the conflict log, and how far the log is settled.

Invariant: items and their counts move in one transaction, so that per source and hour
received = stored + dead_lettered + duplicates + conflicts, at every instant and after any crash.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from domain.instants import from_ns, hour_of, to_ns
from domain.records import Outcome, Refused, Rejected, Tally
from store.migrations import refuse_newer
from store.sql import storable_text
from store.sqlite import PATIENCE_S, open_engine

log = logging.getLogger(__name__)
STORE_PART: Final = "store"  # the part of a point that a store refused after it was read well
LEDGER_PART: Final = "ledger"  # and that of an event, lot or result
COUNTS: Final = ("received", "stored", "dead_lettered", "duplicates", "conflicts")
TABLES = MetaData()
_dead = Table(
    "dead_letters",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("n_items", Integer, nullable=False, default=1),
    Column("replayed_at", BigInteger),
    Index("dead_letters_reason", "reason"),
    sqlite_autoincrement=True,
)
_conflicts = Table(
    "conflicts",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("stored", Text, nullable=False),
    Column("offered", Text, nullable=False),
)
_tallies = Table(
    "tallies",
    TABLES,
    Column("source", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    *(Column(name, BigInteger, nullable=False, default=0) for name in COUNTS),
)
_blocks = Table("settled_blocks", TABLES, Column("batch", Text, primary_key=True))
_log = Table(
    "log",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("claimed", BigInteger),
    Column("identity", Text, nullable=False, server_default=""),
)


@dataclass(frozen=True, slots=True)
class Settled:
    """How far the log is settled: sequence and running total; `claimed` is the last sequence of the batch under way.

    identity: tells this log from another one that writes into the same stores with the same numbers.
    """

    sequence: int
    total: int
    claimed: int | None
    identity: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected item as it is kept."""

    id: int
    source: str
    received_at: datetime
    topic: str
    part: str
    reason: str
    detail: str
    payload: bytes
    sha256: str
    n_items: int
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """One conflict as it is kept: a tag's or record's key and time, the value that was stored and the one that came."""

    id: int
    source: str
    key: str
    at: datetime
    stored: str
    offered: str


@dataclass(frozen=True, slots=True)
class Entered:
    """What is entered for one source and hour: items received, what became of them, and the rejected ones with the
    time each was received.
    """

    source: str
    at: datetime
    received: int
    outcome: Outcome
    rejected: tuple[tuple[datetime, Rejected], ...] = ()


class Books:
    """SQLite file `journal.db`; several processes may read it, one settles."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._engine: Engine | None = None

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the file; it is only read."""
        refuse_newer(self._file, "books")

    def start(self) -> None:
        """Open or create the file. A damaged one is set aside, so that collecting goes on; raises sqlite3's
        OperationalError where it cannot be looked at just now.
        """
        if self._engine is None:
            _set_aside_if_damaged(self._file)
            self._engine = open_engine(self._file, TABLES, "books")

    def stop(self) -> None:
        """Close the file."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def _db(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the journal is not started")
        return self._engine

    def settled(self) -> Settled | None:
        """Return how far the log is settled, None for new books."""
        with self._db.connect() as connection:
            return _settled(connection)

    def begin_log(self, sequence: int, total: int) -> None:
        """Note where the log begins, in new books."""
        with self._db.begin() as connection:
            named = {"id": 1, "sequence": sequence, "total": total, "identity": secrets.token_hex(4)}
            connection.execute(upsert(_log).values(named).on_conflict_do_nothing())

    def claim(self, last: int) -> None:
        """Note that the records up to and with `last` are one batch."""
        with self._db.begin() as connection:
            connection.execute(update(_log).values(claimed=last))

    def settle_log(self, sequence: int, total: int, entered: Entered) -> bool:
        """Enter a claimed batch and step the log on; False where it was entered before."""
        with self._db.begin() as connection:
            stepped = connection.execute(
                update(_log).where(_log.c.sequence < sequence).values(sequence=sequence, total=total, claimed=None)
            )
            if stepped.rowcount:
                _enter(connection, entered)
            return bool(stepped.rowcount)

    def settle_block(self, batch: str, entered: Entered) -> bool:
        """Enter one block that did not come through the log, once; False where it was entered before."""
        with self._db.begin() as connection:
            if not connection.execute(upsert(_blocks).values(batch=batch).on_conflict_do_nothing()).rowcount:
                return False
            _enter(connection, entered)
            return True

    def blocks(self, prefix: str) -> list[str]:
        """Return the ids, without the prefix, of the blocks entered under it."""
        query = select(_blocks.c.batch).where(_blocks.c.batch.startswith(prefix, autoescape=True))
        with self._db.connect() as connection:
            return [batch.removeprefix(prefix) for batch in connection.execute(query).scalars()]

    def settle_replay(
        self, letters: Sequence[DeadLetter], now: datetime, outcome: Outcome, rejected: Sequence[Rejected] = ()
    ) -> None:
        """Move letters of one source and hour out of the dead letter, to what became of their items; `rejected` are
        the parts of them that are still bad. Where another replay was faster with one of them, nothing is changed.
        """
        freed = sum(letter.n_items for letter in letters)
        n_good = outcome.stored + outcome.duplicates + len(outcome.conflicts) + len(outcome.refused)
        n_items = n_good + sum(item.n_items for item in rejected)
        with self._db.begin() as connection:
            done = connection.execute(
                update(_dead)
                .where(_dead.c.id.in_([letter.id for letter in letters]), _dead.c.replayed_at.is_(None))
                .values(replayed_at=to_ns(now))
            )
            if done.rowcount != len(letters):
                connection.rollback()  # another replay took some of them: the others stay, and are read again
                return
            source, at = letters[0].source, letters[0].received_at
            _count(connection, source, to_ns(hour_of(at)), dead_lettered=-freed)
            still_bad = tuple((at, item) for item in rejected)
            _enter(connection, Entered(source, at, n_items - freed, outcome, still_bad))

    def tallies(self) -> tuple[Settled | None, list[Tally]]:
        """Return how far the log is settled and the sum per source and hour, oldest first, at one instant."""
        with self._db.connect() as connection:
            connection.exec_driver_sql("begin")
            settled = _settled(connection)
            rows = connection.execute(select(_tallies).order_by(_tallies.c.hour, _tallies.c.source)).all()
        return settled, [Tally(r.source, from_ns(r.hour), *(getattr(r, name) for name in COUNTS)) for r in rows]

    def dead_letters(
        self, most: int = 100, reason: str | None = None, before: int | None = None, *, is_open: bool = True
    ) -> list[DeadLetter]:
        """Return dead letters numbered below `before`, newest first; `is_open` leaves out those stored by a replay."""
        query = select(_dead).order_by(_dead.c.id.desc()).limit(most)
        query = query if reason is None else query.where(_dead.c.reason == reason)
        query = query if before is None else query.where(_dead.c.id < before)
        query = query.where(_dead.c.replayed_at.is_(None)) if is_open else query
        with self._db.connect() as connection:
            return [_dead_letter(r) for r in connection.execute(query)]

    def dead_letter(self, number: int) -> DeadLetter | None:
        """Return one dead letter by its number."""
        with self._db.connect() as connection:
            row = connection.execute(select(_dead).where(_dead.c.id == number)).first()
        return None if row is None else _dead_letter(row)

    def conflicts(self, most: int = 100) -> list[KeptConflict]:
        """Return the newest conflicts first."""
        query = select(_conflicts).order_by(_conflicts.c.id.desc()).limit(most)
        with self._db.connect() as connection:
            rows = connection.execute(query).all()
        return [KeptConflict(r.id, r.source, r.key, from_ns(r.at), r.stored, r.offered) for r in rows]

    def dead_letters_by_reason(self) -> dict[str, int]:
        """Return the number of items in the dead letter per reason code, replayed ones left out."""
        query = (
            select(_dead.c.reason, func.sum(_dead.c.n_items).label("n"))
            .where(_dead.c.replayed_at.is_(None))
            .group_by(_dead.c.reason)
            .order_by(_dead.c.reason)
        )
        with self._db.connect() as connection:
            return {row.reason: int(row.n) for row in connection.execute(query)}


def _settled(connection: Connection) -> Settled | None:
    row = connection.execute(select(_log)).first()
    return None if row is None else Settled(row.sequence, row.total, row.claimed, row.identity)


def _enter(connection: Connection, entered: Entered) -> None:
    hour = to_ns(hour_of(entered.at))
    refused = tuple((entered.at, _refused(entered.source, r)) for r in entered.outcome.refused)
    rejected = [*entered.rejected, *refused]
    if rejected:
        connection.execute(insert(_dead), [_dead_row(item, to_ns(at), hour) for at, item in rejected])
    n_dead = sum(item.n_items for _, item in rejected)
    _count(connection, entered.source, hour, received=entered.received, dead_lettered=n_dead)
    _enter_outcome(connection, entered.source, hour, entered.outcome)


def _refused(source: str, item: Refused) -> Rejected:
    if item.record:
        return Rejected(source, storable_text(item.key), item.reason, item.detail, item.record.encode(), LEDGER_PART)
    point = {
        "tag": item.key,
        "at": to_ns(item.at),
        "value": item.value,
        "text": item.text,
        "quality": item.quality,
        "flags": item.flags,
        "received_at": item.received_at,
    }
    return Rejected(source, item.key, item.reason, item.detail, orjson.dumps(point), STORE_PART)


def _enter_outcome(connection: Connection, source: str, hour: int, outcome: Outcome) -> None:
    _count(
        connection,
        source,
        hour,
        stored=outcome.stored,
        duplicates=outcome.duplicates,
        conflicts=len(outcome.conflicts),
    )
    if outcome.conflicts:
        connection.execute(
            insert(_conflicts),
            [
                {"source": source, "key": c.key, "at": to_ns(c.at), "stored": c.stored, "offered": c.offered}
                for c in outcome.conflicts
            ],
        )


def _count(connection: Connection, source: str, hour: int, **changes: int) -> None:
    changes = {name: n for name, n in changes.items() if n}
    statement = upsert(_tallies).values(source=source, hour=hour, **changes)
    if changes:
        statement = statement.on_conflict_do_update(
            index_elements=["source", "hour"], set_={n: _tallies.c[n] + v for n, v in changes.items()}
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)


def _dead_letter(r: Any) -> DeadLetter:
    replayed_at = None if r.replayed_at is None else from_ns(r.replayed_at)
    received_at = from_ns(r.received_at)
    fields = (r.topic, r.part, r.reason, r.detail, r.payload, r.sha256, r.n_items)
    return DeadLetter(r.id, r.source, received_at, *fields, replayed_at)


def _dead_row(item: Rejected, at: int, hour: int) -> dict[str, Any]:
    return {
        "source": item.source,
        "hour": hour,
        "received_at": at,
        "topic": item.topic,
        "part": item.part,
        "reason": item.reason.value,
        "detail": item.detail,
        "payload": item.payload,
        "sha256": hashlib.sha256(item.payload).hexdigest(),
        "n_items": item.n_items,
    }


def _set_aside_if_damaged(file: Path) -> None:
    """Rename a file that SQLite cannot read; the log beside it still holds what is not settled."""
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE_S)) as connection:
            found = connection.execute("pragma quick_check(1)").fetchone()
            is_good = found is not None and found[0] == "ok"
    except sqlite3.OperationalError:
        raise  # locked, a full disk, no permission: nothing that says the file is damaged
    except sqlite3.DatabaseError:
        is_good = False
    if not is_good:
        aside = file.with_suffix(f".damaged-{file.stat().st_mtime_ns}")
        file.rename(aside)
        for ending in ("-wal", "-shm"):  # the log may hold what the file lacks
            with suppress(FileNotFoundError):
                file.with_name(file.name + ending).rename(aside.with_name(aside.name + ending))
        log.error("books damaged: counts and dead letters start anew file=%s kept=%s", file.name, aside.name)
