"""Stored points, events and lots to grids, windows and vectors: one path for training and for live scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from app import feature_sets
from app.settings import Settings
from domain.instants import duration_ns, to_ns
from domain.plant import Asset, Axis, Plant
from domain.points import Points
from domain.ports import PointStore
from domain.records import Event, EventKind, Lot, Result
from domain.vectors import FeatureName, FeatureSet, FeatureVectors
from features import derived, extract, lab, windows
from features.settings import FeatureSettings
from features.windows import Grid, Windows

STOPPING = (EventKind.FAILURE, EventKind.STOP)


def full_set(settings: Settings, chosen: FeatureSettings) -> FeatureSet:
    """Return the feature set of the config with every calculator over every process and derived tag of its class."""
    return feature_sets.full_set(settings.plant, settings.root.derived, chosen)


def grids(
    store: PointStore, plant: Plant, assets: Sequence[Asset], features: FeatureSet, start: int, end: int
) -> dict[str, Grid]:
    """Read what counts for a feature set in [start, end) ns of assets of one class, pivot it and add its derived tags:
    the one place that makes grids, of history and live. Assets without any point are left out.
    """
    ids = [f"{a.path}/{t}" for a in assets for t in features.sources]
    points = store.read(ids, start - max((lag for _, lag in features.lags), default=0), end)
    if not len(points):
        return {}
    owner = np.array([t.rpartition("/")[0] for t in points.tag_id], dtype=object)
    return {a.path: _grid(plant, a, part, features) for a in assets if len(part := points.take(owner == a.path))}


def _grid(plant: Plant, asset: Asset, points: Points, features: FeatureSet) -> Grid:
    found = windows.grid_of(asset.path, points, features.sources)
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
    if features.axis is Axis.TIME:
        return grids(store, plant, assets, features, since - features.window, until + 1)
    lookback = 2 * duration_ns(plant.classes[assets[0].class_name].wall(features.window))
    found = grids(store, plant, assets, features, since - lookback, until + 1)
    short = [a for a in assets if a.path in found and _n_until(found[a.path], spans[a.path][0]) < features.window - 1]
    return found | grids(store, plant, short, features, 0, until + 1) if short else found


def _n_until(grid: Grid, at: int) -> int:
    return int(np.searchsorted(grid.times, at, side="right"))


def lot_vectors(
    grid: Grid,
    lots: Sequence[Lot],
    results: Mapping[str, Sequence[Result]],
    features: FeatureSet,
    period_ns: int,
) -> tuple[FeatureVectors, list[Lot], Windows]:
    """Return the vectors of lots at their ends, and the lots that cannot be assessed with their windows."""
    lots = [lot for lot in lots if lot.end]
    spans = np.array([lot_span(lot, features) for lot in lots], dtype=np.int64).reshape(-1, 2)
    cut = windows.between(grid, features, period_ns, spans[:, 0], spans[:, 1])
    good = cut.take(cut.is_whole)
    known = {name: lab.known_before(found, good.end) for name, found in results.items()}
    columns = [known[n.source][:, _lab_place(n)] for n in features.names if n.origin == "lab"]
    table = np.column_stack(columns) if columns else None
    names = [lots[i].lot for i in np.flatnonzero(cut.is_whole).tolist()]
    vectors = extract.extract(grid, good, features.names, names, table)
    return vectors, [lots[i] for i in np.flatnonzero(~cut.is_whole).tolist()], cut.take(~cut.is_whole)


def lot_span(lot: Lot, features: FeatureSet) -> tuple[int, int]:
    """Return a lot's window as [start, end) ns: its passage, where the feature set asks for it and the lot has one, or
    the window that ends with it.
    """
    end = to_ns(lot.end or lot.known_at)
    if features.is_passage and lot.start is not None and to_ns(lot.start) < end:
        return to_ns(lot.start), end
    return end - features.window, end


def _lab_place(name: FeatureName) -> int:
    return ("last", "before_last").index(name.calculator)


def overlaps(start: Any, end: Any, stop_start: int, stop_end: int | None) -> Any:
    """Return whether a window, or which of many, reaches into a stop (all ns; a stop without an end goes on)."""
    return (end > stop_start) & (stop_end is None or start < stop_end)


def running(events: Sequence[Event], cut: Windows) -> Windows:
    """Return the windows that touch no stop of their asset."""
    is_stopped = np.zeros(len(cut), dtype=bool)
    for e in events:
        if e.kind in STOPPING:
            is_stopped |= overlaps(cut.start, cut.end, to_ns(e.start), None if e.end is None else to_ns(e.end))
    return cut.take(~is_stopped) if is_stopped.any() else cut


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
