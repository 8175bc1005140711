"""Points of one asset to a grid of rows and tags, and the grid to half-open windows on the asset's axis.

A bad point is not a number here: its cell is NaN. A window without enough of a tag is not assessed, and says which tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.plant import Axis
from domain.points import Flag, Points, Quality
from domain.vectors import FeatureSet

MIN_VALUES: Final = 3  # fewer values than this say nothing about a window


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What the values of a derived tag rest on: the places of its sources, and for each row the first row needed.

    since: int64 (rows,), ascending, -1 for a row before the grid; None where a value needs its own row only.
    """

    places: tuple[int, ...]
    since: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Values of one asset. times: int64 ns (n,), ascending and distinct. values: float64 (n, tags), NaN = none.

    reach: of the derived tags among them.
    """

    asset: str
    tags: tuple[str, ...]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    reach: Mapping[str, Reach] = field(default_factory=dict)

    def first_rows(self, tag: str, first: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return from which row windows [first, stop) take a tag: of a derived one, where nothing before is needed."""
        since = self.reach[tag].since if tag in self.reach else None
        return first if since is None else np.minimum(np.searchsorted(since, first, side="left"), stop)


@dataclass(frozen=True, slots=True)
class Window:
    """Rows [first, stop) of a grid: the half-open interval [start, end) ns; `position` on the asset's axis at the end.

    missing: tags with too few values; the window is not assessed where any is named.
    """

    first: int
    stop: int
    start: int
    end: int
    position: float
    missing: tuple[str, ...]


def grid_of(asset: str, points: Points, tags: Sequence[str]) -> Grid:
    """Pivot an asset's points, which may be in any order, to rows by time and columns by tag.

    What a broker had kept and gave again on connecting is left out: its time may be that of the receipt.
    """
    wanted = {f"{asset}/{tag}": i for i, tag in enumerate(tags)}
    columns = np.array([wanted.get(t, -1) for t in points.tag_id], dtype=np.int64)
    is_used = (columns >= 0) & ((points.flags & Flag.RETAINED) == 0)
    times, rows = np.unique(points.at[is_used], return_inverse=True)
    values = np.full((len(times), len(tags)), np.nan)
    numbers = np.where(points.quality[is_used] == Quality.BAD, np.nan, points.value[is_used])
    values[rows, columns[is_used]] = numbers
    return Grid(asset, tuple(tags), times, values)


def cut(
    grid: Grid, features: FeatureSet, step: int, period_ns: int, since: int, until: int, n_before: int = 0
) -> list[Window]:
    """Cut the windows whose end is in (since, until] ns.

    Cycle axis: a window is the last `window` rows, known at its last row; every `step`-th cycle ends one.
    n_before: cycles of the asset before the grid's first row. Time axis: ends lie at multiples of `step`,
    and [end - window, end) holds the rows.
    """
    if features.axis is Axis.CYCLE:
        return _cycles(grid, features, step, since, until, n_before)
    return _times(grid, features, step, period_ns, since, until)


def window_ending(grid: Grid, features: FeatureSet, period_ns: int, end: int) -> Window:
    """Return the time-axis window [end - window, end), e.g. the one that ends with a lot."""
    first = int(np.searchsorted(grid.times, end - features.window, side="left"))
    stop = int(np.searchsorted(grid.times, end, side="left"))
    expected = max(1, features.window // period_ns)
    missing = _missing(grid, first, stop, expected * features.min_coverage)
    return Window(first, stop, end - features.window, end, float(end), missing)


def _cycles(grid: Grid, features: FeatureSet, step: int, since: int, until: int, n_before: int) -> list[Window]:
    found = []
    rows = np.flatnonzero((grid.times > since) & (grid.times <= until))
    for row in rows.tolist():
        position = n_before + row + 1
        if position % step:
            continue
        first = max(0, row + 1 - features.window)
        missing = _missing(grid, first, row + 1, features.window * features.min_coverage)
        found.append(Window(first, row + 1, int(grid.times[first]), int(grid.times[row]), float(position), missing))
    return found


def _times(grid: Grid, features: FeatureSet, step: int, period_ns: int, since: int, until: int) -> list[Window]:
    if not len(grid.times):
        return []
    newest = min(until, int(grid.times[-1]) + step)
    first_end = (max(since, int(grid.times[0])) // step + 1) * step
    ends = range(first_end, newest + 1, step)
    return [window_ending(grid, features, period_ns, end) for end in ends]


def _missing(grid: Grid, first: int, stop: int, needed: float) -> tuple[str, ...]:
    """Return the tags with too few values; a derived one only where none of its sources alone is to blame."""
    is_there = ~np.isnan(grid.values[first:stop])
    counts = is_there.sum(axis=0).tolist()
    short = {tag for tag, n in zip(grid.tags, counts, strict=True) if n < needed and tag not in grid.reach}
    for tag, reach in grid.reach.items():
        is_named = any(grid.tags[place] in short for place in reach.places)
        if not is_named and is_there[:, reach.places].all(axis=1).sum() < needed:
            short.add(tag)
    return tuple(tag for tag in grid.tags if tag in short)
