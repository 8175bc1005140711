"""What a store on a server must remember beside it, on this machine: batches, hours to roll up, the oldest time kept.

Invariants: a batch is noted, with what is to become of each of its rows, before its first row is sent; an hour is
noted as touched before a point of it is sent. Both survive a crash at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from domain.records import Outcome
from store import migrations, outcomes
from store.matching import OLDEST_NS
from store.sqlite import open_engine

KEPT_BATCHES = 10_000
TABLES = MetaData()
_batches = Table(
    "batches",
    TABLES,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("batch", String, nullable=False, unique=True),
    Column("is_done", Boolean, nullable=False),
    Column("outcome", String, nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("written", LargeBinary, nullable=False),
    Column("cleared", LargeBinary, nullable=False),
)
_hours = Table(
    "hours",
    TABLES,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("touched", Integer, nullable=False),  # counts up, so that a touch during a roll-up is not forgotten
)
_floor = Table("floor", TABLES, Column("only", Integer, primary_key=True), Column("at", BigInteger, nullable=False))

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is to become of a batch: rows to write, rows among them whose old text or number must go, and the outcome
    if all is taken; `is_done` says that it was carried out.
    """

    outcome: Outcome
    written: Mask
    cleared: Mask
    is_done: bool = False


class BatchLog:
    """The notes of one point store in one file, shared by the processes of one machine."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._engine: Engine | None = None

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the file; it is only read."""
        migrations.refuse_newer(self._file, "notes")

    def start(self) -> None:
        """Open or create the file; raises NewerDataError."""
        if self._engine is None:
            self._engine = open_engine(self._file, TABLES, "notes")

    def stop(self) -> None:
        """Close the file."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def _db(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the point store is not started")
        return self._engine

    def plan(self, batch: str) -> Plan | None:
        """Return what was noted of a batch."""
        with self._db.connect() as connection:
            row = connection.execute(select(_batches).where(_batches.c.batch == batch)).first()
        if row is None:
            return None
        masks = (_unpacked(row.written, row.n_rows), _unpacked(row.cleared, row.n_rows))
        return Plan(outcomes.read(row.outcome), *masks, bool(row.is_done))

    def newest(self) -> int:
        """Return the number of the newest note: it counts up by one for each batch, of whichever process."""
        with self._db.connect() as connection:
            return connection.execute(select(func.max(_batches.c.sequence))).scalar_one_or_none() or 0

    def begin(self, batch: str, plan: Plan, hours: Iterable[int]) -> int:
        """Note what is going to be done, and which hours (ns) that touches; returns the number of the newest note."""
        row = {
            "is_done": False,
            "outcome": outcomes.write(plan.outcome),
            "n_rows": len(plan.written),
            "written": np.packbits(plan.written).tobytes(),
            "cleared": np.packbits(plan.cleared).tobytes(),
        }
        touches = [{"hour": hour, "touched": 1} for hour in hours]
        with self._db.begin() as connection:
            statement = upsert(_batches).values(batch=batch, **row)
            connection.execute(statement.on_conflict_do_update(index_elements=["batch"], set_=row))
            if touches:
                touch = upsert(_hours).on_conflict_do_update(
                    index_elements=["hour"], set_={"touched": _hours.c.touched + 1}
                )
                connection.execute(touch, touches)
            return int(connection.execute(select(func.max(_batches.c.sequence))).scalar_one())

    def finish(self, batch: str, outcome: Outcome) -> None:
        """Note that a batch was carried out, and forget the oldest ones."""
        done = {"is_done": True, "outcome": outcomes.write(outcome), "written": b"", "cleared": b"", "n_rows": 0}
        with self._db.begin() as connection:
            connection.execute(update(_batches).where(_batches.c.batch == batch).values(**done))
            newest = connection.execute(select(func.max(_batches.c.sequence))).scalar_one()
            connection.execute(delete(_batches).where(_batches.c.sequence <= newest - KEPT_BATCHES))

    def touched(self) -> list[tuple[int, int]]:
        """Return (hour, touches) of the hours that points came to since they were last rolled up, oldest first."""
        with self._db.connect() as connection:
            return [(r.hour, r.touched) for r in connection.execute(select(_hours).order_by(_hours.c.hour))]

    def settle(self, hours: Sequence[tuple[int, int]]) -> None:
        """Note that hours are rolled up as of these touches."""
        with self._db.begin() as connection:
            for hour, touched in hours:
                connection.execute(delete(_hours).where(_hours.c.hour == hour, _hours.c.touched == touched))

    def floor(self) -> int:
        """Return the oldest time (ns) that is kept."""
        with self._db.connect() as connection:
            at = connection.execute(select(func.max(_floor.c.at))).scalar_one_or_none()
        return OLDEST_NS if at is None else int(at)

    def raise_floor(self, at: int) -> None:
        """Note that older points (ns) are not taken from now on."""
        statement = upsert(_floor).values(only=1, at=at)
        with self._db.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["only"], set_={"at": at}))


def _unpacked(packed: bytes, n: int) -> Mask:
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=n).astype(bool)
