"""Points that were just stored, and how far detectors have scored, to the spans of time in which they came late.

Invariant: called after the points are stored and before their batch is settled, so that a batch that is repeated after
a crash is noted too. What is noted without need is looked at again and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app import feature_sets
from app.rooms import Rooms
from app.settings import Settings
from domain.instants import duration_ns
from domain.plant import Axis
from domain.points import Flag, Points, run_starts
from domain.records import Outcome
from store.revisions import LateSpan

SCORED: Final = "score:"
DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Reach:
    """What a detector reads: measured tags, each with its lag (ns).

    Late points no further apart than `joins` (ns) touch windows without a break between them.
    """

    detector: str
    lags: Mapping[str, int]
    joins: int


def cursor_name(detector: str, asset: str) -> str:
    """Return the name of the cursor of one detector on one asset; of no asset, of all that it is scoring just now."""
    return f"{SCORED}{detector}:{asset}"


def note(rooms: Rooms, points: Points, outcome: Outcome) -> None:
    """Note which spans of which detectors and assets the points came too late for."""
    back = int(rooms.settings.root.run.revise_days * DAY_NS)
    if not back or not (outcome.stored or outcome.conflicts):
        return
    cursors = rooms.ledger.scoring.cursors(SCORED)
    if cursors:
        rooms.ledger.revisions.add(list(late_spans(rooms.settings, points, cursors, back)))


def late_spans(settings: Settings, points: Points, cursors: Mapping[str, int], back: int) -> Iterator[LateSpan]:
    """Yield the spans of points that lie before what is scored, by at most `back` ns.

    A late point touches the windows that hold it; near ones are one span, where that names no other window.
    """
    reach = reaches(settings)
    for asset, own in _older(settings, points, cursors):
        tags = np.array([t.rpartition("/")[2] for t in own.tag_id], dtype=object)
        for each in reach[settings.plant.assets[asset].class_name]:
            cursor = _cursor(cursors, each.detector, asset)
            at = np.concatenate([own.at[tags == t] + each.lags[t] for t in set(tags.tolist()) & set(each.lags)] or [()])
            at = np.unique(at[(at < cursor) & (at >= cursor - back)].astype(np.int64))
            if len(at):
                edges = np.flatnonzero(np.diff(at) > each.joins)
                starts, ends = at[np.append(0, edges + 1)], at[np.append(edges, len(at) - 1)]
                for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                    yield LateSpan(each.detector, asset, start, end + 1)


@lru_cache(maxsize=8)
def reaches(settings: Settings) -> Mapping[str, tuple[Reach, ...]]:
    """Return what the detectors of each class read, by the config: a model reads no more than that."""
    found: dict[str, list[Reach]] = {name: [] for name in settings.plant.classes}
    for detector in settings.root.detectors:
        chosen = settings.feature_set(detector.features)
        features = feature_sets.full_set(settings.plant, settings.root.derived, chosen)
        lags = {tag: feature_sets.lag_of(tag, chosen) for tag in features.sources}
        wall = duration_ns(settings.plant.classes[detector.asset_class].wall(features.window))
        joins = wall // 2 if features.axis is Axis.CYCLE else features.window  # cycles may be shorter than they should
        found[detector.asset_class].append(Reach(detector.name, lags, joins))
    return {name: tuple(each) for name, each in found.items()}


def _cursor(cursors: Mapping[str, int], detector: str, asset: str) -> int:
    return max(cursors.get(cursor_name(detector, asset), 0), cursors.get(cursor_name(detector, ""), 0))


def _older(settings: Settings, points: Points, cursors: Mapping[str, int]) -> Iterator[tuple[str, Points]]:
    """Yield by asset the points that lie before the furthest cursor of any of its detectors."""
    starts = run_starts(points.tag_id)
    if not len(starts):
        return
    scored: dict[str, int] = {}
    rows: dict[str, list[NDArray[np.int64]]] = {}
    low = np.minimum.reduceat(points.at, starts).tolist()
    stops = [*starts[1:].tolist(), len(points)]
    for tag_id, start, stop, oldest in zip(points.tag_id[starts].tolist(), starts.tolist(), stops, low, strict=True):
        asset = tag_id.rpartition("/")[0]
        if asset not in scored:
            scored[asset] = _furthest(settings, cursors, asset)
        if oldest < scored[asset]:
            rows.setdefault(asset, []).append(np.arange(start, stop))
    for asset, places in rows.items():
        own = points.take(np.concatenate(places))
        yield asset, own.take((own.at < scored[asset]) & ((own.flags & Flag.RETAINED) == 0))


def _furthest(settings: Settings, cursors: Mapping[str, int], asset: str) -> int:
    known = settings.plant.assets.get(asset)
    own = reaches(settings)[known.class_name] if known else ()
    return max((_cursor(cursors, each.detector, asset) for each in own), default=0)
