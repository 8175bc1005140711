"""Which process leads: one row per kind of work, held for a while and renewed.

Invariant: at one instant at most one holder has an unexpired lease, whatever processes share the ledger.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select, update

from domain.instants import to_ns
from store import tables
from store.sql import put


class Leases:
    """The leases on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, name: str, holder: str, now: datetime, span: timedelta, gone: str | None = None) -> bool:
        """Take or renew a lease until now + span; returns whether it is the holder's.

        gone: a holder that is known to have ended, whose lease may be taken at once.
        """
        t = tables.leases
        until = to_ns(now + span)
        with self._engine.begin() as connection:
            is_free = t.c.holder.in_([holder] if gone is None else [holder, gone]) | (t.c.until <= to_ns(now))
            mine = update(t).where(t.c.name == name, is_free).values(holder=holder, until=until)
            if connection.execute(mine).rowcount:
                return True
            return put(connection, t, [{"name": name, "holder": holder, "until": until}], ["name"]) == 1

    def holder(self, name: str) -> str | None:
        """Return who holds a lease or held it last; None where nobody ever did."""
        t = tables.leases
        with self._engine.connect() as connection:
            return connection.execute(select(t.c.holder).where(t.c.name == name)).scalar_one_or_none()

    def give_back(self, name: str, holder: str) -> None:
        """End the holder's lease, so that another need not wait."""
        t = tables.leases
        with self._engine.begin() as connection:
            connection.execute(delete(t).where(t.c.name == name, t.c.holder == holder))
