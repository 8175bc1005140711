"""What rules watch, out of the stores: a plan and how far each series was looked at in, what is new as arrays out.

Invariant: what an asset reports while it stands still, and what a broker repeats, is never held against a limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alerts.cycle import Feed
from alerts.plan import Plan
from app import windowing
from app.rooms import Rooms
from app.scoring import ready_at
from domain.instants import from_ns, to_ns
from domain.points import Flag, Points, Quality, run_starts
from domain.records import Event
from domain.scores import Score

Ints = NDArray[np.int64]
Events = Mapping[str, Sequence[Event]]
Behind = dict[tuple[str, str, int], Score]  # asset, what is watched, time -> the score
TAG: Final = "tag:"
SCORE: Final = "score:"
LOT: Final = "lot:"  # a process value of lots, from when the lot has ended and is known
SPREAD: Final = 2  # doublings of the way back within which series are read together
READ_AT_ONCE: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Fed:
    """A feed, the newest time (ns) of each series looked at, and the scores behind its values."""

    feed: Feed
    newest: Ints
    behind: Behind


def fed(rooms: Rooms, plan: Plan, since: Ints, events: Events, now: datetime, wanted: NDArray[np.bool_]) -> Fed:
    """Read what came after `since` (ns, per series) with the lookback that the plan asks for.

    wanted: the series to read; of the others only time passes. An asset that stopped is looked at up to its stop.
    """
    until = np.full(len(plan.sources), to_ns(now), np.int64)
    of_asset: dict[str, list[int]] = defaultdict(list)
    for number, (asset, _) in enumerate(plan.sources):
        of_asset[asset].append(number)
    for asset in events:
        stop = windowing.stopped_since(events[asset], now)
        if stop is not None and asset in of_asset:
            until[of_asset[asset]] = to_ns(stop)
    parts: list[tuple[Ints, NDArray[np.float64]] | None] = [None] * len(plan.sources)
    behind: Behind = {}
    _read_tags(rooms, plan, since, now, wanted & (since < until), parts)
    _read_scores(rooms, plan, since, now, wanted & (since < until), parts, behind)
    _read_lots(rooms, plan, since, now, wanted & (since < until), parts)
    for asset, own in events.items():
        for number in of_asset.get(asset, ()):
            parts[number] = _without_stops(parts[number], own, int(since[number]), int(until[number]))
    stops = {i: _ended_stops(own) for asset, own in events.items() for i in of_asset.get(asset, ())}
    feed = _joined(parts, since, until, stops)
    newest = since.copy()
    filled = np.flatnonzero(np.diff(feed.starts))
    newest[filled] = np.maximum(newest[filled], feed.at[feed.starts[filled + 1] - 1])
    stopped = until < to_ns(now)  # what came after the stop is not read again and again
    newest[stopped] = np.maximum(newest[stopped], until[stopped])
    return Fed(feed, newest, behind)


def _read_tags(
    rooms: Rooms, plan: Plan, since: Ints, now: datetime, wanted: NDArray[np.bool_], parts: list[Any]
) -> None:
    numbers = {f"{asset}/{w[len(TAG) :]}": i for i, (asset, w) in enumerate(plan.sources) if w.startswith(TAG)}
    tags = rooms.settings.watched.tags
    often = {i: tags[a][w[len(TAG) :]].period.total_seconds() for i, (a, w) in enumerate(plan.sources) if w[:4] == TAG}
    for group in _groups([i for i in numbers.values() if wanted[i]], since - plan.lookback, to_ns(now), often):
        names = {i: name for name, i in numbers.items() if i in group}
        start = int(min(since[i] - plan.lookback[i] for i in group))
        points = rooms.points.read([names[i] for i in sorted(group)], start, to_ns(now) + 1)
        points = points.take((points.flags & Flag.RETAINED) == 0)
        begins = [*run_starts(points.tag_id).tolist(), len(points)]
        for begin, stop in pairwise(begins):
            number = numbers[points.tag_id[begin]]
            part = points.take(slice(begin, stop))
            part = part.take(part.at >= since[number] - plan.lookback[number])
            parts[number] = _values(rooms, part, now)


def _values(rooms: Rooms, points: Points, now: datetime) -> tuple[Ints, NDArray[np.float64]]:
    if len(points):
        tag = rooms.settings.watched.tag(points.tag_id[0])
        if tag is not None and tag.role == "lab":
            points = points.take(points.received_at <= to_ns(now))
    return points.at, np.where(points.quality == Quality.BAD, np.nan, points.value)


def _groups(numbers: Sequence[int], starts: Ints, now: int, often: Mapping[int, float]) -> list[set[int]]:
    """Group series by how far back they are read, so that a late one does not make all be read from there, and so that
    one group holds no more than READ_AT_ONCE values. often: seconds between the values of each.
    """
    groups: dict[tuple[int, int], set[int]] = defaultdict(set)
    expected: dict[int, float] = defaultdict(float)
    for number in numbers:
        back = max(1, (now - int(starts[number])) // 1_000_000_000)
        size = back.bit_length() // SPREAD
        expected[size] += back / max(0.001, often[number])
        groups[size, int(expected[size] // READ_AT_ONCE)].add(number)
    return list(groups.values())


def _read_scores(
    rooms: Rooms, plan: Plan, since: Ints, now: datetime, wanted: NDArray[np.bool_], parts: list[Any], behind: Behind
) -> None:
    by_detector: dict[str, dict[str, int]] = defaultdict(dict)
    for number, (asset, watched) in enumerate(plan.sources):
        if watched.startswith(SCORE) and wanted[number]:
            by_detector[watched[len(SCORE) :]][asset] = number
    for detector, numbers in by_detector.items():
        start = from_ns(min(int(since[i] - plan.lookback[i]) for i in numbers.values()) - 1)
        rows: dict[int, list[Score]] = defaultdict(list)
        for score in rooms.ledger.scoring.scores(detector, since=start, until=now):
            if score.asset in numbers:
                rows[numbers[score.asset]].append(score)
        for number, found in rows.items():
            at = np.array([to_ns(s.at) for s in found], dtype=np.int64)
            parts[number] = at, np.array([np.nan if s.value is None else s.value for s in found])
            asset, watched = plan.sources[number]
            behind |= {(asset, watched, to_ns(s.at)): s for s in found}


def _read_lots(
    rooms: Rooms, plan: Plan, since: Ints, now: datetime, wanted: NDArray[np.bool_], parts: list[Any]
) -> None:
    by_line: dict[str, dict[str, int]] = defaultdict(dict)
    for number, (line, watched) in enumerate(plan.sources):
        if watched.startswith(LOT) and wanted[number]:
            by_line[line][watched[len(LOT) :]] = number
    for line, numbers in by_line.items():
        start = min(int(since[i] - plan.lookback[i]) for i in numbers.values())
        since_then = from_ns(max(0, start - 1))
        lots = sorted(((ready_at(x), x) for x in rooms.ledger.records.lots(line, now, since_then)), key=lambda x: x[0])
        for name, number in numbers.items():
            found = [(at, x.values[name]) for at, x in lots if name in x.values and at <= to_ns(now)]
            times = np.array([at for at, _ in found], dtype=np.int64)
            parts[number] = times, np.array([value for _, value in found], dtype=np.float64)


def _without_stops(
    part: tuple[Ints, NDArray[np.float64]] | None, events: Sequence[Event], since: int, until: int
) -> tuple[Ints, NDArray[np.float64]]:
    """Leave out what came after a stop that goes on, and take the values of a stop for unknown; its end is news."""
    at, value = part if part is not None else (np.zeros(0, np.int64), np.zeros(0))
    kept = at <= until
    at, value = at[kept], value[kept]
    for event in events:
        if event.kind in windowing.STOPPING:
            stopped = at > to_ns(event.start)
            if event.end is not None:
                stopped &= at < to_ns(event.end)
            value = np.where(stopped, np.nan, value)
            end = None if event.end is None else to_ns(event.end)
            if end is not None and since < end <= until and end > to_ns(event.start):
                place = int(np.searchsorted(at, end))
                at, value = np.insert(at, place, end), np.insert(value, place, np.nan)
    return at, value


def _ended_stops(events: Sequence[Event]) -> list[tuple[int, int]]:
    return [(to_ns(e.start), to_ns(e.end)) for e in events if e.kind in windowing.STOPPING and e.end is not None]


def _joined(
    parts: Sequence[tuple[Ints, NDArray[np.float64]] | None],
    since: Ints,
    until: Ints,
    stops: Mapping[int, Sequence[tuple[int, int]]],
) -> Feed:
    counts = [0 if part is None else len(part[0]) for part in parts]
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    filled = [part for part in parts if part is not None]
    at = np.concatenate([p[0] for p in filled]) if filled else np.zeros(0, np.int64)
    value = np.concatenate([p[1] for p in filled]) if filled else np.zeros(0)
    return Feed(starts, at, value, since, until, stops)
