"""Telemetry in a plant's InfluxDB: Points in, Points out, over what 1.6 to 1.8, 2.x and 3 share.

Invariants: a (tag, time) is stored once and the first value wins; a batch id is applied once; nothing is sent in the
background, so what `apply` returned for is in the server.

InfluxDB itself overwrites silently and knows no transaction. So a batch is held against what is stored, what is to
become of each row is noted in a file beside (`store.batch_log`, synced), and only then are its lines sent. A crash or
an outage in between leaves the note: the batch is sent again by it, which changes nothing that had arrived, and its
outcome is the noted one. What is stored under another value meanwhile (another collector) is a conflict then.

A refusal by the server (400) is partial: what did not arrive is found by reading back, and by halves where the server
does not say how many it dropped.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import NotKeptHereError
from domain.points import Points, Rollup
from domain.records import Conflict, Outcome, Reason, Refused
from store.batch_log import BatchLog, Plan
from store.influx_reads import InfluxReads, one_named, rollup_of
from store.influx_wire import InfluxWire
from store.line_protocol import POINTS, is_too_long, lines, rollup_lines
from store.matching import HOUR_NS, NOTHING_HELD, OLDEST_NS, Held, is_same, judge, refusals, refused, shown
from store.settings import InfluxSettings

log = logging.getLogger(__name__)
HOURS_AT_ONCE: Final = 6  # a factory's day in one query would run into the server's time-out
_DROPPED: Final = re.compile(r"dropped=(\d+)")


class InfluxPoints:
    """`PointStore` in an InfluxDB database. Thread-safe; several processes may share one, each with its own journal.

    Of two that store different values for one (tag, time) in the same instant, the later one may win unnoticed.
    """

    def __init__(self, folder: Path, settings: InfluxSettings | None = None) -> None:
        self._settings = settings or InfluxSettings()
        self._wire = InfluxWire(self._settings)
        self._log = BatchLog(folder / "influxdb.db")
        self._reads = InfluxReads(self._wire, self._settings.retention_policy, self._settings.rollup_policy)
        self._lock = threading.Lock()
        self._newest: dict[str, int] = {}  # by tag: nothing is stored after it, as of the last note of `self._noted`
        self._noted = -1

    def refuse_newer(self) -> None:
        """Raise NewerDataError where a newer Forewarn has written the notes; see `PointStore.refuse_newer`."""
        self._log.refuse_newer()

    def start(self) -> None:
        """Open the notes; the server is asked for nothing yet and may be away."""
        self._log.start()
        self._wire.start()

    def stop(self) -> None:
        """Close connections and notes."""
        with self._lock:
            self._wire.stop()
            self._log.stop()

    def apply(self, batch: str, points: Points) -> Outcome:
        """Store a batch once; see `PointStore.apply`."""
        return self._store(batch, points)

    def overwrite(self, batch: str, points: Points, supplied_at: Collection[int] | None = None) -> Outcome:
        """Store a batch once and let it win; see `PointStore.overwrite`."""
        return self._store(batch, points, supplied_at)

    def read(self, tag_ids: Sequence[str], start: int, end: int) -> Points:
        """Return points in [start, end) ns, by tag in the order asked, then by time."""
        return self._reads.read(tag_ids, start, end)

    def latest(self, tag_ids: Sequence[str], until: int) -> Points:
        """Return the newest point of each tag before `until` ns."""
        return self._reads.latest(tag_ids, until)

    def oldest_first(self, tag_ids: Sequence[str], since: int, until: int, most: int) -> Points:
        """Return up to `most` points with since < at <= until, oldest first."""
        return self._reads.oldest_first(tag_ids, since, until, most)

    def count(self) -> int:
        """Number of points stored."""
        return self._reads.count()

    def bucketed(self, tag_id: str, start: int, end: int, n_buckets: int) -> Points:
        """Return the extremes of each part of [start, end); see `InfluxReads.bucketed`."""
        return self._reads.bucketed(tag_id, start, end, n_buckets)

    def roll_up(self) -> int:
        """Bring the hourly figures up to date; see `PointStore.roll_up`."""
        touched = self._log.touched()
        done = 0
        while done < len(touched):
            first = touched[done][0]
            run = [t for t in touched[done : done + HOURS_AT_ONCE] if t[0] < first + HOURS_AT_ONCE * HOUR_NS]
            self._roll_up([hour for hour, _ in run])
            self._log.settle(run)
            done += len(run)
        return done

    def rolled_up(self, tag_id: str, start: int, end: int) -> Rollup:
        """Return a tag's figures of the hours that begin in [start, end) ns."""
        return self._reads.stored_hours(start, end, tag_id).get(tag_id, rollup_of(()))

    def delete_before(self, until: int) -> None:
        """Delete old points and keep their figures; see `PointStore.delete_before`."""
        floor = until // HOUR_NS * HOUR_NS
        with self._lock:
            if floor > self._log.floor():
                self._log.raise_floor(floor)
        self.roll_up()
        self._run(f'DELETE FROM "{POINTS}" WHERE time < {int(floor)}', {})  # noqa: S608

    def size_bytes(self) -> int | None:
        """None: the points are on the server's disk."""
        return None

    def oldest_that_fits(self, max_bytes: int) -> int | None:
        """Refuse: how much room points take cannot be asked of a server."""
        raise NotKeptHereError(
            f"the points are in InfluxDB at {self._settings.url}: bound them by retention there ({max_bytes} bytes)"
        )

    def snapshot(self, folder: Path) -> Path:
        """Refuse: a server is backed up with its own tools."""
        raise NotKeptHereError(
            f"the points are in InfluxDB at {self._settings.url}: back it up there (influxd backup -portable); "
            f"nothing was written to {folder}"
        )

    def _store(self, batch: str, points: Points, supplied_at: Collection[int] | None = ()) -> Outcome:
        with self._lock:
            plan = self._log.plan(batch)
            if plan is not None and plan.is_done:
                return plan.outcome
            if plan is None or len(plan.written) != len(points):
                plan = self._planned(points, supplied_at)
            elif supplied_at == ():
                plan = self._revised(points, plan)
            touched = np.unique(points.at[plan.written] // HOUR_NS * HOUR_NS)
            noted = self._log.begin(batch, plan, touched.tolist())
            self._remember(points.take(plan.written), noted)
            outcome = self._carry_out(points, plan, is_whole=supplied_at != ())
            self._log.finish(batch, outcome)
            return outcome

    def _planned(self, points: Points, supplied_at: Collection[int] | None) -> Plan:
        never = refusals(points, self._log.floor())
        too_long = {name for name in set(points.tag_id.tolist()) if is_too_long(name)}
        for row in np.flatnonzero([name in too_long for name in points.tag_id.tolist()]) if too_long else ():
            never[int(row)] = refused(points, int(row), Reason.REFUSED, "the name is too long")
        is_fit = np.ones(len(points), bool)
        is_fit[list(never)] = False
        fit = points.take(is_fit) if never else points
        names, tag_no = _numbered(fit)
        judged = judge(fit, tag_no, self._held(fit, tag_no, names), supplied_at)
        written, cleared = np.zeros(len(points), bool), np.zeros(len(points), bool)
        written[is_fit], cleared[is_fit] = judged.written, judged.cleared
        return Plan(judged.outcome + Outcome(refused=tuple(never.values())), written, cleared)

    def _held(self, points: Points, tag_no: NDArray[np.int32], names: Sequence[str]) -> Held:
        """Ask the server for what may be stored already: not for what is newer than all it has of a tag.

        Where other collectors write too (`has_other_writers`), or another process of this folder did since, nothing is
        taken for known.
        """
        if not len(points) or self._settings.has_other_writers:
            return self._reads.held(points, tag_no, names)
        if (noted := self._log.newest()) != self._noted:
            self._newest.clear()
            self._noted = noted
        unknown = [name for name in names if name not in self._newest]
        if unknown:
            low = int(points.at.min())
            stored = self._reads.newest_from(unknown, low)
            self._newest |= {name: stored.get(name, low - 1) for name in unknown}
        rows = np.flatnonzero(points.at <= np.array([self._newest[name] for name in names])[tag_no])
        if not len(rows):
            return NOTHING_HELD
        numbers, place = np.unique(tag_no[rows], return_inverse=True)
        held = self._reads.held(points.take(rows), place.astype(np.int32), [names[k] for k in numbers.tolist()])
        return replace(held, rows=rows[held.rows])

    def _remember(self, points: Points, noted: int) -> None:
        """Take the times that are about to be sent for stored ones."""
        names, tag_no = _numbered(points)
        newest = np.full(len(names), OLDEST_NS - 1)
        np.maximum.at(newest, tag_no, points.at)
        for name, at in zip(names, newest.tolist(), strict=True):
            if name in self._newest:
                self._newest[name] = max(self._newest[name], at)
        if noted not in (self._noted, self._noted + 1):
            self._newest.clear()  # another process noted a batch meanwhile
        self._noted = noted

    def _revised(self, points: Points, plan: Plan) -> Plan:
        """Leave out of a plan that was not finished what is stored under another value by now."""
        rows = np.flatnonzero(plan.written)
        part = points.take(rows)
        names, tag_no = _numbered(part)
        held = self._reads.held(part, tag_no, names)
        differs = ~is_same(part.value[held.rows], part.text[held.rows], held.value, held.text)
        if not differs.any():
            return plan
        lost = held.rows[differs]
        written = plan.written.copy()
        written[rows[lost]] = False
        values = zip(held.value[differs].tolist(), held.text[differs].tolist(), strict=True)
        conflicts = [
            replace(_conflict(part, int(row)), stored=shown(*stored)) for row, stored in zip(lost, values, strict=True)
        ]
        outcome = replace(
            plan.outcome,
            stored=plan.outcome.stored - len(lost),
            conflicts=plan.outcome.conflicts + tuple(conflicts),
        )
        return replace(plan, outcome=outcome, written=written)

    def _carry_out(self, points: Points, plan: Plan, *, is_whole: bool) -> Outcome:
        for row in np.flatnonzero(plan.cleared).tolist():  # a field cannot be taken from a point: the point goes first
            where, bound = one_named(str(points.tag_id[row]))
            self._run(f'DELETE FROM "{POINTS}" WHERE {where} AND time = {int(points.at[row])}', bound)  # noqa: S608
        chosen = points.take(plan.written)
        found: list[Refused] = []
        for first in range(0, len(chosen), self._settings.write_points):
            found += self._send(chosen.take(slice(first, first + self._settings.write_points)), is_whole)
        return _less(plan.outcome, found) if found else plan.outcome

    def _send(self, points: Points, is_whole: bool) -> list[Refused]:
        """Write points; returns what the server will not have. Each further try is with fewer points."""
        told = self._wire.write(lines(points, is_whole=is_whole), self._settings.retention_policy)
        if not told:
            return []
        names, tag_no = _numbered(points)
        held = self._reads.held(points, tag_no, names)
        arrived = is_same(points.value[held.rows], points.text[held.rows], held.value, held.text)
        is_missing = np.ones(len(points), bool)
        is_missing[held.rows[arrived]] = False
        missing = np.flatnonzero(is_missing)
        dropped = _DROPPED.search(told)
        if len(points) == 1 or (dropped and int(dropped[1]) == len(missing)):
            log.warning("points refused n=%d told=%r", len(missing), told)
            reason = Reason.RETENTION if "retention" in told else Reason.REFUSED
            return [refused(points, int(row), reason, told) for row in missing]
        rest = points.take(missing)
        if len(rest) < len(points):
            return self._send(rest, is_whole) if len(rest) else []
        half = len(rest) // 2
        return self._send(rest.take(slice(0, half)), is_whole) + self._send(rest.take(slice(half, None)), is_whole)

    def _roll_up(self, touched: Sequence[int]) -> None:
        """Write the figures of hours from their raw points, where the server still has any.

        An hour whose numbers were all overwritten with null is written with n = 0; one without points keeps its figure.
        """
        figures = self._reads.hours(touched[0], touched[-1] + HOUR_NS, touched)
        rows, n_tags = list(figures.items()), self._settings.write_points // HOURS_AT_ONCE + 1
        for i in range(0, len(rows), n_tags):
            if told := self._wire.write(rollup_lines(dict(rows[i : i + n_tags])), self._settings.rollup_policy):
                log.warning("roll-ups refused told=%r", told)

    def _run(self, statement: str, bound: dict[str, str]) -> None:
        for _ in self._wire.query(statement, bound, self._settings.retention_policy):
            pass


def _numbered(points: Points) -> tuple[list[str], NDArray[np.int32]]:
    places: dict[str, int] = {}
    numbers = [places.setdefault(name, len(places)) for name in points.tag_id.tolist()]
    return list(places), np.array(numbers, np.int32)


def _conflict(points: Points, row: int) -> Conflict:
    point = refused(points, row, Reason.REFUSED, "")
    return Conflict(point.key, point.at, "", shown(float(points.value[row]), points.text[row]))


def _less(outcome: Outcome, never: Sequence[Refused]) -> Outcome:
    """Take from an outcome what the server refused: new points, and replacements that did not happen."""
    offers = {(r.key, r.at, shown(np.nan if r.value is None else r.value, r.text)) for r in never}
    conflicts = tuple(c for c in outcome.conflicts if (c.key, c.at, c.offered) not in offers)
    n_new = len(never) - (len(outcome.conflicts) - len(conflicts))
    return Outcome(outcome.stored - n_new, outcome.duplicates, conflicts, outcome.refused + tuple(never))
