"""New windows and lots to scores: each is scored once, by the champion, or noted as not assessed with the reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app import courses, gate, inputs, windowing
from app.late import cursor_name
from app.live_quality import followed
from app.results import lab_histories
from app.rooms import Rooms
from detectors import symptoms
from detectors.bundle import Bundle
from detectors.schema import fitted
from detectors.settings import DetectorSettings
from domain.errors import ModelError
from domain.instants import duration_ns, from_ns, to_ns
from domain.plant import Asset, Axis
from domain.records import Event, Lot
from domain.scores import Contribution, Life, Score, Verdict
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


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to score: vectors, what cannot be assessed, and how far each asset has been looked at."""

    vectors: FeatureVectors
    unassessed: tuple[Score, ...]
    cursors: Mapping[str, int]


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
        found = vectors_of(rooms, detector, bundle, [a for a in assets if a.path in spans], spans, events, now)
        scored = _scored(detector, bundle, found.vectors)
        scores = (*(followed(rooms, bundle.model_id, scored) if is_of_lots else scored), *found.unassessed)
    except (ModelError, ValueError, KeyError) as error:
        log.error("scoring failed detector=%s error=%r", detector.name, error)
        return Scored((), {}, f"{detector.name}: {error}")
    ended = {p: until for p, (_, until) in spans.items() if until < to_ns(now) - lateness}
    return Scored(scores, {**found.cursors, **{cursor_name(detector.name, p): at for p, at in ended.items()}})


