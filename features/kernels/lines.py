"""Straight lines through a window, or through aggregates of its chunks (`linear_trend`, `agg_linear_trend`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.special import stdtr

from features.kernels.block import Block, Group, Run, Wanted
from features.kernels.numeric import Floats, Ints, compiled, line, total, variance

TREND: Final = "linear_trend"
CHUNKED: Final = "agg_linear_trend"
ATTRIBUTES: Final = ("rvalue", "intercept", "slope", "stderr", "pvalue")  # as `line` finds them; last its t
PVALUE: Final = 4
AGGREGATES: Final = ("max", "min", "mean", "var")
MAX, MIN, MEAN, VAR = range(4)


@compiled
def _extremes(x: Floats, size: int, count: int, points: Floats) -> None:
    for c in range(count):
        start, stop = c * size, min((c + 1) * size, len(x))
        high = low = x[start]
        for i in range(start + 1, stop):
            high = x[i] if x[i] > high else high
            low = x[i] if x[i] < low else low
        points[MAX, c] = high
        points[MIN, c] = low


@compiled
def _moments(x: Floats, size: int, count: int, room: Floats, points: Floats) -> None:
    for c in range(count):
        start, stop = c * size, min((c + 1) * size, len(x))
        if stop - start >= 8:
            chunk = x[start:stop]
            mean = total(chunk) / (stop - start)
            spread = variance(chunk, mean, room)
        else:  # as `total` adds so few, without the cost of slices
            mean = spread = 0.0
            for i in range(start, stop):
                mean += x[i]
            mean /= stop - start
            for i in range(start, stop):
                spread += (x[i] - mean) * (x[i] - mean)
            spread /= stop - start
        points[MEAN, c] = mean
        points[VAR, c] = spread


@compiled
def _lines(x: Floats, fits: Ints, values: Ints, out: Floats) -> None:
    """Write the fits' values. fits: (fits + 1, 3) by chunk size: it, aggregate, first value; values: (values, 2) place
    in what `line` finds, column.
    """
    n = x.shape[1]
    room, points, found = np.empty(n), np.empty((len(AGGREGATES), n)), np.empty(5)
    for w in range(len(x)):
        extremes_of = moments_of = 0  # chunk sizes
        for f in range(len(fits) - 1):
            size, how = fits[f, 0], fits[f, 1]
            count = (n + size - 1) // size
            if how <= MIN and extremes_of != size:
                _extremes(x[w], size, count, points)
                extremes_of = size
            if how >= MEAN and moments_of != size:
                _moments(x[w], size, count, room, points)
                moments_of = size
            if count > 1:
                line(points[how, :count], found)
                if count == 2:
                    found[PVALUE] = 1.0 if points[how, 0] == points[how, 1] else 0.0
            else:
                found[:] = np.nan
            for v in range(fits[f, 2], fits[f + 1, 2]):
                out[w, values[v, 1]] = found[values[v, 0]]


def _fit(wanted: Wanted) -> tuple[int, int]:
    if wanted.calculator == TREND:
        return 1, MAX
    return int(wanted.params["chunk_len"]), AGGREGATES.index(wanted.params["f_agg"])


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    of_fit: dict[tuple[int, int], list[tuple[int, int]]] = {}
    tested: dict[int, list[int]] = {}  # columns of p-values by degrees of freedom
    for each in wanted:
        size, how = _fit(each)
        attribute = ATTRIBUTES.index(each.params["attr"])
        of_fit.setdefault((size, how), []).append((attribute, each.column))
        free = -(-n // size) - 2
        if attribute == PVALUE and free > 0:
            tested.setdefault(free, []).append(each.column)
    by_size = sorted(of_fit)
    values = np.array([value for fit in by_size for value in of_fit[fit]], dtype=np.int64)
    firsts = np.cumsum([0, *(len(of_fit[fit]) for fit in by_size)])
    fits = np.array([(*fit, first) for fit, first in zip([*by_size, (0, 0)], firsts, strict=True)], dtype=np.int64)

    def run(block: Block, out: Floats) -> None:
        _lines(block.x, fits, values, out)
        for free, places in tested.items():
            for column in places:
                out[:, column] = 2 * stdtr(free, -np.abs(out[:, column]))

    return run


def _is_trend(params: Mapping[str, Any]) -> bool:
    return params.get("attr") in ATTRIBUTES


def _is_chunked(params: Mapping[str, Any]) -> bool:
    size = params.get("chunk_len")
    return _is_trend(params) and params.get("f_agg") in AGGREGATES and isinstance(size, int) and size > 0


GROUP: Final = Group("lines", {TREND: _is_trend, CHUNKED: _is_chunked}, _prepare)
