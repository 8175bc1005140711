"""What was deleted for its age or for room, and the deleting of what the ledger itself holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, select

from domain.instants import from_ns, to_ns
from store import tables
from store.outbox import delete_old
from store.sql import put


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one clearing deleted: n rows, points or files."""

    at: datetime
    what: str
    n: int
    note: str


class Upkeep:
    """Clearing on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save_cleared(self, at: datetime, deleted: Mapping[str, int], note: str) -> None:
        """Record what was deleted, by kind; kinds of which nothing was deleted are left out."""
        rows = [{"at": to_ns(at), "what": what, "n": n, "note": note} for what, n in deleted.items() if n]
        with self._engine.begin() as connection:
            put(connection, tables.cleared, rows, ("at", "what"), ("n", "note"))

    def cleared(self, most: int = 100) -> list[Cleared]:
        """Return the newest clearings first."""
        t = tables.cleared
        with self._engine.connect() as connection:
            rows = connection.execute(select(t).order_by(t.c.at.desc(), t.c.what).limit(most)).all()
        return [Cleared(from_ns(r.at), r.what, r.n, r.note) for r in rows]

    def delete_scores(self, before: datetime) -> int:
        """Delete the scores of windows that ended before an instant, with what they were; returns how many."""
        with self._engine.begin() as connection:
            connection.execute(delete(tables.former_scores).where(tables.former_scores.c.at < to_ns(before)))
            return connection.execute(delete(tables.scores).where(tables.scores.c.at < to_ns(before))).rowcount

    def delete_requests(self, before: datetime) -> int:
        """Delete what commands asked of the service and was answered before an instant; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(delete(tables.requests).where(tables.requests.c.done_at < to_ns(before))).rowcount

    def delete_messages(self, before: datetime) -> int:
        """Delete notifications that were sent or given up before an instant; returns how many. Alerts stay."""
        with self._engine.begin() as connection:
            return delete_old(connection, before)
