"""New windows and lots to scores: each is scored once, by the champion, or noted as not assessed with the reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app import windowing
from app.rooms import Rooms
from detectors.bundle import Bundle
from detectors.settings import DetectorSettings
from domain.errors import ModelError
from domain.instants import duration_ns, from_ns, to_ns
from domain.plant import Asset
from domain.records import Event
from domain.scores import Contribution, Score, Verdict
from domain.text import mark, phrase
from domain.vectors import FeatureVectors
from features import windows
from features.extract import extract, join

log = logging.getLogger(__name__)
MISSING_TAGS = mark("not enough data of {tags}")
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
    started_at: int,
    now: datetime,
) -> Scored:
    """Score what is new of running assets. A cursor's name is `score:<detector>:<asset>`; none means: from
    started_at.
    """
    running = [a for a in assets if windowing.stopped_since(events.get(a.path, ()), now) is None]
    if not running:
        return Scored((), {})
    since = {a.path: cursors.get(cursor_name(detector.name, a.path), started_at) for a in running}
    lateness = duration_ns(rooms.settings.plant.classes[detector.asset_class].lateness)
    until = to_ns(now) - lateness
    try:
        score = _score_lots if bundle.detector.role == "quality" else _score_windows
        return score(rooms, detector, bundle, running, since, until)
    except (ModelError, ValueError, KeyError) as error:
        log.error("scoring failed detector=%s error=%r", detector.name, error)
        return Scored((), {}, f"{detector.name}: {error}")


def cursor_name(detector: str, asset: str) -> str:
    """Return the name of the cursor of one detector on one asset."""
    return f"score:{detector}:{asset}"


def _score_windows(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    since: Mapping[str, int],
    until: int,
) -> Scored:
    asset_class = rooms.settings.plant.classes[detector.asset_class]
    features = bundle.features
    oldest = min(since.values()) - windowing.lookback_ns(asset_class, features)
    found = windowing.grids(rooms.points, assets, features.sources, oldest, until + 1)
    vectors: list[FeatureVectors] = []
    unassessed: list[Score] = []
    cursors: dict[str, int] = {}
    for path, grid in found.items():
        cut = windows.cut(grid, features, features.step, duration_ns(asset_class.period), since[path], until)
        if not cut:
            continue
        cursors[cursor_name(detector.name, path)] = max(w.end for w in cut)
        vectors.append(extract(grid, [w for w in cut if not w.missing], features.names))
        unassessed += [_unassessed(detector, bundle, path, "", w.end, w.missing) for w in cut if w.missing]
    scores = _scored(detector, bundle, join(vectors, features.names))
    return Scored((*scores, *unassessed), cursors)


def _score_lots(
    rooms: Rooms,
    detector: DetectorSettings,
    bundle: Bundle,
    assets: Sequence[Asset],
    since: Mapping[str, int],
    until: int,
) -> Scored:
    asset_class = rooms.settings.plant.classes[detector.asset_class]
    features, now = bundle.features, from_ns(until)
    labs = sorted({n.source for n in features.names if n.origin == "lab"})
    scores: list[Score] = []
    cursors: dict[str, int] = {}
    for asset in assets:
        lots = [
            x
            for x in rooms.ledger.records.lots(asset.path, now, from_ns(since[asset.path]))
            if x.end is not None and to_ns(x.end) <= until
        ]
        if not lots:
            continue
        ends = [to_ns(x.end) for x in lots if x.end is not None]
        newest = len(lots) + LAB_MARGIN
        results = {name: rooms.ledger.records.results(asset.path, name, now, newest) for name in labs}
        grid = windowing.grids(rooms.points, [asset], features.sources, min(ends) - features.window, max(ends)).get(
            asset.path
        )
        if grid is None:
            continue
        vectors, missing = windowing.lot_vectors(grid, lots, results, features, duration_ns(asset_class.period))
        scores += _scored(detector, bundle, vectors)
        scores += [_unassessed(detector, bundle, asset.path, x.lot, to_ns(x.end), tags) for x, tags in missing if x.end]
        cursors[cursor_name(detector.name, asset.path)] = max(ends)
    return Scored(tuple(scores), cursors)


def _scored(detector: DetectorSettings, bundle: Bundle, vectors: FeatureVectors) -> list[Score]:
    if not len(vectors):
        return []
    scores = bundle.detector.score(vectors)
    model_id = bundle.model_id
    return [
        Score(
            detector.name,
            str(vectors.asset[i]),
            str(vectors.subject[i]),
            from_ns(vectors.end[i]),
            float(scores.value[i]),
            float(scores.low[i]),
            float(scores.high[i]),
            scores.scale,
            model_id,
            Verdict.OK,
            "",
            by_source(vectors, i, scores.contributions[i]),
        )
        for i in range(len(vectors))
    ]


def by_source(vectors: FeatureVectors, row: int, amounts: NDArray[np.float64]) -> tuple[Contribution, ...]:
    """Return a row's contributions summed by tag, the largest first, with the tag's mean in the window."""
    totals: dict[str, float] = {}
    means: dict[str, float] = {}
    for name, amount, value in zip(vectors.names, amounts.tolist(), vectors.values[row].tolist(), strict=True):
        totals[name.source] = totals.get(name.source, 0.0) + amount
        if name.calculator in ("mean", "last") and value == value:
            means[name.source] = value
    order = sorted(totals, key=lambda s: -abs(totals[s]))[:KEPT_CONTRIBUTIONS]
    return tuple(Contribution(s, totals[s], means.get(s)) for s in order)


def _unassessed(
    detector: DetectorSettings, bundle: Bundle, asset: str, subject: str, end: int, missing: Sequence[str]
) -> Score:
    shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
    is_short = len(missing) == len(bundle.features.sources)  # every tag alike: the window, not a tag, lacks data
    reason = phrase(TOO_SHORT) if is_short else phrase(MISSING_TAGS, tags=shown)
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
