"""The journal: what was received and is not yet in the stores, the dead letter, the conflict log, and the sum.

Invariant: items and their counts move in one transaction, so that per source and hour
received = stored + dead_lettered + duplicates + conflicts + in_journal, at every instant and after any crash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from domain.instants import from_ns, hour_of, to_ns
from domain.records import Decoded, Outcome, Rejected, Tally
from store import codec
from store.sqlite import open_engine

TABLES = MetaData()
_journal = Table(
    "journal",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("n_items", Integer, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("batch", Text),
    Index("journal_batch", "batch"),
    sqlite_autoincrement=True,
)
_dead = Table(
    "dead_letters",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
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
    *(
        Column(name, BigInteger, nullable=False, default=0)
        for name in ("received", "stored", "dead_lettered", "duplicates", "conflicts")
    ),
)
_blocks = Table("settled_blocks", TABLES, Column("batch", Text, primary_key=True))


@dataclass(frozen=True, slots=True)
class Claimed:
    """Journal rows on their way to the stores; the same rows under the same id until `finish`."""

    batch: str
    source: str
    hour: int
    decoded: tuple[Decoded, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One rejected item as it is kept."""

    id: int
    source: str
    received_at: datetime
    topic: str
    reason: str
    detail: str
    payload: bytes
    sha256: str


