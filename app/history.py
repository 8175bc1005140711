"""The stored history of an asset to stretches of bounded size, each a grid with the windows that end in it.

Invariant: the windows that are cut stretch by stretch are those of the whole history cut at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app import windowing
from domain.instants import duration_ns
from domain.plant import Asset, Axis, Plant
from domain.ports import PointStore
from domain.vectors import FeatureSet
from features import stream
from features.stream import Part
from features.windows import Grid

STRETCH_POINTS: Final = 500_000  # that are read at once, where tags keep their periods


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A grid, and the windows to cut of it: those that end in (since, until] ns. n_before: cycles before its rows."""

    grid: Grid
    since: int
    until: int
    n_before: int


def parts(
    store: PointStore, plant: Plant, asset: Asset, features: FeatureSet, since: int, until: int, n_rows: int
) -> Iterator[Part]:
    """Yield the windows of an asset that end in (since, until] ns and have data enough, `n_rows` at a time."""
    period = duration_ns(plant.classes[asset.class_name].period)
    for x in stretches(store, plant, asset, features, since, until):
        yield from stream.parts(x.grid, features, period, x.since, x.until, n_rows, x.n_before)


def stretches(
    store: PointStore,
    plant: Plant,
    asset: Asset,
    features: FeatureSet,
    since: int,
    until: int,
    n_points: int = STRETCH_POINTS,
) -> Iterator[Stretch]:
    """Yield an asset's history, about `n_points` read at a time, in order of time.

    On the cycle axis the history is read from its beginning, because windows are counted from there.
    """
    ids = [f"{asset.path}/{tag}" for tag in features.sources]
    oldest = store.oldest_first(ids, -1, until, 1)
    if not len(oldest):
        return
    is_cycle = features.axis is Axis.CYCLE
    end = int(store.latest(ids, until + 1).at.max()) + max((lag for _, lag in features.lags), default=0) + 1
    begin = int(oldest.at[0]) if is_cycle else max(int(oldest.at[0]), since - features.window)
    span = _span(plant, asset, features, n_points)
    stop, n_before = begin, 0
    while stop < end:
        stop = min(stop + span, end)
        grid = windowing.grids(store, plant, [asset], features, begin, stop).get(asset.path)
        if grid is None:
            continue
        # Behind the last row nothing can be said yet: the windows there may hold rows of the next stretch.
        known = stop - 1 if is_cycle else min(stop, int(grid.times[-1]) + features.step)
        known = until if stop == end else min(known, until)
        yield Stretch(grid, since, known, n_before)
        since = max(since, known)
        if is_cycle:
            row = max(0, len(grid.times) - features.window + 1)
            begin = int(grid.times[row]) if row < len(grid.times) else stop
            n_before += row
        else:
            begin = max(begin, known - features.window)


def most_windows(store: PointStore, plant: Plant, asset: Asset, features: FeatureSet, since: int, until: int) -> int:
    """Return how many windows an asset has at most that end in (since, until] ns, by its first and last point."""
    ids = [f"{asset.path}/{tag}" for tag in features.sources]
    oldest, newest = store.oldest_first(ids, -1, until, 1), store.latest(ids, until + 1)
    if not len(oldest):
        return 0
    known = plant.classes[asset.class_name]
    is_cycle = features.axis is Axis.CYCLE
    step = duration_ns(known.cycle or known.period) if is_cycle else features.step
    return max(0, int(newest.at.max()) - max(int(oldest.at[0]), since)) // step + 2


def _span(plant: Plant, asset: Asset, features: FeatureSet, n_points: int) -> int:
    """Return how long (ns) it takes an asset's tags to report `n_points`; no less than a window."""
    known, tags = plant.classes[asset.class_name], plant.tags[asset.path]
    if features.axis is Axis.CYCLE:
        return max(1, n_points * duration_ns(known.cycle or known.period) // len(features.sources))
    periods = [duration_ns(tags[name].period) for name in features.sources if name in tags]
    return max(features.window, features.step, int(n_points / sum(1 / period for period in periods)))
