"""Rulings on warnings and autopsies of stops in the ledger; rows are added and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, insert, select

from domain.instants import from_ns, to_ns
from domain.rulings import Ruling, Worth
from store import tables
from store.audit import Deed, record
from store.sql import storable_text

IDS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class AutopsyRow:
    """Why one stop came without a warning of one detector. evidence: JSON data; `reports.autopsy` reads it."""

    asset: str
    start: datetime
    code: str
    detector: str
    at: datetime
    finding: str
    evidence: Mapping[str, Any]


class Rulings:
    """Rulings and autopsies on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, rulings: Sequence[Ruling], deed: Deed | None = None) -> None:
        """Append rulings, and record the deed of the person who made them, in one transaction."""
        with self._engine.begin() as connection:
            if rulings:
                connection.execute(insert(tables.rulings), [_row(r) for r in rulings])
            if deed is not None:
                record(connection, deed)

    def all(self, alert_ids: Sequence[str] | None = None) -> list[Ruling]:
        """Return rulings in the order in which they were made, of all alerts or of the named ones."""
        t = tables.rulings
        if alert_ids is None:
            return self._read(select(t).order_by(t.c.id))
        parts = [alert_ids[i : i + IDS_AT_ONCE] for i in range(0, len(alert_ids), IDS_AT_ONCE)]
        return [r for ids in parts for r in self._read(select(t).where(t.c.alert_id.in_(ids)).order_by(t.c.id))]

    def add_autopsies(self, rows: Sequence[AutopsyRow]) -> None:
        """Append autopsies."""
        values = [
            {
                "asset": r.asset,
                "start": to_ns(r.start),
                "code": r.code,
                "detector": r.detector,
                "at": to_ns(r.at),
                "finding": r.finding,
                "evidence": json.dumps(r.evidence, sort_keys=True),
            }
            for r in rows
        ]
        if values:
            with self._engine.begin() as connection:
                connection.execute(insert(tables.autopsies), values)

    def autopsies(self, asset: str | None = None) -> list[AutopsyRow]:
        """Return the newest autopsy of each stop and detector, the latest stop first."""
        t = tables.autopsies
        query = select(t).order_by(t.c.id)
        if asset is not None:
            query = query.where(t.c.asset == asset)
        with self._engine.connect() as connection:
            rows = [
                AutopsyRow(
                    r.asset, from_ns(r.start), r.code, r.detector, from_ns(r.at), r.finding, json.loads(r.evidence)
                )
                for r in connection.execute(query)
            ]
        newest = {(r.asset, r.start, r.code, r.detector): r for r in rows}
        return sorted(newest.values(), key=lambda r: (-to_ns(r.start), r.asset, r.code, r.detector))

    def _read(self, query: Select[Any]) -> list[Ruling]:
        with self._engine.connect() as connection:
            return [
                Ruling(
                    r.alert_id,
                    from_ns(r.said_at),
                    Worth(r.worth),
                    from_ns(r.at),
                    r.by,
                    r.because,
                    r.cause,
                    r.found,
                    None if r.acted_at is None else from_ns(r.acted_at),
                )
                for r in connection.execute(query)
            ]


def _row(r: Ruling) -> dict[str, Any]:
    return {
        "alert_id": r.alert_id,
        "said_at": to_ns(r.said_at),
        "worth": r.worth.value,
        "at": to_ns(r.at),
        "by": storable_text(r.by),
        "because": r.because,
        "cause": storable_text(r.cause),
        "found": storable_text(r.found),
        "acted_at": None if r.acted_at is None else to_ns(r.acted_at),
    }
