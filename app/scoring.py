"""New windows and lots to scores: each is scored once, by the champion, or noted as not assessed with the reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app import courses, gate, inputs, windowing
from app.late import cursor_name
from app.results import possible_results
from app.rooms import Rooms
from detectors import symptoms
from detectors.bundle import Bundle
from detectors.schema import fitted
from detectors.settings import DetectorSettings
from domain.errors import ModelError
from domain.instants import duration_ns, from_ns, to_ns
from domain.plant import Asset, Axis
from domain.records import Event, Lot
from domain.scores import Contribution, Score, Verdict
from domain.text import mark, phrase
from domain.vectors import FeatureSet, FeatureVectors
from features import windows
from features.context import Background
from features.extract import join
from features.windows import Grid, Lack, Windows

log = logging.getLogger(__name__)
MISSING_TAGS = mark("not enough data of {tags}")
GAP_IN_TAGS = mark("too long a gap in the data of {tags}")
LACKING = {
    Lack.FEW: MISSING_TAGS,
    Lack.GAP: GAP_IN_TAGS,
    Lack.MODE: mark("its operating mode is none that the model has seen"),
    Lack.STALE: mark("{tags} stopped reporting"),
    Lack.STUCK: mark("{tags} stands still: a sensor that lives has never been so quiet"),
}
TOO_SHORT = mark("learning: not enough data yet for a whole window")
KEPT_CONTRIBUTIONS = 8
LAB_MARGIN = 200  # results read beyond the lots to be scored, so that the last known ones are surely among them


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of one detector, how far each asset has been looked at, and the error that stopped it, "" for none."""

    scores: tuple[Score, ...]
    cursors: Mapping[str, int]
    error: str = ""


def score_detector(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    events: Mapping[str, Sequence[Event]],
    cursors: Mapping[str, int],
    newest: Mapping[str, int],
    started_at: int,
    now: datetime,
) -> Scored:
    """Score what is new since each asset's cursor (or started_at), of a stopped asset up to its stop."""
    lateness = duration_ns(rooms.settings.plant.classes[detector.asset_class].lateness)
    is_of_lots = symptoms.is_of_lots(detector)
    spans: dict[str, tuple[int, int]] = {}
    for path in (a.path for a in assets):
        stop = windowing.stopped_since(events.get(path, ()), now)
        since = cursors.get(cursor_name(detector.name, path), started_at)
        until = to_ns(now) - lateness if stop is None else min(to_ns(now) - lateness, to_ns(stop))
        has_news = is_of_lots or not bundle.features.sources or newest[path] > since
        if since < until and has_news:
            spans[path] = since, until
    if not spans:
        return Scored((), {})
    try:
        score = _score_lots if is_of_lots else _score_windows
        found = score(rooms, detector, bundle, [a for a in assets if a.path in spans], spans, events, now)
    except (ModelError, ValueError, KeyError) as error:
        log.error("scoring failed detector=%s error=%r", detector.name, error)
        return Scored((), {}, f"{detector.name}: {error}")
    ended = {p: until for p, (_, until) in spans.items() if until < to_ns(now) - lateness}
    return Scored(found.scores, {**found.cursors, **{cursor_name(detector.name, p): at for p, at in ended.items()}})


def _backgrounds(
    rooms: Rooms, assets: Sequence[Asset], features: FeatureSet, now: datetime
) -> Mapping[str, Background]:
    """Return what is known of assets beside their tags; events only where a feature is made of them."""
    modes = features.inputs.modes
    is_of_events = any(n.origin == "event" for n in features.names) or (modes is not None and modes.by == "event")
    return inputs.backgrounds(assets, rooms.ledger.records.first_told(now) if is_of_events else ())


