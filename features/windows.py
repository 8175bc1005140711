"""Points of one asset to a grid of rows and tags, and the grid to half-open windows on the asset's axis.

A bad point is not a number here: its cell is NaN. A window without enough of a tag is not assessed, and says which tag
and why. Invariant: what a window holds, and whether it is enough, depends on the rows inside it only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.plant import Axis
from domain.points import Flag, Points, Quality, run_starts
from domain.vectors import FeatureSet

Ints = NDArray[np.int64]
CELLS: Final = 1 << 22  # of the grid that are counted at once
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

    reach: of the derived tags among them. periods: of tags that report at a pace of their own, in axis units from one
    value to the next (ns, or cycles).
    """

    asset: str
    tags: tuple[str, ...]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    reach: Mapping[str, Reach] = field(default_factory=dict)
    periods: Mapping[str, int] = field(default_factory=dict)

    def first_rows(self, tag: str, first: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return from which row windows [first, stop) take a tag: of a derived one, where nothing before is needed."""
        since = self.reach[tag].since if tag in self.reach else None
        return first if since is None else np.minimum(np.searchsorted(since, first, side="left"), stop)


class Lack(IntEnum):
    """What a window lacks of a tag."""

    NONE = 0
    FEW = 1  # it has fewer values than the feature set's min_coverage asks for
    GAP = 2  # it has a hole that is longer than the feature set's max_gap
    STALE = 3  # its last values are missing
    STUCK = 4  # it stands still
    MODE = 5  # too many of its rows are in an operating mode that training did not hold


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """n windows of a grid: rows [first, stop), the half-open interval [start, end) ns; all arrays have n rows.

    first, stop, start, end: int64. position: float64, the place on the asset's axis at the end (cycles completed, ns).
    lacks: uint8 (n, tags), `Lack` of each tag; a window that lacks anything is not assessed.
    """

    tags: tuple[str, ...]
    first: Ints
    stop: Ints
    start: Ints
    end: Ints
    position: NDArray[np.float64]
    lacks: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.end)

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """Which windows lack nothing."""
        return np.asarray(~self.lacks.any(axis=1))

    def missing(self, window: int, lack: Lack | None = None) -> tuple[str, ...]:
        """Return the tags that one window lacks, or those that it lacks in this way."""
        row = self.lacks[window]
        return tuple(self.tags[i] for i in np.flatnonzero(row if lack is None else row == lack).tolist())

    def take(self, rows: NDArray[Any] | slice) -> Windows:
        """Return the windows chosen by a mask, an index array or a slice."""
        return Windows(
            self.tags,
            self.first[rows],
            self.stop[rows],
            self.start[rows],
            self.end[rows],
            self.position[rows],
            self.lacks[rows],
        )


def grid_of(asset: str, points: Points, tags: Sequence[str], others: Sequence[str] = ()) -> Grid:
    """Pivot an asset's points, which may be in any order, to rows by time and columns by tag.

    others: tags that make a row where they have a point, and no column.
    What a broker had kept and gave again on connecting is left out: its time may be that of the receipt.
    """
    wanted = {f"{asset}/{tag}": i for i, tag in enumerate((*tags, *others))}
    starts = run_starts(points.tag_id)
    of_run = np.array([wanted.get(t, -1) for t in points.tag_id[starts].tolist()], dtype=np.int64)
    columns = np.repeat(of_run, np.diff(starts, append=len(points)))
    is_used = (columns >= 0) & ((points.flags & Flag.RETAINED) == 0)
    times, rows = np.unique(points.at[is_used], return_inverse=True)
    values = np.full((len(times), len(wanted)), np.nan)
    numbers = np.where(points.quality[is_used] == Quality.BAD, np.nan, points.value[is_used])
    values[rows, columns[is_used]] = numbers
    return Grid(asset, tuple(tags), times, np.ascontiguousarray(values[:, : len(tags)]) if others else values)


def lagged(grid: Grid, lags: Mapping[str, int]) -> Grid:
    """Return the grid with each named tag's values at the times at which they count: its own, plus the tag's lag (ns).

    What a station measured counts when what was there then has come to where windows are cut.
    """
    moved = {lags.get(tag, 0) for tag in grid.tags}
    if moved == {0}:
        return grid
    times = np.unique(np.concatenate([grid.times + lag for lag in moved]))
    values = np.full((len(times), len(grid.tags)), np.nan)
    for place, tag in enumerate(grid.tags):
        values[np.searchsorted(times, grid.times + lags.get(tag, 0)), place] = grid.values[:, place]
    return replace(grid, times=times, values=values)


def cut(
    grid: Grid, features: FeatureSet, step: int, period_ns: int, since: int, until: int, n_before: int = 0
) -> Windows:
    """Cut the windows whose end is in (since, until] ns.

    Cycle axis: a window is the last `window` rows, known at its last row; every `step`-th cycle ends one.
    n_before: cycles of the asset before the grid's first row. Time axis: ends lie at multiples of `step` from the
    feature set's `align`, and [end - window, end) holds the rows. period_ns: of tags without a period of their own.
    """
    if features.axis is Axis.CYCLE:
        rows = np.flatnonzero((grid.times > since) & (grid.times <= until))
        return ending_at_rows(grid, features, rows[(n_before + rows + 1) % step == 0], n_before)
    return ending_at(grid, features, period_ns, _ends(grid, features.align, step, since, until))


def ending_at(grid: Grid, features: FeatureSet, period_ns: int, ends: Ints) -> Windows:
    """Return the time-axis windows [end - window, end) of these ends (ns), e.g. those that end with lots."""
    return between(grid, features, period_ns, ends - features.window, ends)


def between(grid: Grid, features: FeatureSet, period_ns: int, starts: Ints, ends: Ints) -> Windows:
    """Return the time-axis windows [start, end) ns of any length, e.g. the passages of lots."""
    first = np.searchsorted(grid.times, starts, side="left")
    stop = np.searchsorted(grid.times, ends, side="left")
    lacks = _lacks(grid, features, period_ns, _Spans(first, stop, ends - starts, starts, ends))
    return Windows(grid.tags, first, stop, starts, ends, ends.astype(np.float64), lacks)


def ending_at_rows(grid: Grid, features: FeatureSet, rows: Ints, n_before: int = 0) -> Windows:
    """Return the cycle-axis windows of the last `window` rows up to and with each of these rows."""
    stop = rows + 1
    first = np.maximum(0, stop - features.window)
    length = np.full(len(rows), features.window)
    lacks = _lacks(grid, features, 1, _Spans(first, stop, length, first - 1, stop))
    position = (n_before + stop).astype(np.float64)
    return Windows(grid.tags, first, stop, grid.times[first], grid.times[rows], position, lacks)


def _ends(grid: Grid, align: int, step: int, since: int, until: int) -> Ints:
    if not len(grid.times):
        return np.empty(0, dtype=np.int64)
    newest = min(until, int(grid.times[-1]) + step)
    first_end = ((max(since, int(grid.times[0])) - align) // step + 1) * step + align
    return np.arange(first_end, newest + 1, step, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Spans:
    """Windows of rows [first, stop) and of a length in axis units; low, high: where a hole at either end begins."""

    first: Ints
    stop: Ints
    length: Ints
    low: Ints
    high: Ints


def _lacks(grid: Grid, features: FeatureSet, period: int, spans: _Spans) -> NDArray[np.uint8]:
    """Return what windows lack of each tag; a derived one only where none of its sources alone is to blame.

    period: axis units, of tags without one of their own; a derived tag has that of its slowest source.
    """
    sources = [grid.reach[tag].places if tag in grid.reach else (i,) for i, tag in enumerate(grid.tags)]
    periods = [max(grid.periods.get(grid.tags[i], period) for i in places) for places in sources]
    needed = np.maximum(1, spans.length[:, None] // np.array(periods, dtype=np.int64)) * features.min_coverage
    found = np.zeros((len(spans.first), len(grid.tags)), dtype=np.uint8)
    at_once = max(1, CELLS // max(1, len(grid.times)))
    for start in range(0, len(grid.tags), at_once):
        some = range(start, min(start + at_once, len(grid.tags)))
        is_there = ~np.isnan(grid.values[:, some.start : some.stop])
        for i in some:
            if grid.tags[i] in grid.reach:
                is_there[:, i - start] = ~np.isnan(grid.values[:, sources[i]]).any(axis=1)
        before = np.zeros((len(is_there) + 1, len(some)), dtype=np.int64)
        np.cumsum(is_there, axis=0, out=before[1:])
        begin, end = before[spans.first], before[spans.stop]
        if features.max_gap:
            for i in range(len(some)):
                rows = np.flatnonzero(is_there[:, i])
                found[_has_gap(grid, features, rows, begin[:, i], end[:, i], spans), start + i] = Lack.GAP
        found[:, some.start : some.stop][end - begin < needed[:, some.start : some.stop]] = Lack.FEW
    for tag, reach in grid.reach.items():
        found[found[:, reach.places].any(axis=1), grid.tags.index(tag)] = Lack.NONE
    return found


def _has_gap(grid: Grid, features: FeatureSet, rows: Ints, begin: Ints, end: Ints, spans: _Spans) -> NDArray[np.bool_]:
    """Return which windows have a hole longer than max_gap between their ends and the values rows[begin:end].

    On the cycle axis a hole is the rows between two with a value.
    """
    is_cycle = features.axis is Axis.CYCLE
    at, limit = (rows, features.max_gap + 1) if is_cycle else (grid.times[rows], features.max_gap)
    if not len(at):
        return spans.high - spans.low > limit
    before = np.concatenate(([0], np.cumsum(np.diff(at) > limit)))  # holes before each value
    last = np.maximum(end - 1, 0)
    begin = np.minimum(begin, len(at) - 1)
    is_empty = end <= begin
    inside = (before[last] > before[begin]) | (at[begin] - spans.low > limit) | (spans.high - at[last] > limit)
    return np.where(is_empty, spans.high - spans.low > limit, inside)
