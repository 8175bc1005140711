"""SQL for what the embedded store is asked: tag numbers and times in, Points and Rollups out.

Invariant: names never become part of a statement, only numbers do. A long range is fetched unsorted and without the
columns that say nothing, which the zone maps tell at once; the order is made here where it is not there already. Texts
are rare, and a column of them takes as long as all others: of a short range it is asked for where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from domain.points import Points, Rollup
from store.duckdb_threads import Threads
from store.matching import LOOK_BACK_NS, OLDEST_NS

COLUMNS: Final = "tag_no, at_ns, value, text, quality, flags, received_at"
WITHOUT_TEXT: Final = "tag_no, at_ns, value, text is not null as has_text, quality, flags, received_at"
DAY_NS: Final = 86_400_000_000_000
FEW: Final = 50_000  # rows that are fetched as they are
FEW_TAGS: Final = 50  # that are looked for one by one; more are hashed

Tags = Mapping[int, str]  # tag ids by number, in the order asked


def read(cursor: duckdb.DuckDBPyConnection, tags: Tags, start: int, end: int, threads: Threads) -> Points:
    """Return points in [start, end) ns, by tag in the order of `tags`, then by time."""
    if not tags:
        return Points.from_rows(())
    where = f"{_among(tags)} and at_ns >= {int(start)} and at_ns < {int(end)}"
    found = cursor.execute(f"select {WITHOUT_TEXT} from points where {where} limit {FEW + 1}").fetchnumpy()  # noqa: S608
    if len(found["at_ns"]) <= FEW:
        found["text"] = None
        if found["has_text"].any():
            found = cursor.execute(f"select {COLUMNS} from points where {where}").fetchnumpy()  # noqa: S608
    else:
        with threads.all(cursor):
            cursor.begin()  # its statements must see the same points, whatever is stored meanwhile
            try:
                found = _plain(cursor, tags, where)
            finally:
                cursor.rollback()
    return in_order(_points(found, tags), found.get("tag_no"), tags)


def oldest_that_fits(cursor: duckdb.DuckDBPyConnection, max_bytes: int) -> int | None:
    """Return the start (ns) of the oldest day that may stay; see `PointStore.oldest_that_fits`.

    The file does not shrink, so what counts are the blocks in use; and a block that holds deleted rows stays in use
    until DuckDB rewrites it, so the blocks are shared out among all rows that they hold, the deleted ones too.
    """
    sizes = cursor.execute(
        "select block_size * used_blocks, (select estimated_size from duckdb_tables() where table_name = 'points' and "
        "database_name = current_database()) from pragma_database_size() where database_name = current_database()"
    ).fetchone()
    if sizes is None or not sizes[1]:
        return None
    most = int(max_bytes * sizes[1] / max(1, sizes[0]))
    days = cursor.execute(
        f"select (at_ns - ((at_ns % {DAY_NS}) + {DAY_NS}) % {DAY_NS}) as day, count(*) as n from points "  # noqa: S608
        "group by day order by day desc"
    ).fetchall()
    if sum(n for _, n in days) <= most:
        return None
    held, oldest = 0, None
    for day, n in days:
        held += n
        if oldest is not None and held > most:
            break
        oldest = int(day)
    return oldest


def latest(cursor: duckdb.DuckDBPyConnection, tags: Tags, until: int) -> Points:
    """Return the newest point of each tag before `until` ns; recent history is looked at first."""
    left = dict(tags)
    parts: list[Points] = []
    for since in (*(until - back for back in LOOK_BACK_NS), OLDEST_NS):
        if not left:
            break
        where = f"{_among(left)} and at_ns >= {max(since, OLDEST_NS)} and at_ns < {int(until)}"
        found = cursor.execute(
            f"select p.* from points p join (select tag_no, max(at_ns) as at_ns from points where {where} "  # noqa: S608
            f"group by tag_no) n using (tag_no, at_ns) where {where.replace('at_ns', 'p.at_ns')}"
        ).fetchnumpy()
        parts.append(_points(found, left))
        for number in found["tag_no"].tolist():
            del left[number]
    places = {tag_id: place for place, tag_id in enumerate(tags.values())}
    points = Points.concat(parts)
    return points.take(np.argsort([places[t] for t in points.tag_id.tolist()])) if len(points) else points


def oldest_first(cursor: duckdb.DuckDBPyConnection, tags: Tags, since: int, until: int, most: int) -> Points:
    """Return up to `most` points with since < at <= until, oldest first, tags in the order of `tags`."""
    if not tags:
        return Points.from_rows(())
    found = cursor.execute(
        f"select {COLUMNS} from points join (select unnest(?) as tag_no, unnest(?) as place) using (tag_no) "  # noqa: S608
        f"where at_ns > ? and at_ns <= ? order by at_ns, place limit {int(most)}",
        [list(tags), list(range(len(tags))), since, until],
    ).fetchnumpy()
    return _points(found, tags)


def bucketed(cursor: duckdb.DuckDBPyConnection, tags: Tags, start: int, end: int, n_buckets: int) -> Points:
    """Return the first lowest and the first highest point of each of `n_buckets` equal parts of [start, end)."""
    if not tags:
        return Points.from_rows(())
    width = max(1, -((start - end) // n_buckets))  # rounded up, or there would be a bucket more
    bucket = f"(at_ns - {int(start)}) // {int(width)}"
    where = f"{_among(tags)} and at_ns >= {int(start)} and at_ns < {int(end)}"
    found = cursor.execute(
        f"with b as (select {bucket} as bucket, min(value) as low, max(value) as high from points "  # noqa: S608
        f"where {where} group by bucket), "
        "c as (select min(at_ns) filter (where value is not distinct from low) as first_low, "
        "min(at_ns) filter (where value is not distinct from high) as first_high "
        f"from points join b on b.bucket = {bucket} where {where} group by b.bucket) "
        f"select {COLUMNS} from points where {where} "
        "and at_ns in (select first_low from c union select first_high from c) order by at_ns"
    ).fetchnumpy()
    return _points(found, tags)


def rolled_up(cursor: duckdb.DuckDBPyConnection, tag_no: int, start: int, end: int) -> Rollup:
    """Return a tag's figures of the hours that begin in [start, end) ns."""
    found = cursor.execute(
        "select hour_ns, low, mean, high, n from hours where tag_no = ? and hour_ns >= ? and hour_ns < ? "
        "order by hour_ns",
        [tag_no, start, end],
    ).fetchnumpy()
    low, mean, high = (filled(found[name], np.nan, np.float64) for name in ("low", "mean", "high"))
    return Rollup(filled(found["hour_ns"], 0, np.int64), low, mean, high, filled(found["n"], 0, np.int64))