def _score_windows(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    spans: Mapping[str, tuple[int, int]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> Scored:
    asset_class = rooms.settings.plant.classes[detector.asset_class]
    features = bundle.features
    found = windowing.grids_for(rooms.points, rooms.settings.plant, assets, features, spans)
    cuts: dict[str, tuple[Grid, Windows]] = {}
    cursors: dict[str, int] = {}
    for path, grid in found.items():
        cut = windows.cut(grid, features, features.step, duration_ns(asset_class.period), *spans[path])
        if len(cut):
            cursors[cursor_name(detector.name, path)] = int(cut.end[-1])
            cuts[path] = grid, cut
    return Scored(tuple(window_scores(rooms, detector, bundle, cuts, events, now)), cursors)


def window_scores(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    cuts: Mapping[str, tuple[Grid, Windows]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> list[Score]:
    """Return the scores of windows by asset, with what was known by `now`; of those that say nothing, with the reason,
    and none of those in which the asset stood still.
    """
    plant, features = rooms.settings.plant, bundle.features
    asset_class = plant.classes[detector.asset_class]
    backgrounds = _backgrounds(rooms, [plant.assets[path] for path in cuts], features, now)
    vectors: list[FeatureVectors] = []
    unassessed: list[Score] = []
    for path, (grid, found) in cuts.items():
        own, misfit = backgrounds[path], gate.misfit(plant, path, features)
        cut = windowing.alive(grid, found, features, duration_ns(asset_class.period), own)
        quiet = courses.quiet_spans(grid, events.get(path, ()), asset_class)
        reasons = courses.quiet_reasons(quiet, cut.start, cut.end, asset_class, features.window)
        for i in np.flatnonzero(~cut.is_whole).tolist() if not misfit else range(len(cut)):
            reasons[i] = (misfit or _reason(rooms, path, features, cut, i)) if reasons[i] is None else reasons[i]
        good = cut.take(np.array([reason is None for reason in reasons], dtype=bool))
        vectors.append(windowing.told(grid, good, features, own))
        unassessed += [
            _unassessed(detector, bundle, path, "", int(end), reason)
            for end, reason in zip(cut.end, reasons, strict=True)
            if reason
        ]
    return _scored(detector, bundle, join(vectors, features.names)) + unassessed


def _score_lots(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    spans: Mapping[str, tuple[int, int]],
    _events: Mapping[str, Sequence[Event]],
    known_by: datetime,
) -> Scored:
    scores: list[Score] = []
    cursors: dict[str, int] = {}
    for asset in assets:
        since, until = spans[asset.path]
        found = rooms.ledger.records.lots(asset.path, from_ns(until), from_ns(since))
        lots = [x for x in found if since < ready_at(x) <= until]
        if own := lot_scores(rooms, detector, bundle, asset, lots, known_by):
            scores += own
            cursors[cursor_name(detector.name, asset.path)] = max(map(ready_at, lots))
    return Scored(tuple(scores), cursors)


def lot_scores(
    rooms: Rooms, detector: DetectorSettings, bundle: Bundle, asset: Asset, lots: Sequence[Lot], now: datetime
) -> list[Score]:
    """Return the scores of lots that have ended, with results known by `now`; none where there is no data at all."""
    if not lots:
        return []
    plant, features = rooms.settings.plant, bundle.features
    reach = [windowing.lot_span(lot, features) for lot in lots]
    if misfit := gate.misfit(plant, asset.path, features):
        return [
            _unassessed(detector, bundle, asset.path, lot.lot, end, misfit)
            for lot, (_, end) in zip(lots, reach, strict=True)
        ]
    start, end = min(r[0] for r in reach), max(r[1] for r in reach)
    grid = windowing.grids(rooms.points, plant, [asset], features, start, end).get(asset.path)
    if grid is None and features.sources:
        return []
    grid = windowing.bare_grid(asset.path) if grid is None else grid
    newest, labs = len(lots) + LAB_MARGIN, sorted({n.source for n in features.names if n.origin == "lab"})
    results = {name: possible_results(rooms, asset.path, name, now, newest) for name in labs}
    period = duration_ns(plant.classes[detector.asset_class].period)
    background = _backgrounds(rooms, [asset], features, now)[asset.path]
    vectors, missing, cut = windowing.lot_vectors(grid, lots, results, features, period, background)
    reasons = [_reason(rooms, asset.path, features, cut, i) for i in range(len(missing))]
    return _scored(detector, bundle, vectors) + [
        _unassessed(detector, bundle, asset.path, x.lot, int(end), reason)
        for x, end, reason in zip(missing, cut.end, reasons, strict=True)
    ]


def _scored(detector: DetectorSettings, bundle: Bundle, vectors: FeatureVectors) -> list[Score]:
    """Return the scores of rows, and of those that lack too many values that they are not assessed."""
    if not len(vectors):
        return []
    vectors = fitted(vectors, bundle.features.names)
    lacking = {i: tags for i in range(len(vectors)) if (tags := gate.lacking(vectors, i, bundle.features.min_coverage))}
    rows = np.array([i not in lacking for i in range(len(vectors))])
    told = vectors.take(rows)
    scores = bundle.detector.score(told)
    model_id = bundle.model_id
    return [
        Score(
            detector.name,
            str(told.asset[i]),
            str(told.subject[i]),
            from_ns(told.end[i]),
            float(scores.value[i]),
            float(scores.low[i]),
            float(scores.high[i]),
            scores.scale,
            model_id,
            Verdict.OK,
            "",
            by_source(told, i, scores.contributions[i], has_values=bundle.features.inputs.modes is None),
        )
        for i in range(len(told))
    ] + [
        _unassessed(detector, bundle, str(vectors.asset[i]), str(vectors.subject[i]), int(vectors.end[i]), _named(tags))
        for i, tags in lacking.items()
    ]


def _named(tags: Sequence[str], message: str = MISSING_TAGS) -> str:
    return phrase(message, tags=", ".join(tags[:3]) + (", ..." if len(tags) > 3 else ""))


def by_source(
    vectors: FeatureVectors, row: int, amounts: NDArray[np.float64], *, has_values: bool = True
) -> tuple[Contribution, ...]:
    """Return a row's contributions summed by tag, the largest first, with the tag's mean in the window.

    has_values: False where tags are told relative to their operating mode, not in their own unit.
    """
    totals: dict[str, float] = {}
    means: dict[str, float] = {}
    for name, amount, value in zip(vectors.names, amounts.tolist(), vectors.values[row].tolist(), strict=True):
        totals[name.source] = totals.get(name.source, 0.0) + amount
        if has_values and name.calculator in ("mean", "last") and value == value:
            means[name.source] = value
    order = sorted(totals, key=lambda s: -abs(totals[s]))[:KEPT_CONTRIBUTIONS]
    return tuple(Contribution(s, totals[s], means.get(s)) for s in order)


def ready_at(lot: Lot) -> int:
    """Return from when (ns) a lot can be predicted: it is known, and it has ended."""
    return max(to_ns(lot.known_at), to_ns(lot.end or lot.known_at))


def _reason(rooms: Rooms, asset: str, features: FeatureSet, cut: Windows, i: int) -> str:
    """Say why a window cannot be assessed: the asset is too young for a whole one, or tags lack data."""
    ids = [f"{asset}/{tag}" for tag in features.sources]
    start, end = int(cut.start[i]), int(cut.end[i])
    oldest = rooms.points.oldest_first(ids, 0, end, 1)
    n_rows = int(cut.stop[i] - cut.first[i])
    is_cycle = features.axis is Axis.CYCLE
    if len(oldest) and oldest.at[0] >= start + (not is_cycle) and (n_rows < features.window or not is_cycle):
        return phrase(TOO_SHORT)
    message, found = next((said, tags) for lack, said in LACKING.items() if (tags := cut.missing(i, lack)))
    return _named(found, message)


def _unassessed(detector: DetectorSettings, bundle: Bundle, asset: str, subject: str, end: int, reason: str) -> Score:
    scale = bundle.detector.scale
    return Score(
        detector.name,
        asset,
        subject,
        from_ns(end),
        None,
        None,
        None,
        scale,
        bundle.model_id,
        Verdict.NOT_ASSESSED,
        reason,
    )
