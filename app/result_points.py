"""Numeric results as points of their line's tag, so that one trend shows process and quality.

The ledger is the truth and the points follow it: a corrected result takes the place of the one before, and a result
that came before its lot moves to the lot's end once that is known. The points are copies and no items of the sum.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from app.rooms import Rooms
from domain.instants import to_ns
from domain.plant import Tag
from domain.points import Flag, Point, Points, Quality
from domain.records import Decoded, Result

log = logging.getLogger(__name__)
AT_ONCE: Final = 500


def follow(rooms: Rooms, batch: str, decoded: Sequence[Decoded]) -> None:
    """Bring the points of all results up to date that these records may have changed; the records are stored."""
    changed = {(r.line, r.lot) for d in decoded for r in d.results} | {(x.line, x.lot) for d in decoded for x in d.lots}
    points = [p for line, lots in _by_line(changed) for p in _points(rooms, line, lots)]
    if not points:
        return
    outcome = rooms.points.overwrite(f"{batch}:results", Points.from_rows(points))
    for item in outcome.refused:
        log.warning("result not in the trend key=%s at=%s reason=%s", item.key, item.at, item.reason)


def _by_line(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    lots: dict[str, list[str]] = defaultdict(list)
    for line, lot in sorted(keys):
        lots[line].append(lot)
    for line, names in lots.items():
        for start in range(0, len(names), AT_ONCE):
            yield line, names[start : start + AT_ONCE]


def _points(rooms: Rooms, line: str, lots: Sequence[str]) -> list[Point]:
    """Return the points of a line's lots, and null where an earlier version of a lot or a result had put them."""
    tags = rooms.settings.plant.tags.get(line, {})
    versions: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for r in rooms.ledger.records.results_of(line, lots):
        if r.result in tags:
            versions[r.lot, r.result].append(r)
    ends: dict[str, list[int]] = defaultdict(list)
    for x in rooms.ledger.records.lots_of(line, lots) if versions else ():
        if x.end is not None:
            ends[x.lot].append(to_ns(x.end))
    points: dict[tuple[str, int], Point] = {}
    former: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))  # tag id -> place -> received at
    for (lot, result), found in versions.items():
        tag_id, known_at = f"{line}/{result}", [to_ns(r.result_at) for r in found]
        place = ends[lot][-1] if ends[lot] else known_at[-1]
        points[tag_id, place] = _point(tags[result], place, found[-1].value, known_at[-1])
        for other in {*known_at, *ends[lot]} - {place}:
            former[tag_id][other].update(known_at)
    for tag_id, at in _still_there(rooms, former):
        points.setdefault((tag_id, at), Point(tag_id, at, None, quality=Quality.BAD, received_at=at))
    return [p for p in points.values() if p.value is not None or p.quality is Quality.BAD]


def _point(tag: Tag, at: int, value: float | None, received_at: int) -> Point:
    """Return a result's point; one that is physically impossible is kept, flagged and bad."""
    if value is None or tag.is_possible(value):
        return Point(tag.tag_id, at, value, received_at=received_at)
    return Point(tag.tag_id, at, value, None, Quality.BAD, Flag.RANGE, received_at)


def _still_there(rooms: Rooms, former: Mapping[str, Mapping[int, set[int]]]) -> Iterator[tuple[str, int]]:
    """Yield the former places that hold such a result: its point carries the result's own time as the time received."""
    for tag_id, places in former.items():
        stored = rooms.points.read([tag_id], min(places), max(places) + 1)
        for at, received_at in zip(stored.at.tolist(), stored.received_at.tolist(), strict=True):
            if received_at in places.get(at, ()):
                yield tag_id, at
