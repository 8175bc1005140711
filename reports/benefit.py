"""Stops and judged lots before and after something was switched on, of pilot assets and of a control, in; what changed,
with its interval, out. Pure.

Invariant: nothing is claimed whose 95 % interval holds no change; what the counts could have shown is told instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import chi2, chi2_contingency
from scipy.stats.contingency import odds_ratio

from reports.drop import Z95, Lots
from reports.likeness import likeness

TAIL: Final = 0.025
SURE: Final = 0.05


class Verdict(StrEnum):
    """What the interval of a change allows to say."""

    LESS = "less"
    MORE = "more"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The stops of assets in one period. weeks: asset-weeks in which they were watched; hours: for which they stood."""

    n: int
    weeks: float
    hours: float

    @property
    def rate(self) -> float:
        """Stops per asset-week."""
        return self.n / self.weeks if self.weeks else float("nan")

    @property
    def hours_per_week(self) -> float:
        """Hours stopped per asset-week."""
        return self.hours / self.weeks if self.weeks else float("nan")


@dataclass(frozen=True, slots=True)
class Ratio:
    """After over before, with its 95 % interval; NaN and infinity where there is nothing to divide by."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What can be said."""
        if self.high < 1:
            return Verdict.LESS
        return Verdict.MORE if self.low > 1 else Verdict.CANNOT_TELL


@dataclass(frozen=True, slots=True)
class Difference:
    """After less before, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What can be said."""
        if self.high < 0:
            return Verdict.LESS
        return Verdict.MORE if self.low > 0 else Verdict.CANNOT_TELL


def rate_ratio(before: Stopped, after: Stopped) -> Ratio:
    """Return the ratio of two Poisson rates with its exact interval, given the sum of both counts.

    Source: Przyborowski and Wilenski (1940), Biometrika; the limits of the binomial are Clopper's and Pearson's.
    """
    if not (before.weeks > 0 and after.weeks > 0):
        return Ratio(float("nan"), 0.0, float("inf"))
    scale = before.weeks / after.weeks
    value = after.n / before.n * scale if before.n else float("nan" if after.n == 0 else "inf")
    low = 0.0 if after.n == 0 else float(betaincinv(after.n, before.n + 1, TAIL))
    high = 1.0 if before.n == 0 else float(betaincinv(after.n + 1, before.n, 1 - TAIL))
    return Ratio(value, _odds(low) * scale, _odds(high) * scale)


def ratio_of_ratios(pilot: tuple[Stopped, Stopped], control: tuple[Stopped, Stopped]) -> Ratio:
    """Return by what the pilot's rate changed against the control's, with Fisher's exact interval: the difference in
    differences of two pairs of Poisson counts. Each pair is before and after.
    """
    (p0, p1), (c0, c1) = pilot, control
    if min(p0.weeks, p1.weeks, c0.weeks, c1.weeks) <= 0 or not (p0.n + p1.n and c0.n + c1.n):
        return Ratio(float("nan"), 0.0, float("inf"))
    found = odds_ratio(np.array([[p1.n, p0.n], [c1.n, c0.n]]), kind="conditional")
    scale = (p0.weeks / p1.weeks) / (c0.weeks / c1.weeks)
    interval = found.confidence_interval(1 - 2 * TAIL)
    return Ratio(float(found.statistic) * scale, float(interval.low) * scale, float(interval.high) * scale)


def showable(before: Stopped, weeks: float) -> float | None:
    """Return the smallest cut of the rate, 0 to 1, that `weeks` after could have shown; None where not even no stop at
    all would have.
    """
    if not (before.n and before.weeks and weeks):
        return None
    expected = before.rate * weeks
    for n in range(int(expected), -1, -1):
        if rate_ratio(before, Stopped(n, weeks, 0.0)).verdict is Verdict.LESS:
            return 1 - n / expected
    return None


def dispersion(counts: Sequence[int], weeks: Sequence[float]) -> float:
    """Return the p value of counts that differ no more than one Poisson rate would have them; 1 for too few."""
    n, w = np.asarray(counts, dtype=np.float64), np.asarray(weeks, dtype=np.float64)
    n, w = n[w > 0], w[w > 0]
    if len(n) < 2 or n.sum() == 0:
        return 1.0
    expected = n.sum() * w / w.sum()
    return float(chi2.sf(((n - expected) ** 2 / expected).sum(), len(n) - 1))


