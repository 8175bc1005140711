"""Process values of lots of two periods in; which of them moved, and what by a model that brought, out. Pure.

A factor's shift is told in standard deviations, tested by ranks and corrected for the number of factors; beside it
stands its shift in all other lots, since what moved everywhere does not say why one stratum changed. Where a model is
there, its effect is what the model says of the later lots less what it says of them with the factor put back, each
value to the earlier one of the same rank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import mannwhitneyu

from domain.vectors import FeatureName
from reports.drop import FEWEST, SURE, holm
from reports.likeness import likeness

MOST_WEIGHED: Final = 40  # factors that a model is asked about
FARTHEST: Final = 99.0  # standard deviations, also of what stood still and then stood elsewhere
MOST_ROWS: Final = 2000  # lots that it is asked about

Predict = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Move:
    """How one factor (a tag, a lot's value) moved, by that of its features that moved most. before, after: means of it;
    shift, elsewhere: in standard deviations, here and in all other lots (None where there are none); p: corrected
    (Holm). effect: what all its features brought by the model, None without one.
    """

    name: FeatureName
    before: float
    after: float
    shift: float
    elsewhere: float | None
    p: float
    effect: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether it moved beyond chance."""
        return self.p < SURE

    @property
    def apart(self) -> float:
        """By how much it moved here more than elsewhere, in standard deviations."""
        return abs(self.shift - (self.elsewhere or 0.0))


@dataclass(frozen=True, slots=True)
class Moves:
    """The factors that were looked at, the likeliest first. explained: what those that surely moved brought together
    by the model, None without one.
    """

    found: tuple[Move, ...]
    explained: float | None


def moved(
    values: NDArray[np.float64],
    names: tuple[FeatureName, ...],
    is_after: NDArray[np.bool_],
    is_inside: NDArray[np.bool_],
    change: float,
    predict: Predict | None = None,
) -> Moves:
    """Rank the factors of values (n, names), NaN = missing, by their move inside a stratum between the periods.

    A text of lots is no factor, its levels are strata: the model alone knows it.

    change: of the stratum's level. With a model, what surely moved comes first, by its effect in the direction of the
    change; without one, by how much more it moved than elsewhere.
    """
    before, after = values[is_inside & ~is_after], values[is_inside & is_after]
    rest = ~is_inside
    shifts, tests = _shifts(before, after), _tests(before, after)
    others = _shifts(values[rest & ~is_after], values[rest & is_after]) if rest.any() else np.full(len(names), np.nan)
    told = np.array([i for i in np.flatnonzero(~np.isnan(tests)).tolist() if not names[i].is_level], dtype=np.int64)
    p = np.ones(len(names))
    p[told] = holm(tests[told])
    by_source: dict[tuple[str, str], Move] = {}
    for i in told[np.lexsort((-np.abs(shifts[told]), tests[told]))].tolist():
        means = float(np.nanmean(before[:, i])), float(np.nanmean(after[:, i]))
        elsewhere = None if np.isnan(others[i]) else float(others[i])
        move = Move(names[i], *means, float(shifts[i]), elsewhere, float(p[i]))
        by_source.setdefault((names[i].origin, names[i].source), move)
    found = sorted(by_source.values(), key=lambda m: (not m.is_sure, -m.apart))
    return Moves(tuple(found), None) if predict is None else _weighed(found, before, after, names, change, predict)


def _weighed(
    found: list[Move],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    names: tuple[FeatureName, ...],
    change: float,
    predict: Predict,
) -> Moves:
    rows = after[:: -(-len(after) // MOST_ROWS)]
    as_is = float(np.mean(predict(rows)))
    direction = float(np.sign(change)) or 1.0
    back = rows.copy()
    weighed = []
    for move in found[:MOST_WEIGHED]:
        one = rows.copy()
        for at in (i for i, n in enumerate(names) if (n.origin, n.source) == (move.name.origin, move.name.source)):
            one[:, at] = put_back(rows[:, at], after[:, at], before[:, at])
            if move.is_sure:
                back[:, at] = one[:, at]
        weighed.append(replace(move, effect=as_is - float(np.mean(predict(one)))))
    weighed.sort(key=lambda m: (not m.is_sure, -direction * (m.effect or 0.0)))
    return Moves((*weighed, *found[MOST_WEIGHED:]), as_is - float(np.mean(predict(back))))


def put_back(
    values: NDArray[np.float64], after: NDArray[np.float64], before: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each value the one of the same rank before; what is missing stays missing."""
    now, then = np.sort(after[~np.isnan(after)]), np.sort(before[~np.isnan(before)])
    if not (len(now) and len(then)):
        return values
    place = (np.searchsorted(now, values, "left") + np.searchsorted(now, values, "right")) / (2 * len(now))
    found = np.interp(place, (np.arange(len(then)) + 0.5) / len(then), then)
    return np.where(np.isnan(values), np.nan, found)


def _shifts(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference of the means in standard deviations within the periods; NaN where there are too few."""
    n = [(~np.isnan(of)).sum(axis=0) for of in (before, after)]
    is_told = np.minimum(*n) >= FEWEST
    mean = [np.nansum(of, axis=0) / np.maximum(k, 1) for of, k in zip((before, after), n, strict=True)]
    square = sum(np.nansum((of - m) ** 2, axis=0) for of, m in zip((before, after), mean, strict=True))
    spread = np.sqrt(square / np.maximum(n[0] + n[1] - 2, 1))
    difference = mean[1] - mean[0]
    shift = np.divide(difference, spread, out=np.sign(difference) * FARTHEST, where=spread > 0)
    return np.where(is_told, np.clip(shift, -FARTHEST, FARTHEST), np.nan)


def _tests(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p value of each column's move by Mann and Whitney's test of ranks, weaker where neighbouring lots
    are alike; NaN where there are too few.
    """
    p = np.full(before.shape[1], np.nan)
    for i in range(before.shape[1]):
        then, now = (of[~np.isnan(of[:, i]), i] for of in (before, after))
        if min(len(then), len(now)) >= FEWEST:
            alike = likeness(np.concatenate([then - then.mean(), now - now.mean()]))
            z = ndtri(mannwhitneyu(then, now, method="asymptotic").pvalue / 2) / np.sqrt(alike)
            p[i] = 2 * ndtr(z)
    return p
