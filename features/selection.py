"""Rows and an outcome to the relevant columns, by FRESH, and by how stable FRESH is over halves of the rows.

FRESH: a test per column, then a bound on the false discovery rate over all. It is tsfresh's: Benjamini-Hochberg in the
form that holds for columns that depend on one another (Benjamini, Yekutieli). Stable: the share of halves in which
FRESH takes a column. A half is made of whole groups, for rows of one group resemble one another. Invariant: nothing is
kept between calls; what is chosen depends on the rows of the call alone.
Sources: Christ, Kempa-Liehr, Feindt (2016), arXiv:1610.07717; Benjamini, Yekutieli (2001), Ann. Statist. 29(4);
Meinshausen, Buehlmann (2010), Stability selection, JRSS B 72(4); halves in complementary pairs: Shah, Samworth (2013),
JRSS B 75(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features import significance
from features.significance import Columns

FALSE_DISCOVERY_RATE: Final = 0.05
MAX_ROWS: Final = 2_000
MIN_GROUPS: Final = 6  # fewer than these are not dealt into halves, but stretches of rows are
STRETCHES: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """The columns that were kept, best first. p_values, stability: float64, one for each; stability NaN for FRESH.

    n_tested: columns that could be tested. n_halves: how many halves could be looked at, 0 for FRESH.
    """

    columns: NDArray[np.int64]
    p_values: NDArray[np.float64]
    stability: NDArray[np.float64]
    n_tested: int
    n_halves: int = 0


def fresh(values: NDArray[np.float64], outcome: NDArray[np.float64], few: int = 0) -> Screened:
    """Keep relevant columns, smallest p-value first; none where none is relevant.

    Tests on at most MAX_ROWS rows, spread evenly: neighbouring windows overlap, so more rows add no evidence.
    few: where any column is relevant and no more than these can be tested, all of them are kept: a test of each alone
    misses what tells only in company, as the grade of a product does that decides how much strain it bears.
    """
    usable, columns, rows = _usable(values)
    p = significance.p_values(columns, outcome[rows], np.ones(len(outcome[rows]), dtype=bool))
    kept = np.flatnonzero(discovered(p))
    if len(kept) and len(usable) <= few:
        kept = np.flatnonzero(~np.isnan(p))
    kept = kept[np.lexsort((kept, p[kept]))]
    return Screened(usable[kept], p[kept], np.full(len(kept), np.nan), len(usable))


def stable(
    values: NDArray[np.float64],
    outcome: NDArray[np.float64],
    group: NDArray[np.object_],
    rounds: int,
    min_share: float,
    seed: int,
) -> Screened:
    """Keep the columns that FRESH takes in at least `min_share` of the halves, the most stable first.

    rounds: number of halves. Halves that hold one outcome only are left out. Equal calls give equal columns.
    """
    usable, columns, rows = _usable(values)
    held = outcome[rows]
    p = significance.p_values(columns, held, np.ones(len(held), dtype=bool))
    taken, n_halves = np.zeros(len(usable)), 0
    for is_in in _halves(group[rows], rounds, seed):
        if len(np.unique(held[is_in])) < 2:
            continue
        taken += discovered(significance.p_values(columns, held, is_in))
        n_halves += 1
    share = taken / max(n_halves, 1)
    kept = np.flatnonzero(share >= min_share)
    kept = kept[np.lexsort((kept, p[kept], -share[kept]))]
    return Screened(usable[kept], p[kept], share[kept], len(usable), n_halves)


def discovered(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which p-values count as discoveries at FALSE_DISCOVERY_RATE; NaN never does, and is not counted."""
    found = np.zeros(len(p), dtype=bool)
    tested = np.flatnonzero(~np.isnan(p))
    if not len(tested):
        return found
    order = tested[np.argsort(p[tested], kind="stable")]
    place = np.arange(1, len(order) + 1)
    limit = place / len(order) / (1.0 / place).sum() * FALSE_DISCOVERY_RATE
    below = np.flatnonzero(p[order] <= limit)
    if len(below):
        found[order[: below[-1] + 1]] = True
    return found


def _usable(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], Columns, slice]:
    """Return which columns have a value in every row and more than one value, ordered, and the rows that are taken."""
    rows = slice(None, None, max(1, -(-len(values) // MAX_ROWS)))
    taken = values[rows]
    usable = np.flatnonzero(~np.isnan(taken).any(axis=0) & (np.ptp(taken, axis=0) > 0))
    return usable, significance.ordered(taken[:, usable]), rows


def _halves(group: NDArray[np.object_], rounds: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Yield masks of rows: half of the groups, then the other half, drawn anew for each pair."""
    names, member = np.unique(group.astype(str), return_inverse=True)
    n = len(names)
    if n < MIN_GROUPS:
        n = min(STRETCHES, len(group))
        member = np.arange(len(group)) * n // max(len(group), 1)
    random = np.random.default_rng(seed)
    for i in range(rounds):
        if i % 2 == 0:
            is_chosen = np.zeros(n, dtype=bool)
            is_chosen[random.permutation(n)[: n // 2]] = True
            yield is_chosen[member]
        else:
            yield ~is_chosen[member]
