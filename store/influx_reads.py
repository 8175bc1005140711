"""InfluxQL for what a point store is asked: tag ids and times in, Points and Rollups out.

Invariant: names are bound and never part of a statement's text; times are integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.points import Points, Rollup
from store.influx_wire import InfluxWire, Series
from store.line_protocol import HOURS, POINTS, labels_of, tag_id_of
from store.matching import LOOK_BACK_NS, NEWEST_NS, NOTHING_HELD, OLDEST_NS, Held, spans

FIELDS: Final = '"value", "text", "quality", "flags", "received_at"'
BY_TAG: Final = 'GROUP BY "asset", "tag"'
NAMED: Final = 100  # names in one statement
MOST_NAMED: Final = 1000  # for more names, everything is read and what was not asked for is left out
EXACT_POINTS: Final = 20_000  # up to this many, the extremes of a bucket are told at their own times


class InfluxReads:
    """Questions to the points and hours of one database."""

    def __init__(self, wire: InfluxWire, policy: str, rollup_policy: str) -> None:
        self._wire, self._policy, self._rollup_policy = wire, policy, rollup_policy

    def read(self, tag_ids: Sequence[str], start: int, end: int) -> Points:
        """Return points in [start, end) ns, by tag in the order asked, then by time."""
        found = self._points(tag_ids, f"time >= {_time(start)} AND time < {_time(end)}")
        return Points.concat([found[t] for t in tag_ids if t in found])

    def latest(self, tag_ids: Sequence[str], until: int) -> Points:
        """Return the newest point of each tag before `until` ns; recent shards are asked first."""
        found: dict[str, Points] = {}
        for since in (*(until - back for back in LOOK_BACK_NS), OLDEST_NS):
            missing = [t for t in tag_ids if t not in found]
            if missing:
                where = f"time >= {_time(since)} AND time < {_time(until)}"
                found |= self._points(missing, where, "ORDER BY time DESC LIMIT 1")
        return Points.concat([found[t] for t in tag_ids if t in found])

    def oldest_first(self, tag_ids: Sequence[str], since: int, until: int, most: int) -> Points:
        """Return up to `most` points with since < at <= until, oldest first over all tags."""
        found = self._points(tag_ids, f"time > {_time(since)} AND time <= {_time(until)}", f"LIMIT {int(most)}")
        points = Points.concat([found[t] for t in tag_ids if t in found])
        return points.take(np.argsort(points.at, kind="stable")[:most])

    def count(self) -> int:
        """Number of points stored."""
        series = self._wire.query(f'SELECT count("quality") FROM "{POINTS}"', {}, self._policy)  # noqa: S608
        return sum(int(row[1]) for part in series for row in part.rows)

    def bucketed(self, tag_id: str, start: int, end: int, n_buckets: int) -> Points:
        """Return the lowest and highest value of each of `n_buckets` equal parts of [start, end), in time order.

        Over EXACT_POINTS points, the server tells the values and not their times: they stand at the start and in the
        middle of their part.
        """
        width = max(1, -((start - end) // n_buckets))
        where, bound = _named([tag_id])
        statement = (
            f'SELECT min("value"), max("value"), count("quality") FROM "{POINTS}" WHERE {where} '  # noqa: S608
            f"AND time >= {_time(start)} AND time < {_time(end)} GROUP BY time({width}ns, {start % width}ns) fill(none)"
        )
        rows = [row for part in self._wire.query(statement, bound, self._policy) for row in part.rows]
        if sum(row[3] for row in rows) <= EXACT_POINTS:
            return extremes(self.read([tag_id], start, end), start, width)
        rows = [row for row in rows if row[1] is not None]
        at = [t for row in rows for t in (row[0], row[0] + width // 2)]
        points = Points.of([tag_id] * len(at), at, [v for row in rows for v in row[1:3]])
        is_flat = np.zeros(len(points), bool)
        is_flat[1::2] = points.value[1::2] == points.value[::2]
        return points.take(~is_flat)

    def held(self, points: Points, tag_no: NDArray[np.int32], names: Sequence[str]) -> Held:
        """Return what is stored under the keys of a batch's rows; tag_no: each row's place in `names`."""
        found: list[tuple[int, float, str | None, int]] = []
        places: dict[tuple[str, int], int] = {}
        for low, high in spans(points.at):
            in_span = np.unique(tag_no[(points.at >= low) & (points.at <= high)])
            asked = [names[k] for k in in_span.tolist()]
            where = f"time >= {low} AND time <= {high}"
            for tag_id, part in self._series('"value", "text", "quality", "received_at"', asked, where, ""):
                if not places:  # built when it is first needed: almost every batch is new
                    keys = list(zip(points.tag_id.tolist(), points.at.tolist(), strict=True))
                    places = {key: row for row, key in reversed(list(enumerate(keys)))}
                for at, value, text, _, received_at in part.rows:
                    row = places.get((tag_id, at))
                    if row is not None:
                        found.append((row, np.nan if value is None else value, text, received_at or 0))
        if not found:
            return NOTHING_HELD
        rows, values, texts, received = zip(*found, strict=True)
        return Held(
            np.array(rows, np.int64), np.array(values, np.float64), _objects(texts), np.array(received, np.int64)
        )

    def newest_from(self, tag_ids: Sequence[str], start: int) -> dict[str, int]:
        """Return the newest time (ns) of each tag that has a point at `start` or later."""
        rest = "ORDER BY time DESC LIMIT 1"
        found = self._series('"quality"', tag_ids, f"time >= {_time(start)}", rest)
        return {tag_id: int(part.rows[0][0]) for tag_id, part in found}

    def hours(self, start: int, end: int, wanted: Sequence[int]) -> dict[str, Rollup]:
        """Return the figures of `wanted` hours in [start, end) ns that have raw points, by tag id; n = 0 and NaN where
        none of them holds a number.
        """
        statement = (
            f'SELECT min("value"), mean("value"), max("value"), count("value"), count("quality") FROM "{POINTS}" '  # noqa: S608
            f'WHERE time >= {_time(start)} AND time < {_time(end)} GROUP BY time(1h), "asset", "tag" fill(none)'
        )
        hours = frozenset(wanted)
        return _rollups(self._wire.query(statement, {}, self._policy), lambda row: row[0] in hours and bool(row[5]))

    def stored_hours(self, start: int, end: int, tag_id: str | None = None) -> dict[str, Rollup]:
        """Return the roll-ups kept of the hours that begin in [start, end) ns, of one tag or all, by tag id."""
        where, bound = _named([tag_id]) if tag_id is not None else ("", {})
        statement = (
            f'SELECT "low", "mean", "high", "n" FROM "{HOURS}" WHERE {where}{" AND " if where else ""}'  # noqa: S608
            f'"n" > 0 AND time >= {_time(start)} AND time < {_time(end)} {BY_TAG}'
        )
        return _rollups(self._wire.query(statement, bound, self._rollup_policy), lambda row: bool(row[4]))

    def _points(self, tag_ids: Sequence[str], where: str, rest: str = "") -> dict[str, Points]:
        parts: dict[str, list[Points]] = {}
        for tag_id, part in self._series(FIELDS, tag_ids, where, rest):
            parts.setdefault(tag_id, []).append(_points_of(tag_id, part.rows))
        return {tag_id: Points.concat(found) for tag_id, found in parts.items()}

    def _series(self, fields: str, tag_ids: Sequence[str], where: str, rest: str) -> Iterator[tuple[str, Series]]:
        asked = list(dict.fromkeys(tag_ids))
        is_everything = len(asked) > MOST_NAMED
        wanted = set(asked)
        for first in range(0, 1 if is_everything else len(asked), NAMED):
            names, bound = ("", {}) if is_everything else _named(asked[first : first + NAMED])
            both = f"{names} AND {where}" if names else where
            statement = f'SELECT {fields} FROM "{POINTS}" WHERE {both} {BY_TAG} {rest}'  # noqa: S608
            for part in self._wire.query(statement, bound, self._policy):
                tag_id = tag_id_of(part.tags["asset"], part.tags["tag"])
                if tag_id in wanted:
                    yield tag_id, part


def one_named(tag_id: str) -> tuple[str, dict[str, str]]:
    """Return the condition on one tag, and its bound values."""
    return _named([tag_id])


def extremes(points: Points, start: int, width: int) -> Points:
    """Return the first lowest and the first highest point of each bucket, null only where there is nothing else."""
    bucket = (points.at - start) // width
    rows: set[int] = set()
    for value in (points.value, -points.value):
        order = np.lexsort((points.at, np.where(np.isnan(value), np.inf, value), bucket))
        is_first = np.ones(len(order), bool)
        is_first[1:] = np.diff(bucket[order]) != 0
        rows |= set(order[is_first].tolist())
    return points.take(np.array(sorted(rows), np.int64))


def _named(tag_ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    by_asset: dict[str, list[str]] = {}
    for tag_id in tag_ids:
        asset, tag = labels_of(tag_id)
        by_asset.setdefault(asset, []).append(tag)
    bound: dict[str, str] = {}
    choices = []
    for i, (asset, tags) in enumerate(by_asset.items()):
        bound[f"a{i}"] = asset
        names = [f"t{i}_{j}" for j in range(len(tags))]
        bound |= dict(zip(names, tags, strict=True))
        choices.append(f'("asset" = $a{i} AND ({" OR ".join(f""""tag" = ${n}""" for n in names)}))')
    return f"({' OR '.join(choices)})", bound


def _time(ns: int) -> int:
    return min(max(int(ns), OLDEST_NS), NEWEST_NS + 1)


def _points_of(tag_id: str, rows: Sequence[Sequence[Any]]) -> Points:
    n = len(rows)
    name = np.empty(n, dtype=object)
    name[:] = tag_id
    return Points(
        name,
        np.fromiter([r[0] for r in rows], np.int64, n),
        np.array([r[1] for r in rows], np.float64),  # None becomes NaN
        _objects([r[2] for r in rows]),
        np.fromiter([r[3] for r in rows], np.uint8, n),
        np.fromiter([r[4] or 0 for r in rows], np.uint32, n),
        np.fromiter([r[5] for r in rows], np.int64, n),
    )


def _rollups(series: Iterator[Series], is_wanted: Callable[[Sequence[Any]], bool]) -> dict[str, Rollup]:
    rows: dict[str, list[list[Any]]] = {}
    for part in series:
        found = [row for row in part.rows if is_wanted(row)]
        rows.setdefault(tag_id_of(part.tags["asset"], part.tags["tag"]), []).extend(found)
    return {tag_id: rollup_of(found) for tag_id, found in rows.items() if found}


def rollup_of(rows: Sequence[Sequence[Any]]) -> Rollup:
    """Return rows of (hour, low, mean, high, n, ...) as columns; null becomes NaN, or 0 for n."""
    at, low, mean, high, n = zip(*[r[:5] for r in rows], strict=True) if rows else [()] * 5
    return Rollup(
        np.array(at, np.int64),
        np.array(low, np.float64),
        np.array(mean, np.float64),
        np.array(high, np.float64),
        np.array([x or 0 for x in n], np.int64),
    )


def _objects(items: Sequence[str | None]) -> NDArray[np.object_]:
    column = np.empty(len(items), dtype=object)
    column[:] = items
    return column
