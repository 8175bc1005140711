"""Events, lots, results and files in the ledger: every version kept, the latest one read.

Invariant: a row equal to its latest version is a duplicate; a different one becomes the next version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, and_, column, delete, func, insert, or_, select, update
from sqlalchemy import values as literal_rows

from domain.instants import from_ns, to_ns
from domain.records import Decoded, Event, EventKind, Lot, Outcome, Result
from store import tables
from store.sql import put, storable_number, storable_text, take_turns

KEPT_BATCHES: Final = 100_000
FORGETTING_EVERY: Final = 100
KEYS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a dump file's rows; rows_in counts items, received = stored + rejected + duplicates +
    conflicts. config: fingerprint of the config that it was read by. is_version: its values win over those stored.
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
    config: str = ""
    is_version: bool = False


@dataclass(frozen=True, slots=True)
class FileReading:
    """That a file of this name and content was read; the points that it supplied were received at `loaded_at`."""

    sha256: str
    name: str
    loaded_at: datetime


class Records:
    """Events, lots, results and files on one engine."""

    def __init__(self, engine: Engine, kept_batches: int = KEPT_BATCHES) -> None:
        self._engine, self._kept_batches = engine, kept_batches

    def apply(self, batch: str, decoded: Sequence[Decoded]) -> Outcome:
        """Store the events, lots and results of a batch once; points are left alone."""
        rows = (
            (tables.events, _EVENT_KEY, [_event_row(e) for d in decoded for e in d.events]),
            (tables.lots, _LOT_KEY, [_lot_row(x) for d in decoded for x in d.lots]),
            (tables.results, _RESULT_KEY, [_result_row(r) for d in decoded for r in d.results]),
        )
        n_rows = sum(len(each) for _, _, each in rows)
        if not n_rows:
            return Outcome()
        with self._engine.begin() as connection:
            take_turns(connection, "records")
            # A write first, so that the transaction holds the lock and no other can apply or number rows meanwhile.
            if not put(connection, tables.applied, [{"batch": batch, "stored": 0, "duplicates": 0}], ["batch"]):
                known = connection.execute(select(tables.applied).where(tables.applied.c.batch == batch)).one()
                return Outcome(known.stored, known.duplicates)
            stored = sum(_add_versions(connection, *each) for each in rows)
            outcome = Outcome(stored, n_rows - stored)
            self._note_applied(connection, batch, outcome)
        return outcome

    def _note_applied(self, connection: Connection, batch: str, outcome: Outcome) -> None:
        t = tables.applied
        sequence = int(connection.execute(select(func.coalesce(func.max(t.c.sequence), 0))).scalar_one()) + 1
        values = {"stored": outcome.stored, "duplicates": outcome.duplicates, "sequence": sequence}
        connection.execute(update(t).where(t.c.batch == batch).values(**values))
        if sequence % FORGETTING_EVERY == 0:
            connection.execute(delete(t).where(t.c.sequence <= sequence - self._kept_batches))

    def events(self, known_by: datetime, asset: str | None = None, kinds: Sequence[EventKind] = ()) -> list[Event]:
        """Return the latest version of each event known by an instant, by start."""
        t = tables.events
        rows = self._latest(t, _EVENT_KEY, t.c.known_at <= to_ns(known_by))
        return [
            _event(r)
            for r in sorted(rows, key=lambda r: r.start)
            if (asset is None or r.asset == asset) and (not kinds or r.kind in kinds)
        ]

    def first_told(self, known_by: datetime) -> list[Event]:
        """Return the first version of each event known by an instant, by start: its `known_at` is when it was first
        known to have begun.
        """
        t = tables.events
        query = select(t).where(t.c.known_at <= to_ns(known_by)).order_by(t.c.start, t.c.known_at, t.c.version)
        first: dict[tuple[Any, ...], Any] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                first.setdefault(tuple(getattr(row, k) for k in _EVENT_KEY), row)
        return [_event(r) for r in first.values()]

    def lots(self, line: str, known_by: datetime, since: datetime | None = None) -> list[Lot]:
        """Return a line's lots known by an instant; with `since`, those that became known or ended after it; by end."""
        t = tables.lots
        where = and_(t.c.line == line, t.c.known_at <= to_ns(known_by))
        if since is not None:
            where = and_(where, or_(t.c.known_at > to_ns(since), t.c.end > to_ns(since)))
        rows = self._latest(t, _LOT_KEY, where)
        return [_lot(r) for r in sorted(rows, key=lambda r: (r.end or r.known_at, r.lot))]

    def results(self, line: str, result: str, known_by: datetime, newest: int | None = None) -> list[Result]:
        """Return the latest known version of a line's results of one name, by result_at; all, or the `newest` ones."""
        t = tables.results
        where = and_(t.c.line == line, t.c.result == result, t.c.result_at <= to_ns(known_by))
        rows = self._latest(t, _RESULT_KEY, where, t.c.result_at.desc(), newest)
        return [_result(r) for r in sorted(rows, key=lambda r: (r.result_at, r.lot))]

    def result_versions(self, line: str, result: str, known_by: datetime, newest: int | None = None) -> list[Result]:
        """Return every version, known by an instant, of a line's results of one name, by version; of all lots, or of
        the `newest` ones that were first known.
        """
        t = tables.results
        where = and_(t.c.line == line, t.c.result == result, t.c.result_at <= to_ns(known_by))
        query = select(t).where(where).order_by(t.c.version, t.c.result_at, t.c.lot)
        if newest is not None:
            first = func.min(t.c.result_at).desc()
            last = select(t.c.lot).where(where).group_by(t.c.lot).order_by(first, t.c.lot).limit(newest).subquery()
            query = query.join(last, t.c.lot == last.c.lot)
        with self._engine.connect() as connection:
            return [_result(r) for r in connection.execute(query)]

    def result_names(self, line: str) -> list[str]:
        """Return the names of the results that a line's lots have."""
        query = select(tables.results.c.result).where(tables.results.c.line == line).distinct()
        with self._engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def results_of(self, line: str, lots: Sequence[str]) -> list[Result]:
        """Return every version of all results of the named lots of a line, by result_at, then by version."""
        return [_result(r) for r in self._versions(tables.results, line, lots, tables.results.c.result_at)]

    def lots_of(self, line: str, lots: Sequence[str]) -> list[Lot]:
        """Return every version of the named lots of a line, the latest last."""
        return [_lot(r) for r in self._versions(tables.lots, line, lots)]

    def _versions(self, t: Table, line: str, lots: Sequence[str], *order: Any) -> list[Any]:
        where = and_(t.c.line == line, t.c.lot.in_([storable_text(x) for x in lots]))
        with self._engine.connect() as connection:
            return list(connection.execute(select(t).where(where).order_by(*order, t.c.version)).all())

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

    def readings(self, name: str, sha256: str) -> list[FileReading]:
        """Return when a file was read, under this name or with this content, oldest first."""
        t = tables.readings
        query = select(t).where(or_(t.c.name == storable_text(name), t.c.sha256 == sha256)).order_by(t.c.loaded_at)
        with self._engine.connect() as connection:
            return [FileReading(r.sha256, r.name, from_ns(r.loaded_at)) for r in connection.execute(query)]

    def begin_file(self, report: FileReport) -> FileReport:
        """Write or replace the report of a file that is about to be read, and note the reading.

        Returns it with its own `loaded_at`: an instant that no other reading has, by which its points are known.
        """
        t = tables.readings
        with self._engine.begin() as connection:
            take_turns(connection, "records")
            self._put_file(connection, report)  # a write first, so that no other reading takes the same instant
            at = to_ns(report.loaded_at)
            while connection.execute(select(t.c.name).where(t.c.loaded_at == at)).first() is not None:
                at += 1_000
            own = replace(report, loaded_at=from_ns(at))
            put(
                connection, t, [{"loaded_at": at, "name": storable_text(own.name), "sha256": own.sha256}], ["loaded_at"]
            )
            self._put_file(connection, own)
        return own

    def unfinished_files(self) -> list[FileReport]:
        """Return the reports of the files that were not loaded to their end."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.files).where(tables.files.c.is_done == 0)).all()
        return [_file(row) for row in rows]

    def save_file(self, report: FileReport) -> None:
        """Write or replace a file's report."""
        with self._engine.begin() as connection:
            self._put_file(connection, report)

    def _put_file(self, connection: Connection, report: FileReport) -> None:
        values = {
            "name": storable_text(report.name),
            "loaded_at": to_ns(report.loaded_at),
            "is_done": int(report.is_done),
            "rows_in": report.rows_in,
            "stored": report.stored,
            "rejected": report.rejected,
            "duplicates": report.duplicates,
            "conflicts": report.conflicts,
            "config": report.config,
            "is_version": int(report.is_version),
        }
        put(connection, tables.files, [{"sha256": report.sha256, **values}], ["sha256"], tuple(values))

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


