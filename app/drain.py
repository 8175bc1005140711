"""The journal to the stores: claimed batches in, points and records stored once, the sum kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.rooms import Rooms
from domain.instants import to_ns
from domain.plant import Plant
from domain.points import Point, Points
from domain.records import Decoded, Lot, Outcome, Result


@dataclass(slots=True)
class Drained:
    """What one drain brought: items, and the newest point of each asset it touched (ns)."""

    n_items: int = 0
    newest: dict[str, int] = field(default_factory=dict)


def drain(rooms: Rooms, most_messages: int) -> Drained:
    """Empty the journal into the stores, batch by batch."""
    drained = Drained()
    while (claimed := rooms.journal.claim(most_messages)) is not None:
        outcome = store(rooms, claimed.batch, claimed.decoded)
        rooms.journal.finish(claimed, outcome)
        for decoded in claimed.decoded:
            drained.n_items += decoded.n_good
            note_newest(decoded.points, drained.newest)
    return drained


def store(rooms: Rooms, batch: str, decoded: Sequence[Decoded]) -> Outcome:
    """Store a batch's points and records once; numeric results become points of their line's tag as well.

    The result points are a copy for trends and not items of their own, so they are not in the sum.
    """
    points = Points.concat([d.points for d in decoded])
    outcome = rooms.points.apply(batch, points) if len(points) else Outcome()
    outcome += rooms.ledger.records.apply(batch, decoded)
    results = [r for d in decoded for r in d.results]
    if results:
        lots = {(x.line, x.lot): x for d in decoded for x in d.lots}
        copies = result_points(results, lots, rooms)
        if len(copies):
            rooms.points.apply(f"{batch}:results", copies)
    return outcome


def result_points(results: Sequence[Result], lots: dict[tuple[str, str], Lot], rooms: Rooms) -> Points:
    """Return numeric results as points at their lot's end (or result_at where that is unknown)."""
    plant: Plant = rooms.settings.plant
    wanted = [r for r in results if r.value is not None and r.result in plant.tags.get(r.line, {})]
    for line in {r.line for r in wanted}:
        unknown = [r.lot for r in wanted if r.line == line and (line, r.lot) not in lots]
        for start in range(0, len(unknown), 500):
            found = rooms.ledger.records.lots_by_id(line, unknown[start : start + 500])
            lots |= {(x.line, x.lot): x for x in found}
    rows = []
    for r in wanted:
        lot = lots.get((r.line, r.lot))
        at = lot.end if lot is not None and lot.end is not None else r.result_at
        rows.append(Point(f"{r.line}/{r.result}", to_ns(at), r.value, received_at=to_ns(r.result_at)))
    return Points.from_rows(rows)


def note_newest(points: Points, newest: dict[str, int]) -> None:
    """Update the newest time of each asset from points."""
    if not len(points):
        return
    names, inverse = np.unique(points.tag_id.astype(str), return_inverse=True)
    for i, tag_id in enumerate(names.tolist()):
        asset = tag_id.rpartition("/")[0]
        newest[asset] = max(newest.get(asset, 0), int(points.at[inverse == i].max()))
