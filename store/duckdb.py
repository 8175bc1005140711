"""Telemetry on an embedded DuckDB file: Points in, Points out.

Invariants: one process owns the file; a (tag, time) is stored once and the first value wins; a batch id is applied
once.
No primary key on points (it would cost six times the load time): a batch is anti-joined as it is inserted.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from domain.instants import from_ns
from domain.points import Points
from domain.records import Conflict, Outcome

SCHEMA: Final = """
create table if not exists tags (tag_no integer, tag_id varchar);
create table if not exists points (
    tag_no integer, at_ns bigint, value double, text varchar, quality utinyint, flags uinteger, received_at bigint);
create table if not exists batches (
    sequence bigint, batch varchar, stored bigint, duplicates bigint, conflicts varchar);
"""
KEPT_BATCHES: Final = 10_000
_COLUMNS: Final = "t.tag_id, p.at_ns, p.value, p.text, p.quality, p.flags, p.received_at"


class StoreBusyError(Exception):
    """Another process owns the telemetry file."""


class DuckDBPoints:
    """`PointStore` in `folder/telemetry.duckdb`. Thread-safe: one writer at a time, readers beside it."""

    def __init__(self, folder: Path, memory_limit: str = "1GB", threads: int = 2) -> None:
        self._file = folder / "telemetry.duckdb"
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": str(threads),
            "memory_limit": memory_limit,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "enable_external_access": "false",
        }
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._tag_no: dict[str, int] = {}
        self._sequence = 0

    def start(self) -> None:
        """Open or create the file; raises StoreBusyError where another process has it."""
        if self._connection is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self._file), config=self._config)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise StoreBusyError(f"{self._file} belongs to a running Forewarn") from error
            raise
        connection.execute(SCHEMA)
        self._connection = connection
        self._tag_no = dict(connection.execute("select tag_id, tag_no from tags").fetchall())
        row = connection.execute("select coalesce(max(sequence), 0) from batches").fetchone()
        self._sequence = row[0] if row else 0

    def stop(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store a batch once; see `PointStore.apply`."""
        with self._lock, self._transaction() as cursor:
            row = cursor.execute(
                "select stored, duplicates, conflicts from batches where batch = ?", [batch]
            ).fetchone()
            if row is not None:
                return Outcome(row[0], row[1], _read_conflicts(row[2]))
            outcome = self._insert(cursor, points)
            self._sequence += 1
            cursor.execute(
                "insert into batches values (?, ?, ?, ?, ?)",
                [
                    self._sequence,
                    batch,
                    outcome.stored,
                    outcome.duplicates,
                    _write_conflicts(outcome.conflicts),
                ],
            )
            if self._sequence % 1000 == 0:
                cursor.execute("delete from batches where sequence <= ?", [self._sequence - KEPT_BATCHES])
            return outcome

    def read(self, tag_ids: Sequence[str], start: int, end: int) -> Points:
        """Return points in [start, end) ns, by tag in the order asked, then by time."""
        return self._select(tag_ids, "p.at_ns >= ? and p.at_ns < ?", [start, end], "w.place, p.at_ns")

    def latest(self, tag_ids: Sequence[str], until: int) -> Points:
        """Return the newest point of each tag before `until` ns."""
        return self._select(
            tag_ids,
            "p.at_ns < ?",
            [until],
            "w.place",
            "qualify row_number() over (partition by p.tag_no order by p.at_ns desc) = 1",
        )

    def oldest_first(self, tag_ids: Sequence[str], since: int, until: int, most: int) -> Points:
        """Return up to `most` points with since < at <= until, oldest first."""
        return self._select(
            tag_ids, "p.at_ns > ? and p.at_ns <= ?", [since, until], f"p.at_ns, w.place limit {int(most)}"
        )

    def count(self) -> int:
        """Number of points stored."""
        row = self._cursor().execute("select count(*) from points").fetchone()
        return int(row[0]) if row else 0

    def bucketed(self, tag_id: str, start: int, end: int, n_buckets: int) -> Points:
        """Return the lowest and highest value of each of `n_buckets` equal parts of [start, end), in time order."""
        width = max(1, -((start - end) // n_buckets))  # rounded up, or there would be a bucket more
        bucket = f"partition by (p.at_ns - {int(start)}) // {int(width)}"
        keep = (
            f"qualify row_number() over ({bucket} order by p.value, p.at_ns) = 1 "
            f"or row_number() over ({bucket} order by p.value desc nulls last, p.at_ns) = 1"
        )
        return self._select([tag_id], "p.at_ns >= ? and p.at_ns < ?", [start, end], "p.at_ns", keep)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError("the point store is not started")
        return self._connection.cursor()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._cursor()
        cursor.execute("begin")
        try:
            yield cursor
            cursor.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has rolled back by itself
                cursor.execute("rollback")
            self._tag_no = dict(cursor.execute("select tag_id, tag_no from tags").fetchall())
            raise

    def _select(self, tag_ids: Sequence[str], where: str, values: list[Any], order: str, keep: str = "") -> Points:
        wanted = [(self._tag_no[t], place) for place, t in enumerate(tag_ids) if t in self._tag_no]
        if not wanted:
            return Points.from_rows(())
        numbers, places = zip(*wanted, strict=True)
        query = (
            f"select {_COLUMNS} from points p join (select unnest(?) as tag_no, unnest(?) as place) w using (tag_no) "  # noqa: S608
            f"join tags t using (tag_no) where {where} {keep} order by {order}"
        )
        found = self._cursor().execute(query, [list(numbers), list(places), *values]).fetchnumpy()
        return Points(
            _filled(found["tag_id"], None, object),
            _filled(found["at_ns"], 0, np.int64),
            _filled(found["value"], np.nan, np.float64),
            _filled(found["text"], None, object),
            _filled(found["quality"], 0, np.uint8),
            _filled(found["flags"], 0, np.uint32),
            _filled(found["received_at"], 0, np.int64),
        )

    def _insert(self, cursor: duckdb.DuckDBPyConnection, points: Points) -> Outcome:
        if not len(points):
            return Outcome()
        tag_no = self._numbers(cursor, points.tag_id)
        first = _first_of_key(tag_no, points.at)  # row of the first point with the same key
        row = np.arange(len(points), dtype=np.int64)
        cursor.register("incoming", {"row": row, "tag_no": tag_no, "at_ns": points.at})
        found = cursor.execute(
            "select i.row, p.value, p.text from incoming i join points p on p.tag_no = i.tag_no and p.at_ns = i.at_ns "
            "where p.at_ns between ? and ?",
            [int(points.at.min()), int(points.at.max())],
        ).fetchnumpy()
        cursor.unregister("incoming")
        value, text = points.value[first].copy(), points.text[first].copy()  # what the row is held against
        stored_already = _filled(found["row"], 0, np.int64)
        value[stored_already] = _filled(found["value"], np.nan, np.float64)
        text[stored_already] = _filled(found["text"], None, object)
        is_new = first == row
        is_new[stored_already] = False
        is_same = ((value == points.value) | (np.isnan(value) & np.isnan(points.value))) & (text == points.text)
        lost = np.flatnonzero(~is_new & ~is_same)
        conflicts = tuple(
            Conflict(
                str(points.tag_id[i]),
                from_ns(points.at[i]),
                _shown(value[i], text[i]),
                _shown(points.value[i], points.text[i]),
            )
            for i in lost
        )
        new = points.take(is_new)
        fresh = {
            "tag_no": tag_no[is_new],
            "at_ns": new.at,
            "value": new.value,
            "text": new.text,
            "quality": new.quality,
            "flags": new.flags,
            "received_at": new.received_at,
        }
        if len(new):
            cursor.register("fresh", fresh)
            cursor.execute(
                "insert into points select tag_no, at_ns, case when isnan(value) then null else value end, text, "
                "quality, flags, received_at from fresh"
            )
            cursor.unregister("fresh")
        n_new = int(is_new.sum())
        return Outcome(n_new, len(points) - n_new - len(lost), conflicts)

    def _numbers(self, cursor: duckdb.DuckDBPyConnection, tag_ids: NDArray[np.object_]) -> NDArray[np.int32]:
        names, inverse = np.unique(tag_ids.astype(str), return_inverse=True)
        for name in names.tolist():
            if name not in self._tag_no:
                number = len(self._tag_no) + 1
                cursor.execute("insert into tags values (?, ?)", [number, name])
                self._tag_no[name] = number
        return np.array([self._tag_no[n] for n in names.tolist()], dtype=np.int32)[inverse]


def _first_of_key(tag_no: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.lexsort((np.arange(len(at)), at, tag_no))
    is_start = np.ones(len(at), dtype=bool)
    is_start[1:] = (np.diff(tag_no[order]) != 0) | (np.diff(at[order]) != 0)
    first = np.empty(len(at), dtype=np.int64)
    first[order] = order[is_start][np.cumsum(is_start) - 1]
    return first


def _filled(column: Any, null: Any, dtype: Any) -> NDArray[Any]:
    if isinstance(column, np.ma.MaskedArray):
        data = np.array(column.data, dtype=dtype)
        data[np.ma.getmaskarray(column)] = null
        return data
    return np.asarray(column, dtype=dtype)


def _shown(value: float, text: str | None) -> str:
    return text if text is not None else "null" if np.isnan(value) else repr(float(value))


def _write_conflicts(conflicts: Sequence[Conflict]) -> str:
    return json.dumps([[c.key, c.at.isoformat(), c.stored, c.offered] for c in conflicts])


def _read_conflicts(text: str) -> tuple[Conflict, ...]:
    from datetime import datetime

    return tuple(Conflict(k, datetime.fromisoformat(at), s, o) for k, at, s, o in json.loads(text))