class Journal:
    """`Intake` in `folder/journal.db`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "journal.db"
        self._engine: Engine | None = None

    def start(self) -> None:
        """Open or create the file."""
        self._engine = self._engine or open_engine(self._file, TABLES)

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

    def accept(self, batch: Sequence[tuple[str, datetime, Decoded]]) -> None:
        """Commit (source, received_at, decoded) messages; on return they survive a crash."""
        rows: list[dict[str, Any]] = []
        dead: list[dict[str, Any]] = []
        received: dict[tuple[str, int], list[int]] = {}
        for source, at, decoded in batch:
            hour = to_ns(hour_of(at))
            if decoded.n_good:
                record = codec.write(decoded)
                rows.append(
                    {
                        "source": source,
                        "hour": hour,
                        "received_at": to_ns(at),
                        "n_items": decoded.n_good,
                        "record": record,
                    }
                )
            dead.extend(_dead_row(item, to_ns(at)) for item in decoded.rejected)
            counts = received.setdefault((source, hour), [0, 0])
            counts[0] += decoded.n_items
            counts[1] += len(decoded.rejected)
        with self._db.begin() as connection:
            if rows:
                connection.execute(insert(_journal), rows)
            if dead:
                connection.execute(insert(_dead), dead)
            for (source, hour), (n, n_dead) in received.items():
                _count(connection, source, hour, received=n, dead_lettered=n_dead)

    def claim(self, most: int) -> Claimed | None:
        """Return the oldest rows of one source and hour, marked as one batch; None when the journal is empty.

        A batch that was claimed before a crash comes first, unchanged.
        """
        with self._db.begin() as connection:
            head = connection.execute(select(_journal).order_by(_journal.c.id).limit(1)).first()
            if head is None:
                return None
            batch = head.batch
            if batch is None:
                ids = connection.execute(
                    select(_journal.c.id)
                    .where(
                        _journal.c.batch.is_(None),
                        _journal.c.source == head.source,
                        _journal.c.hour == head.hour,
                    )
                    .order_by(_journal.c.id)
                    .limit(most)
                ).scalars()
                last = max(ids)
                batch = f"journal:{head.id}-{last}:{head.received_at}"
                connection.execute(
                    update(_journal)
                    .where(
                        _journal.c.batch.is_(None),
                        _journal.c.source == head.source,
                        _journal.c.hour == head.hour,
                        _journal.c.id <= last,
                    )
                    .values(batch=batch)
                )
            rows = connection.execute(
                select(_journal.c.record, _journal.c.received_at)
                .where(_journal.c.batch == batch)
                .order_by(_journal.c.id)
            ).all()
        decoded = tuple(codec.read(r.record, r.received_at) for r in rows)
        return Claimed(batch, head.source, head.hour, decoded)

    def finish(self, claimed: Claimed, outcome: Outcome) -> None:
        """Take a claimed batch out of the journal and count what became of it."""
        with self._db.begin() as connection:
            if not connection.execute(delete(_journal).where(_journal.c.batch == claimed.batch)).rowcount:
                return  # finished before
            self._settle(connection, claimed.source, claimed.hour, outcome)

    def settle_block(self, batch: str, source: str, at: datetime, decoded: Decoded, outcome: Outcome) -> None:
        """Count one block of a file that went to the stores directly, once; the file itself is its journal."""
        hour = to_ns(hour_of(at))
        rejected, n_received = decoded.rejected, decoded.n_items
        with self._db.begin() as connection:
            if connection.execute(upsert(_blocks).values(batch=batch).on_conflict_do_nothing()).rowcount == 0:
                return
            if rejected:
                connection.execute(insert(_dead), [_dead_row(r, to_ns(at)) for r in rejected])
            _count(connection, source, hour, received=n_received, dead_lettered=len(rejected))
            self._settle(connection, source, hour, outcome)

    def _settle(self, connection: Connection, source: str, hour: int, outcome: Outcome) -> None:
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
                    {
                        "source": source,
                        "key": c.key,
                        "at": to_ns(c.at),
                        "stored": c.stored,
                        "offered": c.offered,
                    }
                    for c in outcome.conflicts
                ],
            )

    def tallies(self) -> list[Tally]:
        """Return the sum per source and hour, oldest hour first."""
        waiting = select(_journal.c.source, _journal.c.hour, func.sum(_journal.c.n_items).label("n")).group_by(
            _journal.c.source, _journal.c.hour
        )
        with self._db.connect() as connection:
            connection.exec_driver_sql("begin")  # one snapshot for both, or a batch between them would look lost
            held = {(r.source, r.hour): r.n for r in connection.execute(waiting)}
            rows = connection.execute(select(_tallies).order_by(_tallies.c.hour, _tallies.c.source)).all()
        return [
            Tally(
                r.source,
                from_ns(r.hour),
                r.received,
                r.stored,
                r.dead_lettered,
                r.duplicates,
                r.conflicts,
                int(held.get((r.source, r.hour), 0)),
            )
            for r in rows
        ]

    def totals(self) -> list[Tally]:
        """Return the sum per source over all hours."""
        sums: dict[str, Tally] = {}
        for t in self.tallies():
            s = sums.get(t.source, Tally(t.source, None))
            sums[t.source] = Tally(
                t.source,
                None,
                s.received + t.received,
                s.stored + t.stored,
                s.dead_lettered + t.dead_lettered,
                s.duplicates + t.duplicates,
                s.conflicts + t.conflicts,
                s.in_journal + t.in_journal,
            )
        return list(sums.values())

    def n_waiting(self) -> int:
        """Number of items received and not yet in the stores."""
        with self._db.connect() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(_journal.c.n_items), 0))).scalar_one())

    def dead_letters(self, most: int = 100, reason: str | None = None) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        query = select(_dead).order_by(_dead.c.id.desc()).limit(most)
        if reason is not None:
            query = query.where(_dead.c.reason == reason)
        with self._db.connect() as connection:
            return [_dead_letter(r) for r in connection.execute(query)]

    def dead_letter(self, number: int) -> DeadLetter | None:
        """Return one dead letter by its number."""
        with self._db.connect() as connection:
            row = connection.execute(select(_dead).where(_dead.c.id == number)).first()
        return None if row is None else _dead_letter(row)

    def dead_letters_by_reason(self) -> dict[str, int]:
        """Return the number of dead letters per reason code."""
        query = select(_dead.c.reason, func.count().label("n")).group_by(_dead.c.reason).order_by(_dead.c.reason)
        with self._db.connect() as connection:
            return {row.reason: row.n for row in connection.execute(query)}


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
    return DeadLetter(r.id, r.source, from_ns(r.received_at), r.topic, r.reason, r.detail, r.payload, r.sha256)


def _dead_row(item: Rejected, at: int) -> dict[str, Any]:
    return {
        "source": item.source,
        "received_at": at,
        "topic": item.topic,
        "reason": item.reason.value,
        "detail": item.detail,
        "payload": item.payload,
        "sha256": hashlib.sha256(item.payload).hexdigest(),
    }
