"""The rhythms that tags keep, as they were learned, in the ledger: int ns by tag."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine, select

from store import tables
from store.sql import put


class Rhythms:
    """Period and allowed pause of tags on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> dict[str, tuple[int, int]]:
        """Return period and allowed pause by tag."""
        with self._engine.connect() as connection:
            return {r.tag_id: (r.period, r.allowed) for r in connection.execute(select(tables.rhythms))}

    def save(self, rhythms: Mapping[str, tuple[int, int]]) -> None:
        """Write rhythms, replacing those of the same tags."""
        rows = [{"tag_id": tag, "period": period, "allowed": allowed} for tag, (period, allowed) in rhythms.items()]
        with self._engine.begin() as connection:
            put(connection, tables.rhythms, rows, ["tag_id"], ["period", "allowed"])
