"""Entropy of a histogram of equal bins (`binned_entropy`), with numpy's very bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, columns, numbers, whole
from features.kernels.numeric import EPSILON, Floats, Ints, compiled

NAME: Final = "binned_entropy"
MOST_BINS: Final = 65_536
DISTINCT: Final = 8 * EPSILON  # times the largest edge: so wide a bin keeps its edges apart however they are rounded
TINY: Final = 1e-300  # below it a bin's width itself is rounded


def countable(bins: Any) -> bool:
    """Say whether `entropy` takes that number of bins."""
    return whole(bins, 1) and int(bins) <= MOST_BINS


def terms(n: int) -> Floats:
    """Return what a bin adds to the negative entropy by its count among n values: float64 (n + 1,)."""
    shares = np.arange(n + 1) / n
    shares[0] = 1.0
    return shares * np.log(shares)


@compiled
def _separable(low: float, high: float, step: float, bins: int) -> bool:
    if step > DISTINCT * max(abs(low), abs(high)) and step > TINY:
        return bool(high - low < np.inf)
    if step == 0.0:
        return False
    before = low
    for k in range(1, bins):
        edge = k * step + low
        if before >= edge:
            return False
        before = edge
    return before < high


@compiled
def span(values: Floats) -> tuple[float, float]:
    """Return the least and the greatest of values without NaN: unlike `min` and `max`, which look for it."""
    low = high = values[0]
    for i in range(len(values)):
        v = values[i]
        low = v if v < low else low
        high = v if v > high else high
    return low, high


@compiled
def entropy(values: Floats, low: float, high: float, bins: int, by_count: Floats, bin_of: Ints, counts: Ints) -> float:
    """Return the entropy in nats of `np.histogram(values, bins)`; NaN where numpy cannot tell so many bins apart.

    low, high: `span(values)`. by_count: `terms(len(values))`. Overwritten: bin_of, as long as values; counts, at least
    `bins` long.
    """
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = high - low
    step = width / bins
    if not _separable(low, high, step, bins):
        return np.nan
    last = bins - 1
    for i in range(len(values)):
        v = values[i]
        guess = min(int((v - low) / width * bins), last)
        # numpy's guess may lie one bin off at an edge; the last bin includes its upper edge
        above = guess < last and v >= (guess + 1) * step + low
        below = v < guess * step + low
        bin_of[i] = guess + above - below
    counts[:bins] = 0
    for i in range(len(values)):
        counts[bin_of[i]] += 1
    negative = 0.0
    for k in range(bins):
        negative += by_count[counts[k]]
    return -negative


@compiled
def _entropies(x: Floats, bins: Ints, by_count: Floats, to: Ints, out: Floats) -> None:
    bin_of, counts = np.empty(x.shape[1], np.int64), np.empty(bins.max(), np.int64)
    for w in range(len(x)):
        low, high = span(x[w])
        for k in range(len(to)):
            out[w, to[k]] = entropy(x[w], low, high, bins[k], by_count, bin_of, counts)


def _possible(params: Mapping[str, Any]) -> bool:
    return countable(params["max_bins"])


def _prepare(wanted: Sequence[Wanted], n: int) -> Run:
    to = columns(wanted, NAME)
    bins = numbers(wanted, NAME, "max_bins").astype(np.int64)
    by_count = terms(n)

    def run(block: Block, out: Floats) -> None:
        _entropies(block.x, bins, by_count, to, out)

    return run


GROUP = Group("histogram", {NAME: _possible}, _prepare)
