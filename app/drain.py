"""The journal to the stores: claimed batches in, points and records stored once, the sum kept.

A store that is away stops the drain, and the batch waits as it is. An item that a store will not take, though it takes
others, is searched for by halving the batch, and goes to the dead letter alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import getitem
from typing import Final, Generic, TypeVar

import numpy as np

from app import late, result_points
from app.rooms import Rooms
from domain.errors import StoreAwayError
from domain.points import Flag, Points, run_starts
from domain.records import Decoded, Outcome, Reason, Refused
from store import codec
from store.matching import refused

log = logging.getLogger(__name__)
AWAY: Final = (StoreAwayError, OSError, MemoryError)  # what says nothing of the items
T = TypeVar("T", Points, Sequence[Decoded])


@dataclass(slots=True)
class Drained:
    """What one drain brought: items, and the newest point of each asset it touched (ns)."""

    n_items: int = 0
    newest: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """How the bad items of a batch are searched for: what stores a part of it, cuts one out, and refuses a single."""

    apply: Callable[[str, T], Outcome]
    cut: Callable[[T, slice], T]
    refuse: Callable[[T, Exception], Refused]


def drain(rooms: Rooms, most_items: int, arrived: Callable[[Points], None] = lambda _: None) -> Drained:
    """Move what waits at this moment to the stores, batch by batch, and not what comes meanwhile: others wait for their
    turn. Raises StoreAwayError with the rest still in the journal. arrived: told of the points that were stored.
    """
    drained = Drained()
    newest = rooms.journal.newest()
    while newest and (claimed := rooms.journal.claim(most_items)) is not None:
        outcome = store(rooms, claimed.batch, claimed.decoded)
        rooms.journal.finish(claimed, outcome)
        for decoded in claimed.decoded:
            drained.n_items += decoded.n_good
            note_newest(decoded.points, drained.newest)
            arrived(decoded.points)
        if claimed.places[-1].sequence >= newest:
            break
    return drained


def store(rooms: Rooms, batch: str, decoded: Sequence[Decoded]) -> Outcome:
    """Store a batch's points and records once; numeric results become points of their line's tag as well."""
    points = Points.concat([d.points for d in decoded if len(d.points)])
    outcome = apply_points(rooms, batch, points) if len(points) else Outcome()
    late.note(rooms, points, outcome)
    if any(d.events or d.lots or d.results for d in decoded):
        kept = apply_records(rooms, batch, decoded)
        outcome += kept
        result_points.follow(rooms, batch, _without(decoded, kept.refused))
    return outcome


def apply_points(rooms: Rooms, batch: str, points: Points) -> Outcome:
    """Store points once; those that the store fails on, while it takes others, are refused one by one."""
    try:
        return rooms.points.apply(batch, points)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the driver raises for the one bad item
        return _searched(Search(rooms.points.apply, Points.take, _refused_point), batch, points, error)


def apply_records(rooms: Rooms, batch: str, decoded: Sequence[Decoded]) -> Outcome:
    """Store events, lots and results once; those that the ledger fails on, while it takes others, are refused."""
    try:
        return rooms.ledger.records.apply(batch, decoded)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return _searched(Search(rooms.ledger.records.apply, getitem, _refused_record), batch, _each(decoded), error)


def _searched(search: Search[T], batch: str, items: T, error: Exception) -> Outcome:
    log.error("store failed on a batch of %d items: searching for the one", len(items), exc_info=error)
    outcome = _halved(search, batch, items, error)
    if len(outcome.refused) == len(items) > 1:
        raise StoreAwayError(f"the store takes none of {len(items)} items: {error}") from error
    return outcome


def _halved(search: Search[T], batch: str, items: T, error: Exception) -> Outcome:
    if len(items) == 1:
        return Outcome(refused=(search.refuse(items, error),))
    outcome = Outcome()
    middle = len(items) // 2
    for half, rows in (("a", slice(0, middle)), ("b", slice(middle, None))):
        part, name = search.cut(items, rows), f"{batch}/{half}"
        try:
            outcome += search.apply(name, part)
        except AWAY:
            raise
        except Exception as caught:  # noqa: BLE001 - whatever the driver raises for the one bad item
            outcome += _halved(search, name, part, caught)
    return outcome


def _refused_point(points: Points, error: Exception) -> Refused:
    return refused(points, 0, Reason.REFUSED, repr(error))


def _refused_record(single: Sequence[Decoded], error: Exception) -> Refused:
    (decoded,) = single
    keys = [
        *((f"{e.asset}/{e.kind}/{e.code}", e.start) for e in decoded.events),
        *((f"{x.line}/{x.lot}", x.known_at) for x in decoded.lots),
        *((f"{r.line}/{r.lot}/{r.result}", r.result_at) for r in decoded.results),
    ]
    key, at = keys[0]
    return Refused(key, at, None, None, Reason.REFUSED, repr(error), record=codec.write_records(decoded))


def _each(decoded: Sequence[Decoded]) -> list[Decoded]:
    """Return the records alone, one by one."""
    none = Points.from_rows(())
    return [
        *(Decoded(none, events=(e,)) for d in decoded for e in d.events),
        *(Decoded(none, lots=(x,)) for d in decoded for x in d.lots),
        *(Decoded(none, results=(r,)) for d in decoded for r in d.results),
    ]


def _without(decoded: Sequence[Decoded], never: Sequence[Refused]) -> Sequence[Decoded]:
    """Return the records but for the refused ones."""
    if not never:
        return decoded
    records = {item.record for item in never}
    return [single for single in _each(decoded) if codec.write_records(single) not in records]


def note_newest(points: Points, newest: dict[str, int]) -> None:
    """Update the newest time of each asset from points; old news that a broker kept says nothing of the asset now."""
    points = points.take((points.flags & Flag.RETAINED) == 0) if points.flags.any() else points
    if not len(points):
        return
    ids, starts = points.tag_id, run_starts(points.tag_id)  # the newest of each run first, and then of the runs
    by_tag: dict[str, int] = {}
    for tag_id, at in zip(ids[starts].tolist(), np.maximum.reduceat(points.at, starts).tolist(), strict=True):
        if at > by_tag.get(tag_id, 0):
            by_tag[tag_id] = at
    for tag_id, at in by_tag.items():
        asset = tag_id.rpartition("/")[0]
        newest[asset] = max(at, newest.get(asset, 0))