@dataclass(frozen=True, slots=True)
class Compared:
    """A level before and after. change: as it is; at_same_mix: of lots of the same kinds, None where no kind has lots
    in both periods; n_left_out: lots of kinds that only one period has.
    """

    n_before: int
    n_after: int
    before: float
    after: float
    change: Difference
    at_same_mix: Difference | None
    n_left_out: int


def compared(lots: Lots) -> Compared:
    """Compare the levels of two periods; lots are in time order. Raises ValueError where one has no lot.

    At the same mix: the kinds of lots, all their strata together, weigh the same in both periods, as Mantel and
    Haenszel (1959) weigh them. Neighbours that are alike widen the intervals.
    """
    n_after = int(lots.is_after.sum())
    n_before = len(lots.outcome) - n_after
    if not (n_before and n_after):
        raise ValueError(f"{n_before} judged lots before, {n_after} after: both periods need some")
    everywhere = np.zeros(len(lots.outcome), dtype=np.int64)
    change = _difference(lots, everywhere)
    _, kinds = np.unique(_kinds(lots), return_inverse=True)
    n = _counts(kinds, lots.is_after)
    is_in_both = np.asarray(n.min(axis=0) > 0, dtype=bool)[kinds]
    at_same_mix = None
    if is_in_both.any():
        own = Lots(lots.outcome[is_in_both], lots.is_after[is_in_both], {})
        at_same_mix = _difference(own, kinds[is_in_both])
    before, after = (float(lots.outcome[rows].mean()) for rows in (~lots.is_after, lots.is_after))
    return Compared(n_before, n_after, before, after, change, at_same_mix, int((~is_in_both).sum()))


def against_control(pilot: Difference, control: Difference) -> Difference:
    """Return by how much more the pilot changed than the control, with its interval by the normal law."""
    value = pilot.value - control.value
    half = float(np.hypot(pilot.high - pilot.low, control.high - control.low)) / 2
    return Difference(value, value - half, value + half)


def mixes(lots: Lots) -> Mapping[str, float]:
    """Return by dimension the p value of shares that did not change between the periods."""
    found = {}
    for name, of in lots.strata.items():
        _, code = np.unique(of.astype(str), return_inverse=True)
        n = _counts(code, lots.is_after)
        if n.shape[1] > 1 and n.sum(axis=1).all():
            found[name] = float(chi2_contingency(n, correction=False).pvalue)
    return found


def placebo(lots: Lots) -> Compared | None:
    """Return the comparison of the halves of the time before, when nothing was switched on; None for too few lots."""
    rows = np.flatnonzero(~lots.is_after)
    if len(rows) < 2:
        return None
    before = lots.take(~lots.is_after)
    return compared(Lots(before.outcome, np.arange(len(rows)) >= len(rows) // 2, before.strata))


def _kinds(lots: Lots) -> NDArray[np.str_]:
    columns = [of.astype(str) for of in lots.strata.values()]
    return np.array(["\x1f".join(row) for row in zip(*columns, strict=True)] or [""] * len(lots.outcome), dtype=str)


def _counts(code: NDArray[np.int64], is_after: NDArray[np.bool_]) -> NDArray[np.int64]:
    most = int(code.max()) + 1
    return np.array([np.bincount(code[rows], minlength=most) for rows in (~is_after, is_after)])


def _difference(lots: Lots, kind: NDArray[np.int64]) -> Difference:
    """Return after less before within kinds that have lots in both periods."""
    n = _counts(kind, lots.is_after).astype(np.float64)
    cell = kind * 2 + lots.is_after
    total = np.bincount(cell, lots.outcome, 2 * n.shape[1]).reshape(-1, 2).T
    level = total / np.maximum(n, 1)
    weight = n[0] * n[1] / n.sum(axis=0).clip(1)
    value = float((weight * (level[1] - level[0])).sum() / weight.sum())
    residuals = lots.outcome - level.T.reshape(-1)[cell]
    freedom = len(residuals) - int((n > 0).sum())
    # An event of which none was seen may still come: without a floor the interval would be of no width.
    variance = max(float((residuals**2).sum()), 0.5 if lots.is_share else 0.0) / max(freedom, 1)
    error = np.sqrt(variance * likeness(residuals) * (weight**2 * (1 / n.clip(1)).sum(axis=0)).sum()) / weight.sum()
    return Difference(value, value - Z95 * float(error), value + Z95 * float(error))


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")
