"""How hard a window is to describe: phrases of its symbols (`lempel_ziv_complexity`), orders of neighbouring samples
(`permutation_entropy`), and occurrences of a given pattern (`query_similarity_count`, without a pattern only).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from features.kernels.block import Block, Group, Run, Wanted, columns, numbers, whole
from features.kernels.numeric import EPSILON, Floats, Ints, Ints32, compiled

PHRASES: Final = "lempel_ziv_complexity"
ORDERS: Final = "permutation_entropy"
PATTERNS: Final = "query_similarity_count"
MOST_BINS: Final = 1024  # a table has a row of that many entries for each sample
MOST_STAMP: Final = 2**31 - 1
DISTINCT: Final = 8 * EPSILON  # edges this far apart, of the greatest value, stay apart whatever they are rounded to
TINY: Final = 1e-300  # below it the distance of edges is itself rounded
LONGEST_ORDER: Final = 8  # a table has an entry for each of 8! orders


@compiled
def _symbols(x: Floats, low: float, high: float, bins: int, symbols: Ints32) -> None:
    """Write `np.searchsorted(np.linspace(low, high, bins + 1)[1:], x)`."""
    n, last = len(x), bins - 1
    width = high - low
    step = width / bins
    if not (step > TINY and step > DISTINCT * max(abs(low), abs(high))):
        _symbols_of_close_edges(x, low, high, bins, symbols)
        return
    per = bins / width
    for i in range(n):
        v = x[i]
        s = min(int((v - low) * per), last)
        # rounding may have put it one off; the last edge is the highest value itself
        above = (s < last) & (v > (s + 1) * step + low)
        below = (s > 0) & (v <= s * step + low)
        symbols[i] = s + above - below


@compiled
def _symbols_of_close_edges(x: Floats, low: float, high: float, bins: int, symbols: Ints32) -> None:
    width = high - low
    step = width / bins
    edges = np.empty(bins)
    for k in range(bins):
        edges[k] = ((k + 1) / bins * width if step == 0.0 else (k + 1) * step) + low
    edges[bins - 1] = high
    for i in range(len(x)):
        first, stop = 0, bins - 1
        while first < stop:
            middle = (first + stop) // 2
            if edges[middle] < x[i]:
                first = middle + 1
            else:
                stop = middle
        symbols[i] = first


@compiled
def _count_phrases(
    symbols: Ints32, n: int, bins: Ints, first: Ints, stamp: int, table: Ints32, at: Ints, found: Ints
) -> None:
    """Count the phrases of each row of symbols: each the shortest that has not been one before.

    Phrases are nodes of a tree: table[first[k] + node * bins[k] + symbol] is the child's number plus the stamp; what is
    not above the stamp is of an earlier window. The rows advance together: each has to wait for its own table only.
    """
    at[:] = 0
    found[:] = 0
    for i in range(n):
        for k in range(len(bins)):
            place = first[k] + at[k] * bins[k] + symbols[k, i]
            child = table[place]
            is_new = child <= stamp
            found[k] += is_new
            table[place] = stamp + found[k] if is_new else child
            at[k] = 0 if is_new else child - stamp


@compiled
def _phrases(x: Floats, bins: Ints, first: Ints, size: int, to: Ints, out: Floats) -> None:
    n = x.shape[1]
    symbols = np.empty((len(bins), n), np.int32)
    table = np.zeros(size, np.int32)
    at = np.empty(len(bins), np.int64)
    found = np.empty(len(bins), np.int64)
    stamp = 0
    for w in range(len(x)):
        low, high = x[w].min(), x[w].max()
        for k in range(len(bins)):
            _symbols(x[w], low, high, bins[k], symbols[k])
        if stamp > MOST_STAMP - 2 * n:
            table[:] = 0
            stamp = 0
        _count_phrases(symbols, n, bins, first, stamp, table, at, found)
        stamp += n
        for k in range(len(bins)):
            out[w, to[k]] = found[k] / n


def _prepare_phrases(wanted: Sequence[Wanted], n: int) -> Run:
    to = columns(wanted, PHRASES)
    bins = numbers(wanted, PHRASES, "bins").astype(np.int64)
    stop = np.cumsum(bins * (n + 1))
    first, size = stop - bins * (n + 1), int(stop[-1])

    def run(block: Block, out: Floats) -> None:
        _phrases(block.x, bins, first, size, to, out)

    return run


@compiled
def _entropy(orders: Ints32, many: int, tau: int, terms: Floats, counts: Ints32) -> float:
    """Return the entropy in nats of every tau-th of the first `many` orders; `counts` is all zero, before and after."""
    for i in range(0, many, tau):
        counts[orders[i]] += 1
    negative = 0.0
    for i in range(0, many, tau):
        negative += terms[counts[orders[i]]]
        counts[orders[i]] = 0
    return -negative


@compiled
def _entropies(x: Floats, dimensions: Ints, taus: Ints, terms: Floats, most: int, to: Ints, out: Floats) -> None:
    """Number the order of each run of samples by its inversions: equal samples are in the order of time."""
    n = x.shape[1]
    different = 1
    for d in range(2, most + 1):
        different *= d
    counts = np.zeros(different, np.int32)
    orders = np.empty(n, np.int32)
    greater = np.empty(n, np.int32)
    for w in range(len(x)):
        series = x[w]
        orders[:] = 0
        greater[:] = 0
        for before in range(1, most):
            many = max(n - before, 0)
            later, greater_before = series[n - many :], greater[n - many :]
            for i in range(many):
                greater_before[i] += series[i] > later[i]
                orders[i] = orders[i] * (before + 1) + greater_before[i]
            for k in range(len(to)):
                if dimensions[k] == before + 1:
                    out[w, to[k]] = np.nan if many == 0 else _entropy(orders, many, taus[k], terms[k], counts)


def _prepare_orders(wanted: Sequence[Wanted], n: int) -> Run:
    to = columns(wanted, ORDERS)
    dimensions = numbers(wanted, ORDERS, "dimension").astype(np.int64)
    taus = np.minimum(numbers(wanted, ORDERS, "tau"), n).astype(np.int64)
    most = int(dimensions.max())
    terms = np.stack([_terms((n - d) // tau + 1, n) for d, tau in zip(dimensions, taus, strict=True)])

    def run(block: Block, out: Floats) -> None:
        _entropies(block.x, dimensions, taus, terms, most, to, out)

    return run


def _terms(total: int, n: int) -> Floats:
    """Return what an order adds to the negative entropy by how often it is seen among `total`: float64 (n + 1,)."""
    shares = np.arange(n + 1) / max(total, 1)
    shares[0] = 1.0
    return shares * np.log(shares)


def _prepare_patterns(wanted: Sequence[Wanted], _n: int) -> Run:
    to = columns(wanted, PATTERNS)

    def run(_block: Block, out: Floats) -> None:
        out[:, to] = np.nan

    return run


def _has_bins(params: Mapping[str, Any]) -> bool:
    return whole(params["bins"], 1) and bool(params["bins"] <= MOST_BINS)


def _has_orders(params: Mapping[str, Any]) -> bool:
    return whole(params["dimension"], 2) and whole(params["tau"], 1) and bool(params["dimension"] <= LONGEST_ORDER)


def _has_no_pattern(params: Mapping[str, Any]) -> bool:
    return params.get("query") is None


GROUPS: Final = (
    Group("phrases", {PHRASES: _has_bins}, _prepare_phrases),
    Group("orders", {ORDERS: _has_orders}, _prepare_orders),
    Group("patterns", {PATTERNS: _has_no_pattern}, _prepare_patterns),
)
