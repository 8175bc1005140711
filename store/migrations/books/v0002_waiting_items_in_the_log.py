"""The items that wait move from a table into the log of segments, and the books count what is settled only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from domain.instants import from_ns
from domain.points import Points
from domain.records import Decoded, Event, EventKind, Lot, Result
from store import codec
from store.segments import Entry, Segments

revision = "0002"
down_revision = "0001"
HOUR_NS = 3_600_000_000_000


def upgrade() -> None:
    """Take the step. The log is written and synced first: if the step is broken off, it is written anew."""
    connection = op.get_bind()
    _move_waiting(connection)
    connection.execute(
        sa.text(
            "update tallies set received = received - coalesce((select sum(n_items) from journal j "
            "where j.source = tallies.source and j.hour = tallies.hour), 0)"
        )
    )
    op.drop_table("journal")
    op.create_table(
        "log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.rename_table("dead_letters", "dead_letters_before")
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("n_items", sa.Integer(), nullable=False),
        sa.Column("replayed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    connection.execute(
        sa.text(
            "insert into dead_letters (id, source, hour, received_at, topic, part, reason, detail, payload, sha256, "
            "n_items) select id, source, received_at - received_at % :hour, received_at, topic, '', reason, detail, "
            "payload, sha256, 1 from dead_letters_before order by id"
        ),
        {"hour": HOUR_NS},
    )
    op.drop_table("dead_letters_before")
    op.create_index("dead_letters_reason", "dead_letters", ["reason"])


def _move_waiting(connection: sa.Connection) -> None:
    rows = connection.execute(sa.text("select source, received_at, n_items, record from journal order by id")).all()
    folder = Path(str(connection.engine.url.database)).parent / "journal"
    for left_over in folder.glob("*"):
        left_over.unlink()
    if not rows:
        return
    segments = Segments(folder)
    segments.open(1, 0)
    for row in rows:
        record = codec.write(_read(row.record, row.received_at))
        segments.append([Entry(row.source, row.received_at, row.n_items, record)])
    segments.close()


def _read(record: bytes, received_at: int) -> Decoded:
    """Return the items of a record as 0.1.0 wrote it."""
    data: Mapping[str, Any] = orjson.loads(record)
    tag_id, at, value, text, quality, flags = list(zip(*data["points"], strict=True)) or [()] * 6
    return Decoded(
        Points.of(tag_id, at, value, text, quality, flags, [received_at] * len(at)),
        tuple(
            Event(a, EventKind(k), c, from_ns(s), _at(e), from_ns(n), note) for a, k, c, s, e, n, note in data["events"]
        ),
        tuple(Lot(line, lot, _at(s), _at(e), from_ns(k), v) for line, lot, s, e, k, v in data["lots"]),
        tuple(Result(line, lot, r, v, from_ns(at), lab, t) for line, lot, r, v, at, lab, t in data["results"]),
    )


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else from_ns(ns)
