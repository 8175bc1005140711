"""What people and the service have changed: one append-only row each, with who, when, what, old, new and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select

from domain.instants import from_ns, to_ns
from store import tables
from store.sql import storable_text


@dataclass(frozen=True, slots=True)
class Deed:
    """One change. action: such as `model promoted`; subject: what was changed; old, new: "" where there was none."""

    at: datetime
    by: str
    action: str
    subject: str
    old: str
    new: str
    reason: str


class Audit:
    """The deeds on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, deed: Deed) -> None:
        """Append a deed that changed nothing else in the ledger."""
        with self._engine.begin() as connection:
            record(connection, deed)

    def deeds(self, subject: str | None = None, most: int = 1000) -> Sequence[Deed]:
        """Return the newest deeds first, of one subject or of all."""
        t = tables.audit
        query = select(t).order_by(t.c.id.desc()).limit(most)
        if subject is not None:
            query = query.where(t.c.subject == subject)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Deed(from_ns(r.at), r.by, r.action, r.subject, r.old, r.new, r.reason) for r in rows]


def record(connection: Connection, deed: Deed) -> None:
    """Append a deed in the transaction of what was done."""
    connection.execute(
        insert(tables.audit).values(
            at=to_ns(deed.at),
            by=storable_text(deed.by),
            action=deed.action,
            subject=deed.subject,
            old=deed.old,
            new=deed.new,
            reason=storable_text(deed.reason),
        )
    )
