"""Events, lots, results and files in the ledger: every version kept, the latest one read.

Invariant: a row equal to its latest version is a duplicate; a different one becomes the next version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from domain.instants import from_ns, to_ns
from domain.records import Decoded, Event, EventKind, Lot, Outcome, Result
from store import tables


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a dump file's rows; rows_in counts items, received = stored + rejected + duplicates +
    conflicts.
    """

    sha256: str
    name: str
    loaded_at: datetime
    is_done: bool
    rows_in: int = 0
    stored: int = 0
    rejected: int = 0
    duplicates: int = 0
    conflicts: int = 0


class Records:
    """Events, lots, results and files on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def apply(self, batch: str, decoded: Sequence[Decoded]) -> Outcome:
        """Store the events, lots and results of a batch once; points are left alone."""
        rows = [
            *((tables.events, _EVENT_KEY, _event_row(e)) for d in decoded for e in d.events),
            *((tables.lots, _LOT_KEY, _lot_row(x)) for d in decoded for x in d.lots),
            *((tables.results, _RESULT_KEY, _result_row(r)) for d in decoded for r in d.results),
        ]
        if not rows:
            return Outcome()
        with self._engine.begin() as connection:
            known = connection.execute(select(tables.applied).where(tables.applied.c.batch == batch)).first()
            if known is not None:
                return Outcome(known.stored, known.duplicates)
            stored = sum(_add_version(connection, *row) for row in rows)
            outcome = Outcome(stored, len(rows) - stored)
            connection.execute(insert(tables.applied).values(batch=batch, stored=stored, duplicates=outcome.duplicates))
        return outcome

    def events(self, known_by: datetime, asset: str | None = None, kinds: Sequence[EventKind] = ()) -> list[Event]:
        """Return the latest version of each event known by an instant, by start."""
        t = tables.events
        rows = self._latest(t, _EVENT_KEY, t.c.known_at <= to_ns(known_by))
        return [
            Event(r.asset, EventKind(r.kind), r.code, from_ns(r.start), _at(r.end), from_ns(r.known_at), r.note)
            for r in sorted(rows, key=lambda r: r.start)
            if (asset is None or r.asset == asset) and (not kinds or r.kind in kinds)
        ]

    def lots(self, line: str, known_by: datetime, since: datetime | None = None) -> list[Lot]:
        """Return a line's lots known by an instant; with `since`, those that became known or ended after it; by end."""
        t = tables.lots
        where = and_(t.c.line == line, t.c.known_at <= to_ns(known_by))
        if since is not None:
            where = and_(where, or_(t.c.known_at > to_ns(since), t.c.end > to_ns(since)))
        rows = self._latest(t, _LOT_KEY, where)
        return [_lot(r) for r in sorted(rows, key=lambda r: (r.end or r.known_at, r.lot))]

    def lots_by_id(self, line: str, lots: Sequence[str]) -> list[Lot]:
        """Return the latest version of the named lots of a line; unknown ones are left out."""
        t = tables.lots
        rows = self._latest(t, _LOT_KEY, and_(t.c.line == line, t.c.lot.in_(lots)))
        return [_lot(r) for r in rows]

    def results(self, line: str, result: str, known_by: datetime, newest: int | None = None) -> list[Result]:
        """Return the latest known version of a line's results of one name, by result_at; all, or the `newest` ones."""
        t = tables.results
        where = and_(t.c.line == line, t.c.result == result, t.c.result_at <= to_ns(known_by))
        rows = self._latest(t, _RESULT_KEY, where, t.c.result_at.desc(), newest)
        return [
            Result(r.line, r.lot, r.result, r.value, from_ns(r.result_at), r.lab, r.text)
            for r in sorted(rows, key=lambda r: (r.result_at, r.lot))
        ]

    def counts(self) -> dict[str, int]:
        """Number of stored rows (all versions) of events, lots and results."""
        with self._engine.connect() as connection:
            return {
                t.name: int(connection.execute(select(func.count()).select_from(t)).scalar_one())
                for t in (tables.events, tables.lots, tables.results)
            }

    def file(self, sha256: str) -> FileReport | None:
        """Return the report of a file by its content's hash."""
        with self._engine.connect() as connection:
            row = connection.execute(select(tables.files).where(tables.files.c.sha256 == sha256)).first()
        return None if row is None else _file(row)

    def save_file(self, report: FileReport) -> None:
        """Write or replace a file's report."""
        values = {
            "name": report.name,
            "loaded_at": to_ns(report.loaded_at),
            "is_done": int(report.is_done),
            "rows_in": report.rows_in,
            "stored": report.stored,
            "rejected": report.rejected,
            "duplicates": report.duplicates,
            "conflicts": report.conflicts,
        }
        statement = upsert(tables.files).values(sha256=report.sha256, **values)
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_=values))

    def files(self) -> list[FileReport]:
        """Return all file reports, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.files).order_by(tables.files.c.loaded_at.desc())).all()
        return [_file(r) for r in rows]

    def _latest(
        self, table: Table, key: tuple[str, ...], where: Any, order: Any = None, most: int | None = None
    ) -> list[Any]:
        newest = (
            select(*(table.c[k] for k in key), func.max(table.c.version).label("version"))
            .where(where)
            .group_by(*(table.c[k] for k in key))
            .subquery()
        )
        match = and_(*(table.c[k] == newest.c[k] for k in (*key, "version")))
        with self._engine.connect() as connection:
            query = select(table).join(newest, match).order_by(order).limit(most)
            return list(connection.execute(query).all())


_EVENT_KEY = ("asset", "kind", "code", "start")
_LOT_KEY = ("line", "lot")
_RESULT_KEY = ("line", "lot", "result", "lab")


def _add_version(connection: Connection, table: Table, key: tuple[str, ...], row: dict[str, Any]) -> bool:
    match = and_(*(table.c[k] == row[k] for k in key))
    versions = connection.execute(select(table).where(match).order_by(table.c.version)).all()
    # When it became known is no part of what is said; and what was said before, an old version that is delivered again
    # included, says nothing new.
    said = {k: v for k, v in row.items() if k != "known_at"}
    if any(all(old._mapping[k] == v for k, v in said.items()) for old in versions):
        return False
    latest = versions[-1] if versions else None
    connection.execute(insert(table).values(**row, version=1 if latest is None else latest.version + 1))
    return True


def _event_row(e: Event) -> dict[str, Any]:
    return {
        "asset": e.asset,
        "kind": e.kind.value,
        "code": e.code,
        "start": to_ns(e.start),
        "end": _ns(e.end),
        "known_at": to_ns(e.known_at),
        "note": e.note,
    }


def _lot_row(x: Lot) -> dict[str, Any]:
    return {
        "line": x.line,
        "lot": x.lot,
        "start": _ns(x.start),
        "end": _ns(x.end),
        "known_at": to_ns(x.known_at),
        "process_values": json.dumps(dict(x.values), sort_keys=True),
    }


def _result_row(r: Result) -> dict[str, Any]:
    return {
        "line": r.line,
        "lot": r.lot,
        "result": r.result,
        "lab": r.lab,
        "value": r.value,
        "text": r.text,
        "result_at": to_ns(r.result_at),
    }


def _lot(r: Any) -> Lot:
    return Lot(r.line, r.lot, _at(r.start), _at(r.end), from_ns(r.known_at), json.loads(r.process_values))


def _file(row: Any) -> FileReport:
    counts = (row.rows_in, row.stored, row.rejected, row.duplicates, row.conflicts)
    return FileReport(row.sha256, row.name, from_ns(row.loaded_at), bool(row.is_done), *counts)


def _ns(at: datetime | None) -> int | None:
    return None if at is None else to_ns(at)


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else from_ns(ns)