def vectors_of(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    spans: Mapping[str, tuple[int, int]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> Found:
    """Return what a model takes of each asset in (since, until] ns, from the stored rows: live, and for an explanation
    of what was said then.
    """
    found = _of_lots if symptoms.is_of_lots(detector) else _of_windows
    return found(rooms, detector, bundle, assets, spans, events, now)


def _backgrounds(
    rooms: Rooms, assets: Sequence[Asset], features: FeatureSet, now: datetime
) -> Mapping[str, Background]:
    """Return what is known of assets beside their tags; events only where a feature is made of them."""
    modes = features.inputs.modes
    is_of_events = any(n.origin == "event" for n in features.names) or (modes is not None and modes.by == "event")
    return inputs.backgrounds(assets, rooms.ledger.records.first_told(now) if is_of_events else ())


def _of_windows(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    spans: Mapping[str, tuple[int, int]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> Found:
    asset_class = rooms.settings.plant.classes[detector.asset_class]
    features = bundle.features
    cuts: dict[str, tuple[Grid, Windows]] = {}
    cursors: dict[str, int] = {}
    for path, grid in windowing.grids_for(rooms.points, rooms.settings.plant, assets, features, spans).items():
        cut = windows.cut(grid, features, features.step, duration_ns(asset_class.period), *spans[path])
        if len(cut):
            cursors[cursor_name(detector.name, path)] = int(cut.end[-1])
            cuts[path] = grid, cut
    found = _in_windows(rooms, detector, bundle, cuts, events, now)
    return replace(found, cursors=cursors)


def window_scores(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    cuts: Mapping[str, tuple[Grid, Windows]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> list[Score]:
    """Return the scores of windows by asset; of those that lack something, with the reason; none where it stood."""
    found = _in_windows(rooms, detector, bundle, cuts, events, now)
    return [*_scored(detector, bundle, found.vectors), *found.unassessed]


def _in_windows(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    cuts: Mapping[str, tuple[Grid, Windows]],
    events: Mapping[str, Sequence[Event]],
    now: datetime,
) -> Found:
    plant, features = rooms.settings.plant, bundle.features
    asset_class = plant.classes[detector.asset_class]
    backgrounds = _backgrounds(rooms, [plant.assets[path] for path in cuts], features, now)
    vectors: list[FeatureVectors] = []
    unassessed: list[Score] = []
    for path, (grid, given) in cuts.items():
        own = backgrounds[path]
        cut = windowing.alive(grid, given, features, duration_ns(asset_class.period), own)
        misfit = gate.misfit(plant, path, features)
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
    return Found(join(vectors, features.names), tuple(unassessed), {})


def _of_lots(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    spans: Mapping[str, tuple[int, int]],
    _events: Mapping[str, Sequence[Event]],
    known_by: datetime,
) -> Found:
    parts: list[FeatureVectors] = []
    unassessed: list[Score] = []
    cursors: dict[str, int] = {}
    backgrounds = _backgrounds(rooms, assets, bundle.features, known_by)
    for asset in assets:
        since, until = spans[asset.path]
        found = rooms.ledger.records.lots(asset.path, from_ns(until), from_ns(since))
        lots = [x for x in found if since < ready_at(x) <= until]
        of = _in_lots(rooms, detector, bundle, asset, lots, from_ns(until), backgrounds[asset.path])
        if of is not None:
            parts.append(of.vectors)
            unassessed += of.unassessed
            cursors[cursor_name(detector.name, asset.path)] = max(map(ready_at, lots))
    return Found(join(parts, bundle.features.names), tuple(unassessed), cursors)


def lot_scores(
    rooms: Rooms, detector: DetectorSettings, bundle: Bundle, asset: Asset, lots: Sequence[Lot], now: datetime
) -> list[Score]:
    """Return the scores of lots, with results known by `now`; none where there is no data at all."""
    background = _backgrounds(rooms, [asset], bundle.features, now)[asset.path]
    found = _in_lots(rooms, detector, bundle, asset, lots, now, background)
    if found is None:
        return []
    return [*followed(rooms, bundle.model_id, _scored(detector, bundle, found.vectors)), *found.unassessed]


def _in_lots(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    asset: Asset,
    lots: Sequence[Lot],
    now: datetime,
    background: Background,
) -> Found | None:
    """Return what there is to score of lots; None where there is no lot, or no data of the tags at all."""
    features, plant = bundle.features, rooms.settings.plant
    if not lots:
        return None
    reach = [windowing.lot_span(lot, features) for lot in lots]
    start, end = min(r[0] for r in reach), max(r[1] for r in reach)
    newest, labs = len(lots) + LAB_MARGIN, sorted({n.source for n in features.names if n.origin == "lab"})
    histories = lab_histories(rooms, asset.path, labs, now, newest)
    grid = windowing.grids(rooms.points, plant, [asset], features, start, end).get(asset.path)
    if grid is None and features.sources:
        return None
    grid = windowing.bare_grid(asset.path) if grid is None else grid
    if misfit := gate.misfit(plant, asset.path, features):
        ends = [to_ns(x.end or x.known_at) for x in lots]
        refused = [
            _unassessed(detector, bundle, asset.path, x.lot, at, misfit) for x, at in zip(lots, ends, strict=True)
        ]
        return Found(join((), features.names), tuple(refused), {})
    period = duration_ns(plant.classes[detector.asset_class].period)
    vectors, missing, cut = windowing.lot_vectors(grid, lots, histories, features, period, background)
    unassessed = [
        _unassessed(detector, bundle, asset.path, x.lot, int(cut.end[i]), _reason(rooms, asset.path, features, cut, i))
        for i, x in enumerate(missing)
    ]
    return Found(vectors, tuple(unassessed), {})


def _scored(detector: DetectorSettings, bundle: Bundle, vectors: FeatureVectors) -> list[Score]:
    """Return the scores of rows, and of those that lack too many values that they are not assessed."""
    if not len(vectors):
        return []
    vectors = fitted(vectors, bundle.features.names)
    lacking = {i: tags for i in range(len(vectors)) if (tags := gate.lacking(vectors, i, bundle.features.min_coverage))}
    rows = np.array([i not in lacking for i in range(len(vectors))])
    told = vectors.take(rows)
    scores = bundle.detector.score(told)
    if bundle.recent is not None:
        bundle.recent.note(told)
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
            None if scores.life is None else Life(*scores.life[i].tolist()),
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