def in_order(points: Points, tag_no: Any, tags: Tags) -> Points:
    """Return points by tag in the order of `tags`, then by time; what is so already is not copied."""
    if len(tags) == 1:
        if (points.at[1:] >= points.at[:-1]).all():
            return points
        return points.take(np.argsort(points.at, kind="stable"))
    places = np.zeros(max(tags) + 1, np.uint16 if len(tags) < 2**16 else np.int64)
    places[list(tags)] = np.arange(len(tags))
    place = places[filled(tag_no, 0, np.int32)]
    order = np.argsort(place, kind="stable")  # a radix sort for 16 bits; leaves each tag in the order it was stored
    at, ordered = points.at[order], place[order]
    if not ((at[1:] >= at[:-1]) | (ordered[1:] != ordered[:-1])).all():
        order = np.lexsort((points.at, place))
    return points.take(order)


def filled(column: Any, null: Any, dtype: Any) -> NDArray[Any]:
    """Return a fetched column with its nulls filled; a column without any is not copied."""
    if isinstance(column, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(column)
        if mask.any():
            data = np.array(column.data, dtype=dtype)
            data[mask] = null
            return data
        column = column.data
    return np.asarray(column, dtype=dtype)


def _among(tags: Tags) -> str:
    if len(tags) == 1:
        return f"tag_no = {next(iter(tags))}"
    first, last = min(tags, default=0), max(tags, default=-1)
    if last - first == len(tags) - 1:  # as tags of one asset are often numbered
        return f"tag_no between {first} and {last}"
    numbers = ", ".join(map(str, tags))
    return f"tag_no in ({numbers})" if len(tags) <= FEW_TAGS else f"tag_no in (select unnest([{numbers}]))"


def _plain(cursor: duckdb.DuckDBPyConnection, tags: Tags, where: str) -> dict[str, Any]:
    """Fetch many rows; columns of one value alone are asked for once."""
    columns = ["at_ns", "value"] + (["tag_no"] if len(tags) > 1 else [])
    constant: dict[str, Any] = {}
    odd = "quality <> 0 or flags <> 0 or text is not null"
    if _count(cursor, f"{where} and ({odd})"):
        columns += ["text", "quality", "flags"]
    row = cursor.execute(f"select received_at from points where {where} limit 1").fetchone()  # noqa: S608
    received_at = row[0] if row else 0
    if _count(cursor, f"{where} and received_at <> {received_at}"):
        columns.append("received_at")
    else:
        constant["received_at"] = received_at
    found: dict[str, Any] = cursor.execute(f"select {', '.join(columns)} from points where {where}").fetchnumpy()  # noqa: S608
    return {**dict.fromkeys(("text", "quality", "flags")), **constant, **found}


def _count(cursor: duckdb.DuckDBPyConnection, where: str) -> int:
    row = cursor.execute(f"select count(*) from points where {where}").fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def _points(found: Mapping[str, Any], tags: Tags) -> Points:
    n = len(found["at_ns"])
    if len(tags) == 1:
        tag_id = _repeated(next(iter(tags.values()), ""), object, n)
    else:
        names = np.empty(max(tags, default=0) + 1, dtype=object)
        names[list(tags)] = list(tags.values())
        tag_id = names[filled(found["tag_no"], 0, np.int32)]
    return Points(
        tag_id,
        filled(found["at_ns"], 0, np.int64),
        filled(found["value"], np.nan, np.float64),
        _column(found["text"], None, object, n),
        _column(found["quality"], 0, np.uint8, n),
        _column(found["flags"], 0, np.uint32, n),
        _column(found["received_at"], 0, np.int64, n),
    )


def _column(found: Any, null: Any, dtype: Any, n: int) -> NDArray[Any]:
    if isinstance(found, np.ndarray):
        return filled(found, null, dtype)
    return _repeated(null if found is None else found, dtype, n)


def _repeated(value: Any, dtype: Any, n: int) -> NDArray[Any]:
    """Return a column of one value that takes no room; it cannot be written to."""
    one = np.empty(1, dtype=dtype)
    one[0] = value
    return np.broadcast_to(one, (n,))
