"""Late data to revised scores: each window that a late point touches is scored again, by the model that scored it.

A revised score takes the place of the one before, which is kept. Alerts are not touched: a rule looks at a value once.
Invariant: a window that no late point touches, or whose score comes out the same, is not written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from app import scoring, windowing
from app.late import SCORED, cursor_name
from app.rooms import Rooms
from detectors.bundle import Bundle
from detectors.settings import DetectorSettings
from detectors.symptoms import is_of_lots
from domain.errors import ModelError
from domain.instants import duration_ns, from_ns
from domain.plant import Asset, Axis
from domain.records import Event
from domain.scores import Score
from domain.vectors import FeatureSet
from features import windows
from features.windows import Grid, Windows
from store.revisions import LateSpan

log = logging.getLogger(__name__)
MOST_WINDOWS: Final = 5_000  # of one span at once, so that scoring what is new waits for a moment only
MICROSECOND: Final = timedelta(microseconds=1)


def revise(
    rooms: Rooms,
    champions: Mapping[str, Bundle],
    events: Mapping[str, Sequence[Event]],
    started_at: int,
    now: datetime,
) -> int:
    """Score again what late points touch, a bounded part of it at a time; returns how many scores were revised.

    Spans are read before cursors: what comes meanwhile is noted as another span, and looked at the next time.
    """
    spans = rooms.ledger.revisions.spans()
    if not spans:
        return 0
    cursors = rooms.ledger.scoring.cursors(SCORED)
    plant = rooms.settings.plant
    known = {d.name: d for d in rooms.settings.root.detectors}
    n_looked_at = n_revised = 0
    for span in spans:
        detector, asset, champion = known.get(span.detector), plant.assets.get(span.asset), champions.get(span.detector)
        looked = Looked(())
        until = cursors.get(cursor_name(span.detector, span.asset), 0)
        if detector is not None and asset is not None and until >= span.start:
            if champion is None:
                continue  # it waits for the model to be usable again
            late = Late(rooms, detector, champion, asset, span, started_at, until)
            try:
                looked = _lots(late, now) if is_of_lots(detector) else _windows(late, events, now)
            except (ValueError, KeyError) as error:  # as when scoring: it is tried again
                log.error("scores not revised detector=%s asset=%s error=%r", span.detector, span.asset, error)
                continue
        rest = [replace(span, start=looked.up_to)] if looked.up_to else []
        rooms.ledger.revisions.revise(looked.changed, [] if rest else [span], rest, now)
        n_looked_at, n_revised = n_looked_at + looked.n, n_revised + len(looked.changed)
        if rest or n_looked_at >= MOST_WINDOWS:
            break
    if n_revised:
        log.info("late data revised scores=%d looked_at=%d", n_revised, n_looked_at)
    return n_revised


@dataclass(frozen=True, slots=True)
class Late:
    """A span of late data of one detector on one asset, which was scored after `since` up to `until` (ns)."""

    rooms: Rooms
    detector: DetectorSettings
    champion: Bundle
    asset: Asset
    span: LateSpan
    since: int
    until: int

    def held(self, until: int) -> dict[tuple[datetime, str], Score]:
        """Return the scores of windows that end in the span and after it, up to and with `until`."""
        since = from_ns(self.span.start) - MICROSECOND
        found = self.rooms.ledger.scoring.scores(self.detector.name, self.asset.path, since, from_ns(until))
        return {(s.at, s.subject): s for s in found}

    def models(self, held: Mapping[tuple[datetime, str], Score]) -> list[Bundle]:
        """Return the models that gave these scores, the champion first: each is asked again for its own.

        Scores of a model that is no longer there, or is damaged, stay as they are.
        """
        found = [self.champion]
        for other in sorted({s.model_id for s in held.values()} - {self.champion.model_id}):
            try:
                found.append(self.rooms.models.read(self.detector.name, other))
            except ModelError as error:
                log.warning("late data leave scores as they are detector=%s error=%s", self.detector.name, error)
        return found


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a span: scores that differ from those held, and how many windows were looked at.

    up_to: from where (ns) the span is still to be looked at, 0 where all of it was.
    """

    changed: tuple[Score, ...]
    n: int = 0
    up_to: int = 0


