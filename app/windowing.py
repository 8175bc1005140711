"""Stored points, events and lots to grids, windows and vectors: one path for training and for live scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app import feature_sets
from app.inputs import process_values
from app.settings import Settings
from domain.instants import duration_ns, to_ns
from domain.plant import Asset, Axis, Plant
from domain.points import Points
from domain.ports import PointStore
from domain.records import Event, EventKind, Lot
from domain.vectors import FeatureSet, FeatureVectors
from features import derived, extract, lab, liveness, modes, windows
from features.context import Background, columns
from features.existence import existing
from features.settings import FeatureSettings
from features.windows import Grid, Lack, Windows

NEWEST: Final = 4  # rows of a window, the last, of which one at least is in a known mode
STOPPING = (EventKind.FAILURE, EventKind.STOP)
NOTHING_KNOWN: Final = Background()
TOLD = (*STOPPING, EventKind.MAINTENANCE)  # what decides whether a window says anything


def full_set(settings: Settings, chosen: FeatureSettings) -> FeatureSet:
    """Return the feature set of the config: over every process and derived tag of its class, each calculator that can
    have a value in a window that misses nothing.
    """
    whole = feature_sets.full_set(settings.plant, settings.root.derived, chosen)
    if whole.is_passage:
        return whole  # a lot may take any time
    return whole.only(existing(whole.names, full_samples(settings.plant, chosen.asset_class, whole)))


def full_samples(plant: Plant, asset_class: str, features: FeatureSet) -> dict[str, int]:
    """Return how many values of each tag a window holds that misses none, by the fastest of the assets.

    A derived tag has no more values than the slowest of its sources.
    """
    assets = plant.of_class(asset_class)
    periods = [_periods(plant, asset, features) for asset in assets]
    fastest = {tag: min((p[tag] for p in periods if tag in p), default=1) for tag in features.sources}
    samples = {tag: -(-features.window // period) for tag, period in fastest.items()}
    return samples | {d.name: min(samples[tag] for tag, _ in d.sources) for d in features.derived}


def grid_tags(features: FeatureSet) -> tuple[str, ...]:
    """Return the tags of a feature set's grids, measured and then derived, in the grids' order."""
    return (*features.sources, *(tag.name for tag in features.derived))


def grids(
    store: PointStore, plant: Plant, assets: Sequence[Asset], features: FeatureSet, start: int, end: int
) -> dict[str, Grid]:
    """Read what counts for a feature set in [start, end) ns of assets of one class, pivot it and add its derived tags:
    the one place that makes grids, of history and live. Assets without any point are left out.
    """
    if not features.sources:
        return {}
    ids = [f"{a.path}/{t}" for a in assets for t in (*features.sources, *features.cycle_tags)]
    points = store.read(ids, start - max((lag for _, lag in features.lags), default=0), end)
    if not len(points):
        return {}
    owner = np.array([t.rpartition("/")[0] for t in points.tag_id], dtype=object)
    return {a.path: _grid(plant, a, part, features) for a in assets if len(part := points.take(owner == a.path))}


def _grid(plant: Plant, asset: Asset, points: Points, features: FeatureSet) -> Grid:
    found = windows.grid_of(asset.path, points, features.sources, features.cycle_tags)
    found = windows.lagged(replace(found, periods=_periods(plant, asset, features)), dict(features.lags))
    return derived.added(found, features.derived)


def _periods(plant: Plant, asset: Asset, features: FeatureSet) -> dict[str, int]:
    """Return how far apart the values of each tag of an asset are, in axis units; no tag has two of one cycle."""
    known, tags = plant.classes[asset.class_name], plant.tags[asset.path]
    cycle = duration_ns(known.cycle or known.period)
    found = {name: duration_ns(tags[name].period) for name in features.sources if name in tags}
    return {n: max(1, round(ns / cycle)) for n, ns in found.items()} if known.axis is Axis.CYCLE else found


def grids_for(
    store: PointStore,
    plant: Plant,
    assets: Sequence[Asset],
    features: FeatureSet,
    spans: Mapping[str, tuple[int, int]],
) -> dict[str, Grid]:
    """Read what windows that end in each asset's (since, until] may need.

    On the cycle axis that is a number of rows: an asset whose nominal lookback holds too few (it paused, or its cycles
    take longer) is read from its beginning.
    """
    since = min(span[0] for span in spans.values())
    until = max(span[1] for span in spans.values())
    if not features.sources:
        return {path: bare_grid(path, span) for path, span in spans.items()}
    if features.axis is Axis.TIME:
        return grids(store, plant, assets, features, since - features.window, until + 1)
    asset_class = plant.classes[assets[0].class_name]
    n_rows = features.window + max(asset_class.recovery, asset_class.relearn)
    lookback = 2 * duration_ns(asset_class.wall(n_rows))
    found = grids(store, plant, assets, features, since - lookback, until + 1)
    short = [a for a in assets if a.path in found and _n_until(found[a.path], spans[a.path][0]) < n_rows - 1]
    return found | grids(store, plant, short, features, 0, until + 1) if short else found


def _n_until(grid: Grid, at: int) -> int:
    return int(np.searchsorted(grid.times, at, side="right"))


def lot_vectors(
    grid: Grid,
    lots: Sequence[Lot],
    labs: Mapping[str, lab.LabHistory],
    features: FeatureSet,
    period_ns: int,
    background: Background = NOTHING_KNOWN,
) -> tuple[FeatureVectors, list[Lot], Windows]:
    """Return the vectors of lots at their ends (or where they became known), and the lots that cannot be assessed with
    their windows. labs: by result, what was known of the line's.
    """
    cut = lot_windows(grid, lots, features, period_ns, background)
    good, assessed = cut.take(cut.is_whole), [lots[i] for i in np.flatnonzero(cut.is_whole).tolist()]
    own = [lot.lot for lot in assessed]
    known = {name: lab.known_before(found, good.end, own) for name, found in labs.items()}
    table = columns(features.names, good.end, background, known, process_values(features, grid.asset, assessed))
    vectors = told(grid, good, features, background, own, table)
    return vectors, [lots[i] for i in np.flatnonzero(~cut.is_whole).tolist()], cut.take(~cut.is_whole)


def lot_windows(
    grid: Grid, lots: Sequence[Lot], features: FeatureSet, period_ns: int, background: Background
) -> Windows:
    """Return the windows of lots, with what they lack."""
    spans = np.array([lot_span(lot, features) for lot in lots], dtype=np.int64).reshape(-1, 2)
    cut = windows.between(grid, features, period_ns, spans[:, 0], spans[:, 1])
    return alive(grid, cut, features, period_ns, background)


def alive(grid: Grid, cut: Windows, features: FeatureSet, period_ns: int, background: Background) -> Windows:
    """Return the windows with what their tags lack of life, and of a mode that is known: those that are stale, that
    stand still, and those that hold too few rows of a known operating mode, or none at their end.
    """
    period = 1 if features.axis is Axis.CYCLE else period_ns
    cut = liveness.checked(grid, cut, features, period)
    if features.inputs.modes is None or not len(cut) or not grid.tags:
        return cut
    is_known = np.isin(modes.names_of(grid, background, features.inputs.modes), features.inputs.modes.names)
    before = np.concatenate(([0], np.cumsum(is_known)))
    n_rows = np.maximum(cut.stop - cut.first, 1)
    newest = before[cut.stop] - before[np.maximum(cut.stop - NEWEST, cut.first)]
    is_unknown = ((before[cut.stop] - before[cut.first]) / n_rows < features.min_coverage) | (newest == 0)
    lacks = cut.lacks.copy()
    lacks[cut.is_whole & is_unknown] = Lack.MODE
    return replace(cut, lacks=lacks)


def told(
    grid: Grid,
    cut: Windows,
    features: FeatureSet,
    background: Background,
    subjects: Sequence[str] | None = None,
    beside: NDArray[np.float64] | None = None,
) -> FeatureVectors:
    """Return the vectors of windows: tags relative to their operating mode where there is one, and what is known
    beside them (`beside`, or else what the background tells).
    """
    if features.inputs.modes is not None:
        grid = modes.applied(grid, background, features.inputs.modes)
    table = columns(features.names, cut.end, background) if beside is None else beside
    return extract.extract(grid, cut, features.names, subjects, table)


def lot_span(lot: Lot, features: FeatureSet) -> tuple[int, int]:
    """Return a lot's window as [start, end) ns: its passage, where the feature set asks for it and the lot has one, or
    the window that ends with it.
    """
    end = to_ns(lot.end or lot.known_at)
    if features.is_passage and lot.start is not None and to_ns(lot.start) < end:
        return to_ns(lot.start), end
    return end - features.window, end


def event_grids(assets: Sequence[Asset], features: FeatureSet, events: Sequence[Event]) -> dict[str, Grid]:
    """Return grids for windows of events alone: from a window after the first one of the class, to the last."""
    if not events:
        return {}
    first, last = (to_ns(f(e.start for e in events)) for f in (min, max))
    return {a.path: bare_grid(a.path, (first + features.window, max(last, first + features.window))) for a in assets}


def bare_grid(asset: str, times: Sequence[int] = ()) -> Grid:
    """Return a grid without tags, of an asset whose windows hold events alone, from the first time to the last."""
    return Grid(asset, (), np.array(times, dtype=np.int64), np.empty((len(times), 0)))


def overlaps(start: Any, end: Any, stop_start: int, stop_end: int | None) -> Any:
    """Return whether a window, or which of many, reaches into a stop (all ns; a stop without an end goes on)."""
    return (end > stop_start) & (stop_end is None or start < stop_end)


def touches_stop(events: Sequence[Event], start: int, end: int) -> bool:
    """Return whether a window, or an instant as [at, at], lies in a stop: what it holds is the repair's."""
    return any(
        overlaps(start, end, to_ns(e.start), None if e.end is None else to_ns(e.end))
        for e in events
        if e.kind in STOPPING
    )


def stopped_since(events: Sequence[Event], now: datetime) -> datetime | None:
    """Return since when the asset of these events has been stopped, None where it runs."""
    open_now = [e.start for e in events if e.kind in STOPPING and e.start <= now and (e.end is None or e.end > now)]
    return min(open_now, default=None)