def _event(r: Any) -> Event:
    return Event(r.asset, EventKind(r.kind), r.code, from_ns(r.start), _at(r.end), from_ns(r.known_at), r.note)


_EVENT_KEY = ("asset", "kind", "code", "start")
_LOT_KEY = ("line", "lot")
_RESULT_KEY = ("line", "lot", "result", "lab")


def _add_versions(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows that say something new of their key, each as its next version; returns how many.

    When it became known is no part of what is said; and what was said before, an old version that is delivered again
    included, says nothing new.
    """
    told = [name for name in (rows[0] if rows else ()) if name != "known_at"]
    wanted = list({tuple(row[k] for k in key): None for row in rows})
    said: set[tuple[Any, ...]] = set()
    newest: dict[tuple[Any, ...], int] = {}
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        keys = literal_rows(*(column(k, table.c[k].type) for k in key), name="keys").data(
            wanted[start : start + KEYS_AT_ONCE]
        )
        asked = keys.cte("asked")
        query = select(table).join(asked, and_(*(table.c[k] == asked.c[k] for k in key)))
        for held in connection.execute(query).mappings():
            said.add(tuple(held[name] for name in told))
            of = tuple(held[k] for k in key)
            newest[of] = max(newest.get(of, 0), held["version"])
    fresh = []
    for row in rows:
        says, of = tuple(row[name] for name in told), tuple(row[k] for k in key)
        if says not in said:
            said.add(says)
            newest[of] = newest.get(of, 0) + 1
            fresh.append({**row, "version": newest[of]})
    if fresh:
        connection.execute(insert(table), fresh)
    return len(fresh)


def _event_row(e: Event) -> dict[str, Any]:
    return {
        "asset": e.asset,
        "kind": e.kind.value,
        "code": storable_text(e.code),
        "start": to_ns(e.start),
        "end": _ns(e.end),
        "known_at": to_ns(e.known_at),
        "note": storable_text(e.note),
    }


def _lot_row(x: Lot) -> dict[str, Any]:
    return {
        "line": x.line,
        "lot": storable_text(x.lot),
        "start": _ns(x.start),
        "end": _ns(x.end),
        "known_at": to_ns(x.known_at),
        "process_values": json.dumps(dict(x.values), sort_keys=True),
        "process_texts": json.dumps(dict(x.texts), sort_keys=True),
    }


def _result_row(r: Result) -> dict[str, Any]:
    return {
        "line": r.line,
        "lot": storable_text(r.lot),
        "result": storable_text(r.result),
        "lab": storable_text(r.lab),
        "value": storable_number(r.value),
        "text": None if r.text is None else storable_text(r.text),
        "result_at": to_ns(r.result_at),
    }


def _lot(r: Any) -> Lot:
    values, texts = json.loads(r.process_values), json.loads(r.process_texts)
    return Lot(r.line, r.lot, _at(r.start), _at(r.end), from_ns(r.known_at), values, texts)


def _result(r: Any) -> Result:
    return Result(r.line, r.lot, r.result, r.value, from_ns(r.result_at), r.lab, r.text)


def _file(row: Any) -> FileReport:
    counts = (row.rows_in, row.stored, row.rejected, row.duplicates, row.conflicts)
    return FileReport(
        row.sha256, row.name, from_ns(row.loaded_at), bool(row.is_done), *counts, row.config, bool(row.is_version)
    )


def _ns(at: datetime | None) -> int | None:
    return None if at is None else to_ns(at)


def _at(ns: int | None) -> datetime | None:
    return None if ns is None else from_ns(ns)