def _windows(late: Late, events: Mapping[str, Sequence[Event]], now: datetime) -> Looked:
    features, asset_class = late.champion.features, late.rooms.settings.plant.classes[late.detector.asset_class]
    pace = duration_ns(asset_class.wall(1)) if features.axis is Axis.CYCLE else features.step
    up_to = min(late.until, late.span.start + MOST_WINDOWS * pace)
    held = late.held(up_to)
    found: list[Score] = []
    is_all = up_to == late.until
    for model in late.models(held):
        touched = _touched(late, model.features, up_to)
        if touched is None:
            continue
        grid, cut, is_end = touched
        is_all &= is_end or up_to == late.until
        own = [_is_of(held.get((from_ns(end), "")), model, late.champion) for end in cut.end.tolist()]
        is_held = [(from_ns(end), "") in held for end in cut.end.tolist()]
        cut = cut.take(np.array(own, dtype=bool) & (np.array(is_held, dtype=bool) | (cut.stop > cut.first)))
        cuts = {late.asset.path: (grid, cut)}
        found += scoring.window_scores(late.rooms, late.detector, model, cuts, events, now)
    return Looked(_changed(found, held), len(found), 0 if is_all else up_to)


def _touched(late: Late, features: FeatureSet, up_to: int) -> tuple[Grid, Windows, bool] | None:
    """Return the windows up to `up_to` that hold a late point, and whether no later one does; None without any."""
    rooms, path, span = late.rooms, late.asset.path, late.span
    plant = rooms.settings.plant
    if features.axis is Axis.TIME:
        newest = span.end - 1 + features.window
        after = max(span.start, late.since)
        first = ((after - features.align) // features.step + 1) * features.step + features.align
        ends = np.arange(first, min(newest, up_to) + 1, features.step, dtype=np.int64)
        if not len(ends):
            return None
        start, end = int(ends[0]) - features.window, int(ends[-1])
        grid = windowing.grids(rooms.points, plant, [late.asset], features, start, end).get(path)
        if grid is None:
            return None
        period = duration_ns(plant.classes[late.detector.asset_class].period)
        return grid, windows.ending_at(grid, features, period, ends), newest <= up_to
    spans = {path: (span.start - 1, up_to)}
    grid = windowing.grids_for(rooms.points, plant, [late.asset], features, spans).get(path)
    if grid is None:
        return None
    first = int(max(np.searchsorted(grid.times, span.start), np.searchsorted(grid.times, late.since, side="right")))
    last = int(np.searchsorted(grid.times, span.end)) - 1 + features.window - 1
    rows = np.arange(first, min(last + 1, len(grid.times)))
    return grid, windows.ending_at_rows(grid, features, rows), last < len(grid.times)


def _lots(late: Late, now: datetime) -> Looked:
    """Score again the lots whose own windows reach into the span; with what is known now of their lab results."""
    span, records = late.span, late.rooms.ledger.records
    held = late.held(late.until)
    ended = records.lots(late.asset.path, now, from_ns(span.start) - MICROSECOND)
    found: list[Score] = []
    for model in late.models(held):
        own = []
        for lot in ended:
            start, end = windowing.lot_span(lot, model.features)
            is_scored = late.since < scoring.ready_at(lot) <= late.until
            if (
                is_scored
                and start < span.end
                and end > span.start
                and _is_of(held.get((from_ns(end), lot.lot)), model, late.champion)
            ):
                own.append(lot)
        found += scoring.lot_scores(late.rooms, late.detector, model, late.asset, own, now)
    return Looked(_changed(found, held), len(found))


def _is_of(held: Score | None, model: Bundle, champion: Bundle) -> bool:
    """Say whether a window is this model's to score; one that has no score yet is the champion's."""
    return (champion.model_id if held is None else held.model_id) == model.model_id


def _changed(found: Sequence[Score], held: Mapping[tuple[datetime, str], Score]) -> tuple[Score, ...]:
    return tuple(score for score in found if held.get((score.at, score.subject)) != score)
