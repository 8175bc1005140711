"""Values of a grid's tags to how a healthy sensor moves, and to the windows in which one no longer does: stuck-at.

A value that stands still for longer than it ever did, or a noise floor that is gone, is a dead sensor that still talks;
one that ended before the window is stale.
Invariant: whether a tag is stuck in a window depends on the rows inside it only.
Fails where a tag was flat for a whole window in training: of such a tag nothing is learned, and any time is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.inputs import Liveness
from domain.plant import Axis
from domain.vectors import FeatureSet
from features.windows import Grid, Lack, Windows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ALLOWED: Final = 2  # times the longest stretch of one value seen in training
LEAST_ROWS: Final = 5  # a shorter stretch is never called stuck
FLOOR: Final = 0.1  # of the least noise seen in training
MIN_STEPS: Final = 2
STALE_PERIODS: Final = 3  # values missing at a window's end that say nothing yet


def learned(cut: Iterable[tuple[Grid, Windows]], tags: Sequence[str]) -> tuple[Liveness, ...]:
    """Return how each tag moves in whole windows of grids; tags that stood still for a whole window are left out."""
    longest: dict[str, int] = dict.fromkeys(tags, 0)
    noise: dict[str, float] = dict.fromkeys(tags, np.inf)
    for grid, found in cut:
        for tag in tags:
            if tag not in grid.tags or not len(found):
                continue
            values, first, stop = _values(grid, tag, found)
            longest[tag] = max(longest[tag], int(longest_stretch(values, first, stop).max()))
            noise[tag] = min(noise[tag], float(noise_of(values, first, stop).min()))
    return tuple(
        Liveness(t, max(LEAST_ROWS, ALLOWED * longest[t]), FLOOR * noise[t]) for t in tags if 0 < noise[t] < np.inf
    )


def checked(grid: Grid, found: Windows, features: FeatureSet, period: int) -> Windows:
    """Return the windows with what their tags lack of life beside what they lacked already.

    A tag is stale where more than STALE_PERIODS of its values are missing at the end, or more than the set's `max_gap`.
    period: axis units, of tags without one of their own. Derived tags are judged by their sources.
    """
    lacks = found.lacks.copy()
    is_cycle = features.axis is Axis.CYCLE
    by_tag = {x.tag: x for x in features.inputs.liveness}
    for place, tag in enumerate(grid.tags):
        if tag in grid.reach or not len(found):
            continue
        is_blank = lacks[:, place] == Lack.NONE
        longest = features.max_gap or (STALE_PERIODS + (not is_cycle)) * grid.periods.get(tag, period)
        lacks[is_blank & (_silent(grid, place, found, is_cycle) > longest), place] = Lack.STALE
        if tag in by_tag:
            lacks[is_blank & _is_stuck(grid, tag, found, by_tag[tag]), place] = Lack.STUCK
    return replace(found, lacks=lacks)


def _silent(grid: Grid, place: int, found: Windows, is_cycle: bool) -> Ints:
    """Return how long a tag has been silent at each window's end: rows without a value, or ns since the last one."""
    rows = np.flatnonzero(~np.isnan(grid.values[:, place]))
    if not len(rows):
        return np.full(len(found), np.iinfo(np.int64).max)
    last = rows[np.maximum(np.searchsorted(rows, found.stop) - 1, 0)]
    return np.asarray(found.stop - 1 - last if is_cycle else found.end - grid.times[last])


def _is_stuck(grid: Grid, tag: str, found: Windows, known: Liveness) -> Bools:
    values, first, stop = _values(grid, tag, found)
    is_quiet = (stop - first > MIN_STEPS) & (noise_of(values, first, stop) < known.least)
    return np.asarray((longest_stretch(values, first, stop) > known.most) | is_quiet)


def _values(grid: Grid, tag: str, found: Windows) -> tuple[Floats, Ints, Ints]:
    """Return a tag's values without gaps, and the windows as [first, stop) of them."""
    column = grid.values[:, grid.tags.index(tag)]
    before = np.concatenate(([0], np.cumsum(~np.isnan(column))))
    return column[~np.isnan(column)], before[found.first], before[found.stop]


def longest_stretch(values: Floats, first: Ints, stop: Ints) -> Ints:
    """Return the most equal values in a row in each window [first, stop) of values."""
    n = len(values)
    if not n:
        return np.zeros(len(first), dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    ends = np.append(starts[1:], n)
    place = np.repeat(np.arange(len(starts)), ends - starts)
    lengths = ends - starts
    is_empty = stop <= first
    left, right = place[np.minimum(first, n - 1)], place[np.maximum(stop - 1, 0)]
    edge = np.maximum(np.minimum(ends[left], stop) - first, stop - np.maximum(starts[right], first))
    inside = _range_maximum(lengths, left + 1, right)
    return np.where(is_empty, 0, np.maximum(edge, inside))


def _range_maximum(values: Ints, first: Ints, stop: Ints) -> Ints:
    """Return the maximum of each values[first:stop], 0 for an empty one, by a sparse table."""
    table, width = [values], 1
    while 2 * width <= len(values):
        table.append(np.maximum(table[-1][:-width], table[-1][width:]))
        width *= 2
    found = np.zeros(len(first), dtype=np.int64)
    size = stop - first
    level = np.zeros(len(first), dtype=np.int64)
    level[size > 0] = np.floor(np.log2(size[size > 0])).astype(np.int64)
    for at in np.unique(level[size > 0]).tolist():
        rows = np.flatnonzero((level == at) & (size > 0))
        found[rows] = np.maximum(table[at][first[rows]], table[at][stop[rows] - (1 << at)])
    return found


def noise_of(values: Floats, first: Ints, stop: Ints) -> Floats:
    """Return the root mean square of the steps from value to value in each window [first, stop); 0 without a step."""
    has_steps = stop - first > 1
    found = np.zeros(len(first))
    if has_steps.any():
        squares = np.append(np.square(np.diff(values)), 0.0)
        begin, end = first[has_steps], stop[has_steps] - 1
        sums = np.add.reduceat(squares, np.column_stack([begin, end]).ravel())[
            ::2
        ]  # of each window alone, no running sum
        found[has_steps] = np.sqrt(sums / (end - begin))
    return found
