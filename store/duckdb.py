"""Telemetry on an embedded DuckDB file: Points in, Points out.

Invariants: one process owns the file; a (tag, time) is stored once and the first value wins; a batch id is applied
once.
No primary key on points (it would cost six times the load time): what may be stored already, because a newer point of
its tag is, is looked up as a batch is inserted.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from domain.errors import StoreAwayError, StoreBusyError
from domain.points import Points, Rollup, run_starts
from domain.records import Outcome
from store import duckdb_reads as reads
from store.duckdb_reads import filled
from store.duckdb_steps import bring_up_to_date, refuse_newer
from store.duckdb_threads import Threads
from store.matching import HOUR_NS, NOTHING_HELD, OLDEST_NS, Held, judge, refusals, spans, texts_of
from store.outcomes import read_conflicts, read_refused, write_conflicts, write_refused
from store.settings import DuckDBSettings

AWAY: Final = (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)
KEPT_BATCHES: Final = 10_000
MANY: Final = 200_000  # rows that are worth all threads
STAGING: Final = "snapshot.tmp"


class DuckDBPoints:
    """`PointStore` in `folder/telemetry.duckdb`. Thread-safe: one writer at a time, readers beside it."""

    def __init__(self, folder: Path, settings: DuckDBSettings | None = None) -> None:
        settings = settings or DuckDBSettings()
        self._file = folder / "telemetry.duckdb"
        self._staging = folder.resolve() / STAGING
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "threads": "1",
            "memory_limit": settings.memory_limit,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        self._threads = Threads(settings.threads)
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._is_broken = False  # DuckDB gave it up, and it could not be opened again yet
        self._sequence = 0
        self._tag_no: dict[str, int] = {}
        self._touched: set[int] = set()  # hours with points that are not rolled up
        self._floor = OLDEST_NS
        self._newest = np.zeros(0, np.int64)  # by tag number: nothing is stored after it

    def start(self) -> None:
        """Open or create the file, brought up to date; raises StoreBusyError where another process has it, and
        NewerDataError.
        """
        if self._connection is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        connection = self._connect(read_only=False)
        connection.execute(f"set allowed_directories = [{_quoted(str(self._staging))}]")
        connection.execute("set enable_external_access = false")
        try:
            bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._remember(connection)
        row = connection.execute(
            "select (select coalesce(max(sequence), 0) from batches), (select max(at_ns) from points)"
        ).fetchone()
        self._sequence = row[0] if row else 0
        newest = row[1] if row and row[1] is not None else OLDEST_NS
        self._newest = np.full(len(self._tag_no) + 1, newest, np.int64)

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the file; see `PointStore.refuse_newer`."""
        if self._connection is None and self._file.exists():
            with closing(self._connect(read_only=True)) as connection:
                refuse_newer(connection)

    def stop(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_broken = False
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store a batch once; see `PointStore.apply`."""
        return self._store(batch, points)

    def overwrite(self, batch: str, points: Points, supplied_at: Collection[int] | None = None) -> Outcome:
        """Store a batch once and let it win; see `PointStore.overwrite`."""
        return self._store(batch, points, supplied_at)

    def read(self, tag_ids: Sequence[str], start: int, end: int) -> Points:
        """Return points in [start, end) ns, by tag in the order asked, then by time."""
        return reads.read(self._cursor(), self._known(tag_ids), start, end, self._threads)

    def latest(self, tag_ids: Sequence[str], until: int) -> Points:
        """Return the newest point of each tag before `until` ns."""
        return reads.latest(self._cursor(), self._known(tag_ids), until)

    def oldest_first(self, tag_ids: Sequence[str], since: int, until: int, most: int) -> Points:
        """Return up to `most` points with since < at <= until, oldest first."""
        return reads.oldest_first(self._cursor(), self._known(tag_ids), since, until, most)

    def bucketed(self, tag_id: str, start: int, end: int, n_buckets: int) -> Points:
        """Return the lowest and highest value of each of `n_buckets` equal parts of [start, end), in time order."""
        with self._threads.all(cursor := self._cursor()):
            return reads.bucketed(cursor, self._known([tag_id]), start, end, n_buckets)

    def rolled_up(self, tag_id: str, start: int, end: int) -> Rollup:
        """Return a tag's figures of the hours that begin in [start, end) ns."""
        return reads.rolled_up(self._cursor(), self._tag_no.get(tag_id, 0), start, end)

    def count(self) -> int:
        """Number of points stored."""
        row = self._cursor().execute("select count(*) from points").fetchone()
        return int(row[0]) if row else 0

    def roll_up(self) -> int:
        """Bring the hourly figures up to date; see `PointStore.roll_up`."""
        with self._lock, self._transaction(is_long=True) as cursor:
            row = cursor.execute("select count(*), min(hour_ns), max(hour_ns) from touched_hours").fetchone()
            if row is None or not row[0]:
                return 0
            hour = f"at_ns - ((at_ns % {HOUR_NS}) + {HOUR_NS}) % {HOUR_NS}"
            cursor.execute("delete from hours where hour_ns in (select hour_ns from touched_hours)")
            cursor.execute(
                f"insert into hours select tag_no, {hour} as hour_ns, min(value), avg(value), max(value), count(value) "  # noqa: S608
                "from points where value is not null and at_ns >= ? and at_ns < ? "
                f"and {hour} in (select hour_ns from touched_hours) group by all",
                [row[1], row[2] + HOUR_NS],
            )
            cursor.execute("delete from touched_hours")
            self._touched = set()
            return int(row[0])

    def delete_before(self, until: int) -> None:
        """Delete old points and keep their figures; see `PointStore.delete_before`."""
        floor = until // HOUR_NS * HOUR_NS
        with self._lock, self._transaction() as cursor:
            cursor.execute("insert into floors values (?)", [floor])
            self._floor = max(self._floor, floor)
        self.roll_up()
        with self._lock, self._transaction(is_long=True) as cursor:
            cursor.execute("delete from points where at_ns < ?", [floor])

    def size_bytes(self) -> int | None:
        """Return the size of the file and of what is not yet merged into it."""
        files = (self._file, self._file.with_name(self._file.name + ".wal"))
        return sum(f.stat().st_size for f in files if f.exists())

    def oldest_that_fits(self, max_bytes: int) -> int | None:
        """Return the oldest day (ns) that fits into so much room; see `PointStore.oldest_that_fits`."""
        with self._threads.all(cursor := self._cursor()):
            return reads.oldest_that_fits(cursor, max_bytes)

    def snapshot(self, folder: Path) -> Path:
        """Copy the tables as they are at this moment into `folder/telemetry.duckdb`; readers and writers go on."""
        import shutil

        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._staging, ignore_errors=True)  # of a copy that was broken off
        self._staging.mkdir()
        copy = self._staging / self._file.name
        cursor = self._cursor()
        try:
            cursor.execute(f"attach {_quoted(str(copy))} as snapshot")
            try:
                with self._threads.all(self._cursor()):
                    cursor.execute("copy from database telemetry to snapshot")
            finally:
                cursor.execute("detach snapshot")
            return Path(shutil.move(copy, folder / self._file.name))
        finally:
            shutil.rmtree(self._staging, ignore_errors=True)

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(str(self._file), read_only=read_only, config=self._config)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise StoreBusyError(f"{self._file} belongs to a running Forewarn") from error
            raise

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError("the point store is not started")
        return self._connection.cursor()

    def _known(self, tag_ids: Sequence[str]) -> dict[int, str]:
        return {self._tag_no[t]: t for t in tag_ids if t in self._tag_no}

    def _remember(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._tag_no = dict(cursor.execute("select tag_id, tag_no from tags").fetchall())
        self._touched = {row[0] for row in cursor.execute("select hour_ns from touched_hours").fetchall()}
        row = cursor.execute("select max(at_ns) from floors").fetchone()
        self._floor = row[0] if row and row[0] is not None else OLDEST_NS

    @contextmanager
    def _transaction(self, *, is_long: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._is_broken:
            self._reopen("a fatal error")
        cursor = self._cursor()
        with self._threads.all(cursor) if is_long else nullcontext():
            yield from self._committed(cursor)

    def _committed(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor.execute("begin")
        try:
            yield cursor
            cursor.execute("commit")
        except BaseException as error:
            with suppress(duckdb.Error):  # a commit that failed has rolled back by itself
                cursor.execute("rollback")
            if isinstance(error, AWAY):  # the disk or the memory, not the points
                self._reopen_if_broken(error)
                raise StoreAwayError(f"{self._file.name}: {error}") from error
            self._remember(cursor)
            raise

    def _reopen_if_broken(self, error: BaseException) -> None:
        """DuckDB gives a database up after a fatal error; what was committed is in its file."""
        if isinstance(error, duckdb.FatalException) and self._connection is not None:
            self._connection.close()
            self._connection = None
            self._is_broken = True
            self._reopen(error)
        else:
            self._remember(self._cursor())

    def _reopen(self, why: object) -> None:
        """Open the file again; raises StoreAwayError where that does not work yet: the next call tries again."""
        try:
            self.start()
        except (duckdb.Error, StoreBusyError) as error:
            raise StoreAwayError(f"{self._file.name} cannot be opened again: {error} (after {why})") from error
        self._is_broken = False

    def _store(self, batch: str, points: Points, supplied_at: Collection[int] | None = ()) -> Outcome:
        with self._lock:
            with self._transaction(is_long=len(points) >= MANY) as cursor:
                row = cursor.execute(
                    "select stored, duplicates, conflicts, refused from batches where batch = ?", [batch]
                ).fetchone()
                if row is not None:
                    return Outcome(row[0], row[1], read_conflicts(row[2]), read_refused(row[3]))
                outcome, tag_no, fit = self._insert(cursor, points, supplied_at)
                self._sequence += 1
                told = [write_conflicts(outcome.conflicts), write_refused(outcome.refused)]
                cursor.execute(
                    "insert into batches values (?, ?, ?, ?, ?, ?)",
                    [self._sequence, batch, outcome.stored, outcome.duplicates, *told],
                )
                if self._sequence % 1000 == 0:
                    cursor.execute("delete from batches where sequence <= ?", [self._sequence - KEPT_BATCHES])
            np.maximum.at(self._newest, tag_no, fit.at)
            return outcome

    def _insert(
        self, cursor: duckdb.DuckDBPyConnection, points: Points, supplied_at: Collection[int] | None
    ) -> tuple[Outcome, NDArray[np.int32], Points]:
        never = refusals(points, self._floor)
        if never:
            is_fit = np.ones(len(points), bool)
            is_fit[list(never)] = False
            points = points.take(is_fit)
        tag_no = self._numbers(cursor, points.tag_id)
        judged = judge(points, tag_no, self._held(cursor, points, tag_no), supplied_at)
        written, numbers = points, tag_no
        if not judged.written.all():
            written, numbers = points.take(judged.written), tag_no[judged.written]
        if len(written):
            if judged.n_new < len(written):
                self._delete(cursor, written, numbers)
            self._append(cursor, written, numbers)
            self._touch(cursor, written.at)
        return judged.outcome + Outcome(refused=tuple(never.values())), tag_no, points

    def _append(self, cursor: duckdb.DuckDBPyConnection, points: Points, tag_no: NDArray[np.int32]) -> None:
        columns: dict[str, Any] = {
            "tag_no": tag_no,
            "at_ns": points.at,
            "value": points.value,
            "quality": points.quality,
            "flags": points.flags,
            "received_at": points.received_at,
        }
        text = "null"
        if texts_of(points):
            columns["text"] = points.text
            text = "text"
        value = "case when isnan(value) then null else value end" if np.isnan(points.value).any() else "value"
        cursor.register("fresh", _by_all_threads(columns) if len(points) >= MANY else columns)
        cursor.execute(
            f"insert into points select tag_no, at_ns, {value}, {text}, quality, flags, received_at from fresh"  # noqa: S608
        )
        cursor.unregister("fresh")

    def _delete(self, cursor: duckdb.DuckDBPyConnection, points: Points, tag_no: NDArray[np.int32]) -> None:
        cursor.register("replaced", {"tag_no": tag_no, "at_ns": points.at})
        cursor.execute(
            "delete from points using replaced r where points.tag_no = r.tag_no and points.at_ns = r.at_ns "
            "and points.at_ns between ? and ?",
            [int(points.at.min()), int(points.at.max())],
        )
        cursor.unregister("replaced")

    def _touch(self, cursor: duckdb.DuckDBPyConnection, at: NDArray[np.int64]) -> None:
        hour = at // HOUR_NS
        low, n_hours = int(hour.min()), int(np.ptp(hour)) + 1
        # counting needs no order, but room for every hour between
        hit = np.flatnonzero(np.bincount(hour - low)) + low if n_hours <= len(at) else np.unique(hour)
        found = set((hit * HOUR_NS).tolist())
        hours = found - self._touched
        if hours:
            cursor.execute("insert into touched_hours select unnest(?)", [sorted(hours)])
            self._touched |= hours

    def _held(self, cursor: duckdb.DuckDBPyConnection, points: Points, tag_no: NDArray[np.int32]) -> Held:
        rows = np.flatnonzero(points.at <= self._newest[tag_no]) if len(points) else np.zeros(0, np.int64)
        if not len(rows):
            return NOTHING_HELD
        cursor.register("incoming", {"row": rows, "tag_no": tag_no[rows], "at_ns": points.at[rows]})
        found = [
            cursor.execute(
                "select i.row, p.value, p.text, p.received_at from incoming i join points p "
                "on p.tag_no = i.tag_no and p.at_ns = i.at_ns where p.at_ns between ? and ?",
                list(span),
            ).fetchnumpy()
            for span in spans(points.at[rows])
        ]
        cursor.unregister("incoming")
        return Held(
            np.concatenate([filled(f["row"], 0, np.int64) for f in found]),
            np.concatenate([filled(f["value"], np.nan, np.float64) for f in found]),
            np.concatenate([filled(f["text"], None, object) for f in found]),
            np.concatenate([filled(f["received_at"], 0, np.int64) for f in found]),
        )

    def _numbers(self, cursor: duckdb.DuckDBPyConnection, tag_ids: NDArray[np.object_]) -> NDArray[np.int32]:
        starts = run_starts(tag_ids)
        names = tag_ids[starts].tolist()
        try:
            numbers = np.fromiter(map(self._tag_no.__getitem__, names), np.int32, len(names))
        except KeyError:
            self._number_new(cursor, names)
            numbers = np.fromiter(map(self._tag_no.__getitem__, names), np.int32, len(names))
        return np.repeat(numbers, np.diff(starts, append=len(tag_ids)))

    def _number_new(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
        new = [name for name in dict.fromkeys(names) if name not in self._tag_no]
        numbers = range(len(self._tag_no) + 1, len(self._tag_no) + len(new) + 1)
        cursor.execute("insert into tags select unnest(?), unnest(?)", [list(numbers), new])
        self._tag_no |= dict(zip(new, numbers, strict=True))
        grown = len(self._tag_no) + 1 - len(self._newest)
        self._newest = np.concatenate([self._newest, np.full(max(0, grown), OLDEST_NS, np.int64)])


def _by_all_threads(columns: dict[str, Any]) -> Any:
    """Return columns as Arrow's, which DuckDB inserts in order with all its threads; numpy's it does with one."""
    import pyarrow  # only what comes from dump files is so much, and there it is loaded already

    return pyarrow.table(columns)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
