"""How a factor moves the result: lots in, accumulated local effects with interval and support out. Pure.

Accumulated local effects move each lot only as far as the next edge, so that correlated factors do not lead outside of
history, as they do in a partial dependence plot. Source: Apley, Zhu (2020), JRSS B 82.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.study import Fit, Fitted, Floats, Ints, Lots, block_length, filled, resampled, spread_over

BINS: Final = 16
FEWEST_IN_BIN: Final = 8
WIDE: Final = 0.25  # a bin that spans more of the range than this has a hole in it
MOST_ROWS: Final = 2000
REFITS: Final = 16
SIGMAS: Final = 1.645  # of a 90 % interval
CERTAIN: Final = 2.0  # standard errors from which a sign is told
MOST_BESIDE: Final = 8  # other factors that a slope is adjusted for
FEWEST_SHARE: Final = 3  # lots for each coefficient of a stratum's slope


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """A factor's effect, centred so that its mean over the lots is 0. x: edges (k + 1,). y, low, high: (k + 1,), 90 %.

    counts: lots in each bin (k,). is_supported: bool (k,), False where history has a hole.
    """

    factor: str
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    counts: Ints
    is_supported: NDArray[np.bool_]

    @property
    def sign(self) -> int:
        """1 where the result surely is higher at the factor's high end than at its low one, -1 lower, 0 not surely."""
        return int(self.low[-1] > self.high[0]) - int(self.high[-1] < self.low[0])


def effects(lots: Lots, fit: Fit, factors: Sequence[str], seed: int = 1) -> list[Effect]:
    """Return the effects of factors in a model of all lots; those whose level never varies are left out."""
    lots = lots.process_only()
    rows = spread_over(len(lots.outcome), MOST_ROWS)
    random = np.random.default_rng(seed)
    length = block_length(lots.outcome[rows])
    models = [fit(lots.values[rows], lots.outcome[rows])]
    for _ in range(REFITS):
        drawn = rows[resampled(len(rows), length, random)]
        models.append(fit(lots.values[drawn], lots.outcome[drawn]))
    found = []
    for factor in factors:
        level = lots.level(factor)[rows]
        edges = _edges(level)
        if len(edges) < 2:
            continue
        has = ~np.isnan(level)
        member = np.clip(np.searchsorted(edges, level[has], side="left") - 1, 0, len(edges) - 2)
        counts = np.bincount(member, minlength=len(edges) - 1)
        low, high = (lots.moved(factor, rows[has], edges[member + side]) for side in (0, 1))
        lines = np.array([_accumulated(m, low, high, member, counts) for m in models])
        spread = SIGMAS * lines[1:].std(axis=0, ddof=1)
        widths = np.diff(edges) / (edges[-1] - edges[0])
        supported = (counts >= FEWEST_IN_BIN) & (widths <= max(WIDE, 4 / len(counts)))
        y = lines[0]
        found.append(Effect(factor, edges, y, y - spread, y + spread, counts, supported))
    return found


def _edges(level: Floats) -> Floats:
    """Return bins of equally many lots, from the 1 % to the 99 % quantile of the levels seen."""
    seen = level[~np.isnan(level)]
    if len(seen) < FEWEST_IN_BIN * 2:
        return np.empty(0)
    n_bins = int(min(BINS, max(2, len(seen) // (2 * FEWEST_IN_BIN))))
    return np.unique(np.quantile(seen, np.linspace(0.01, 0.99, n_bins + 1)))


def _accumulated(model: Fitted, low: Floats, high: Floats, member: Ints, counts: Ints) -> Floats:
    steps = model(high) - model(low)
    local = np.bincount(member, steps, minlength=len(counts)) / np.maximum(counts, 1)
    line = np.concatenate([[0.0], np.cumsum(local)])
    return np.asarray(line - np.average((line[1:] + line[:-1]) / 2, weights=np.maximum(counts, 1e-9)))


@dataclass(frozen=True, slots=True)
class Slope:
    """The sign of a factor's slope among the lots of one stratum: 1, -1, or 0 where it is not sure. n: lots."""

    stratum: str
    level: str
    sign: int
    n: int


def slopes(
    lots: Lots, factor: str, beside: Sequence[str], strata: Mapping[str, NDArray[np.object_]]
) -> tuple[Slope, ...]:
    """Return the slope of the result on a factor's level in each stratum, adjusted for the levels of other factors."""
    level = filled(lots.level(factor)[:, None])
    others = lots.levels([f for f in beside if f != factor][:MOST_BESIDE])
    found = []
    for name, of_lot in strata.items():
        for value in sorted(set(of_lot.tolist())):
            rows = np.flatnonzero(of_lot == value)
            found.append(Slope(name, value, _sign(level[rows], others[rows], lots.outcome[rows]), len(rows)))
    return tuple(found)


def _sign(level: Floats, others: Floats, outcome: Floats) -> int:
    n = len(outcome)
    beside = others[:, : max(0, n // FEWEST_SHARE - 2)]
    x = np.column_stack([level, np.ones(n), beside])
    if n <= x.shape[1] + 1 or np.ptp(level) == 0:
        return 0
    solved, *_ = np.linalg.lstsq(x, outcome, rcond=None)
    left = outcome - x @ solved
    variance = float((left**2).sum()) / (n - x.shape[1]) * np.linalg.pinv(x.T @ x)[0, 0]
    is_certain = abs(solved[0]) >= CERTAIN * np.sqrt(max(variance, 0.0))
    return int(np.sign(solved[0])) if is_certain else 0
