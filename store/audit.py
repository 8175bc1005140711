"""The audit log in the ledger: deeds appended to one chain, and read back with what is wrong with it.

Invariant: rows are only ever added, each in one transaction with the new head; writers take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select, update

from domain.audit import Deed, Head, Link, chain_faults, digest
from domain.instants import from_ns, to_ns
from store import tables
from store.sql import put, storable_text, take_turns

__all__ = ["Audit", "Deed", "record"]
HEAD: Final = "audit_head"  # a note of the ledger
ROWS_AT_ONCE: Final = 1000
_TEXTS: Final = ("by", "action", "subject", "old", "new", "reason", "origin")


class Audit:
    """The deeds on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save(self, *deeds: Deed) -> None:
        """Append deeds that changed nothing else in the ledger, all or none."""
        with self._engine.begin() as connection:
            for deed in deeds:
                record(connection, deed)

    def deeds(self, subject: str | None = None, most: int = 1000, since: datetime | None = None) -> Sequence[Deed]:
        """Return the newest deeds first, of one subject or of all, from an instant on or of any time."""
        t = tables.audit
        query = select(t).order_by(t.c.id.desc()).limit(most)
        if subject is not None:
            query = query.where(t.c.subject == subject)
        if since is not None:
            query = query.where(t.c.at >= to_ns(since))
        with self._engine.connect() as connection:
            return [_deed(row) for row in connection.execute(query)]

    def head(self) -> Head:
        """Return where the chain ends."""
        with self._engine.connect() as connection:
            return _head(connection)

    def faults(self, noted: Head | None = None) -> list[str]:
        """Return what is wrong with the chain. noted: a head that was kept elsewhere."""
        with self._engine.connect() as connection:
            head = _head(connection)  # first: a row that is added meanwhile is no fault
            return list(chain_faults(_links(connection, head.number), head, noted))


def record(connection: Connection, deed: Deed) -> None:
    """Append a deed in the transaction of what was done."""
    put(connection, tables.meta, [{"name": HEAD, "value": str(Head())}], ["name"])  # takes SQLite's lock
    take_turns(connection, "audit")
    last = _head(connection)
    said = Deed(deed.at, *(storable_text(str(getattr(deed, name))) for name in _TEXTS))
    head = Head(last.number + 1, digest(last.digest, last.number + 1, said))
    row = {name: getattr(said, name) for name in _TEXTS}
    connection.execute(insert(tables.audit).values(id=head.number, at=to_ns(said.at), digest=head.digest, **row))
    connection.execute(update(tables.meta).where(tables.meta.c.name == HEAD).values(value=str(head)))


def _head(connection: Connection) -> Head:
    held = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == HEAD)).scalar_one_or_none()
    return Head() if held is None else Head.of(held)


def _links(connection: Connection, last: int) -> Iterator[Link]:
    """Yield the rows up to a number, and those beyond it that no head names, such as one whose number was changed."""
    t, after = tables.audit, -(2**62)
    while rows := connection.execute(select(t).where(t.c.id > after).order_by(t.c.id).limit(ROWS_AT_ONCE)).all():
        for row in rows:
            if row.id > last and _is_newer(connection, last):
                return
            yield Link(row.id, _deed(row), row.digest)
        after = rows[-1].id


def _is_newer(connection: Connection, last: int) -> bool:
    """Whether the head has moved on since it was read: then rows beyond `last` are new ones, and not forged."""
    return _head(connection).number > last


def _deed(row: Any) -> Deed:
    return Deed(from_ns(row.at), *(getattr(row, name) for name in _TEXTS))
