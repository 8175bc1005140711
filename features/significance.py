"""Columns and an outcome to p-values: the tests that tsfresh takes, with the same values, over all columns at once.

Outcome of two values: Mann-Whitney U, for a column of two values Fisher's exact test. Other outcomes: Kendall's tau,
for a column of two values Kolmogorov-Smirnov. Columns are ordered once; every part of the rows is then tested by
walking that order.
Sources: Mann, Whitney (1947); Kendall (1938); Christ, Kempa-Liehr, Feindt (2016), arXiv:1610.07717, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.kernels.numeric import Floats, Ints, compiled

Bools = NDArray[np.bool_]
EXACT_BELOW: Final = 8  # rows of the smaller side up to which the exact distribution is taken, where nothing is tied
DISTINCT, TIES, RANK_SUM, LOWER, LOWER_ONES = range(5)  # of `_ranked_sums`


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns in rows of memory, float64 (columns, n) without NaN, and the order of each, int64 (columns, n)."""

    values: Floats
    order: Ints


def ordered(values: Floats) -> Columns:
    """Order the columns of float64 (n, columns)."""
    columns = np.ascontiguousarray(values.T)
    return Columns(columns, np.argsort(columns, axis=1, kind="stable"))


def p_values(columns: Columns, outcome: Floats, is_in: Bools) -> Floats:
    """Return the p-value of each column over the rows that are in; NaN for a column, or an outcome, of one value."""
    held = outcome[is_in]
    kinds = np.unique(held)
    if len(kinds) < 2:
        return np.full(len(columns.values), np.nan)
    if len(np.unique(outcome)) == 2:
        return _of_two(columns, outcome == kinds[1], is_in)
    return _of_many(columns, outcome, is_in)


def _of_two(columns: Columns, is_one: Bools, is_in: Bools) -> Floats:
    from scipy.special import ndtr
    from scipy.stats import mannwhitneyu

    found = _ranked_sums(columns.values, columns.order, is_one, is_in)
    n, n1 = int(is_in.sum()), int((is_one & is_in).sum())
    n0 = n - n1
    u1 = found[:, RANK_SUM] - n1 * (n1 + 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(n1 * n0 / 12 * ((n + 1) - found[:, TIES] / (n * (n - 1))))
        p = np.clip(2 * ndtr(-(np.maximum(u1, n1 * n0 - u1) - n1 * n0 / 2 - 0.5) / spread), 0.0, 1.0)
    if min(n1, n0) <= EXACT_BELOW:
        few = np.flatnonzero((found[:, TIES] == 0) & (found[:, DISTINCT] > 2))
        ones, zeros = columns.values[few][:, is_in & is_one], columns.values[few][:, is_in & ~is_one]
        p[few] = mannwhitneyu(ones, zeros, axis=1, method="exact").pvalue if len(few) else p[few]
    for i in np.flatnonzero(found[:, DISTINCT] == 2).tolist():
        lower, ones_below = int(found[i, LOWER]), int(found[i, LOWER_ONES])
        p[i] = _fisher(n1 - ones_below, ones_below, n0 - (lower - ones_below), lower - ones_below)
    p[found[:, DISTINCT] < 2] = np.nan
    return np.asarray(p, dtype=np.float64)


@lru_cache(maxsize=4096)
def _fisher(ones_above: int, ones_below: int, zeros_above: int, zeros_below: int) -> float:
    from scipy.stats import fisher_exact

    return float(fisher_exact([[ones_above, ones_below], [zeros_above, zeros_below]]).pvalue)


def _of_many(columns: Columns, outcome: Floats, is_in: Bools) -> Floats:
    from scipy.special import ndtr
    from scipy.stats import ks_2samp

    n = int(is_in.sum())
    rank = np.zeros(len(outcome), dtype=np.int64)
    _, rank[is_in], counts = np.unique(outcome[is_in], return_inverse=True, return_counts=True)
    found = _pairs(columns.values, columns.order, rank, len(counts), is_in)
    distinct, x_ties, x0, x1, both, discordant = found.T
    t = counts.astype(np.float64)
    y_ties, y0, y1 = (t * (t - 1) / 2).sum(), (t * (t - 1) * (t - 2)).sum(), (t * (t - 1) * (2 * t + 5)).sum()
    m = n * (n - 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (m * (2 * n + 5) - x1 - y1) / 18 + (2 * x_ties * y_ties) / m + x0 * y0 / (9 * m * (n - 2))
        p = 2 * ndtr(-np.abs((m / 2 - x_ties - y_ties + both - 2 * discordant) / np.sqrt(spread)))
    for i in np.flatnonzero(distinct == 2).tolist():
        column, held = columns.values[i, is_in], outcome[is_in]
        p[i] = ks_2samp(held[column == column.max()], held[column == column.min()]).pvalue
    p[distinct < 2] = np.nan
    return np.asarray(p, dtype=np.float64)


@compiled
def _ranked_sums(values: Floats, order: Ints, is_one: Bools, is_in: Bools) -> Floats:
    """Return (columns, 5): distinct values, sum of t^3 - t over ties, rank sum of ones, rows and ones of the lowest."""
    n_columns, n = order.shape
    found = np.zeros((n_columns, 5))
    for c in range(n_columns):
        distinct, before, ties, ranks, i = 0, 0, 0.0, 0.0, 0
        while i < n:
            if not is_in[order[c, i]]:
                i += 1
                continue
            value, tied, ones = values[c, order[c, i]], 0, 0
            while i < n and values[c, order[c, i]] == value:
                row = order[c, i]
                if is_in[row]:
                    tied += 1
                    ones += is_one[row]
                i += 1
            if distinct == 0:
                found[c, 3], found[c, 4] = tied, ones
            distinct += 1
            ties += float(tied) ** 3 - tied
            ranks += ones * (before + (tied + 1) / 2)
            before += tied
        found[c, 0], found[c, 1], found[c, 2] = distinct, ties, ranks
    return found


@compiled
def _pairs(values: Floats, order: Ints, rank: Ints, n_ranks: int, is_in: Bools) -> Floats:
    """Return (columns, 6): distinct values, pairs tied, x0, x1, pairs tied in both, discordant pairs.

    Discordant pairs are counted by a Fenwick tree over the outcome's ranks, in n log n steps.
    """
    n_columns, n = order.shape
    found = np.zeros((n_columns, 6))
    for c in range(n_columns):
        tree = np.zeros(n_ranks + 1, dtype=np.int64)
        here = np.zeros(n_ranks, dtype=np.int64)
        distinct, inserted, i = 0, 0, 0
        while i < n:
            if not is_in[order[c, i]]:
                i += 1
                continue
            value, start, tied = values[c, order[c, i]], i, 0
            while i < n and values[c, order[c, i]] == value:
                row = order[c, i]
                if is_in[row]:
                    tied += 1
                    found[c, 4] += here[rank[row]]
                    here[rank[row]] += 1
                    below, k = 0, rank[row] + 1
                    while k > 0:
                        below += tree[k]
                        k -= k & -k
                    found[c, 5] += inserted - below
                i += 1
            for j in range(start, i):
                row = order[c, j]
                if is_in[row]:
                    here[rank[row]] = 0
                    k = rank[row] + 1
                    while k <= n_ranks:
                        tree[k] += 1
                        k += k & -k
            inserted += tied
            distinct += 1
            t = float(tied)
            found[c, 1] += t * (t - 1) / 2
            found[c, 2] += t * (t - 1) * (t - 2)
            found[c, 3] += t * (t - 1) * (2 * t + 5)
        found[c, 0] = distinct
    return found
