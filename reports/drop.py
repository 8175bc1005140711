"""Judged lots of two periods in; how much of the change of their level each line, product, machine or shift brought,
and which of them stands out, out. Pure.

Invariant: in each dimension the parts add up to the change, to the last digits of the floating point.

A stratum's part is what it would be on average over the two orders in which its share of the lots and its level can
change (Shapley's value of the two, which here is the mean of the periods' weights): Kitagawa (1955), Components of a
difference between two rates, JASA. Which stratum stands out is another question, since a large stratum has a large
part of any change: it is answered by how much more its level changed than that of all other lots, in standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from reports.likeness import likeness

FEWEST: Final = 5  # lots of a stratum in each period, below which its level says too little
SURE: Final = 0.05
Z95: Final = 1.959963984540054


class Kind(StrEnum):
    """How a stratum brings a change: other lots (its share of them changed), or worse ones (its level changed)."""

    MIX = "mix"
    WITHIN = "within"


@dataclass(frozen=True, slots=True, eq=False)
class Lots:
    """Judged lots in time order. outcome: float64 (n,), a result, or 1.0 for a bad lot and 0.0 for a good one.
    is_after: bool (n,), of the later period. strata: dimension -> object (n,), "" = not known.
    """

    outcome: NDArray[np.float64]
    is_after: NDArray[np.bool_]
    strata: Mapping[str, NDArray[np.object_]]

    @property
    def is_share(self) -> bool:
        """Whether the level is a share of bad lots."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())

    def take(self, rows: NDArray[np.bool_]) -> Lots:
        """Return the lots chosen by a mask."""
        return Lots(self.outcome[rows], self.is_after[rows], {name: of[rows] for name, of in self.strata.items()})


@dataclass(frozen=True, slots=True)
class Part:
    """What one stratum brought. before, after: its level, NaN without lots. mix + within is its part of the change."""

    stratum: str
    n_before: int
    n_after: int
    share_before: float
    share_after: float
    before: float
    after: float
    mix: float
    within: float

    @property
    def amount(self) -> float:
        """Its part of the change."""
        return self.mix + self.within


@dataclass(frozen=True, slots=True)
class Split:
    """The change by one dimension, the largest part first."""

    dimension: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """A stratum that may stand behind the change. amount: its part of that kind; z: how far it stands out in the
    direction of the change, in standard errors; p: one-sided, corrected for all that were looked at (Holm).
    """

    dimension: str
    stratum: str
    kind: Kind
    amount: float
    z: float
    p: float

    @property
    def is_sure(self) -> bool:
        """Whether it stands out beyond chance."""
        return self.p < SURE


@dataclass(frozen=True, slots=True)
class Change:
    """The change of a level between two periods; low, high: its 95 % interval."""

    n_before: int
    n_after: int
    before: float
    after: float
    low: float
    high: float

    @property
    def amount(self) -> float:
        """After less before."""
        return self.after - self.before


def change_of(lots: Lots) -> Change:
    """Return the change with its interval, Newcombe's for shares and Welch's by the normal law else, wider where
    neighbouring lots are alike; lots are in time order. Raises ValueError where a period has no lot.
    """
    before, after = lots.outcome[~lots.is_after], lots.outcome[lots.is_after]
    if not (len(before) and len(after)):
        raise ValueError(f"{len(before)} judged lots before, {len(after)} after: both periods need some")
    levels = float(before.mean()), float(after.mean())
    amount = levels[1] - levels[0]
    wider = float(np.sqrt(likeness(lots.outcome - np.where(lots.is_after, levels[1], levels[0]))))
    if lots.is_share:  # Newcombe (1998), Interval estimation for the difference between independent proportions
        (low0, high0), (low1, high1) = (wilson(int(of.sum()), len(of)) for of in (before, after))
        low = amount - wider * float(np.hypot(levels[1] - low1, high0 - levels[0]))
        high = amount + wider * float(np.hypot(high1 - levels[1], levels[0] - low0))
    else:
        error = wider * float(
            np.sqrt(sum(of.var(ddof=1) / len(of) if len(of) > 1 else np.inf for of in (before, after)))
        )
        low, high = amount - Z95 * error, amount + Z95 * error
    return Change(len(before), len(after), *levels, low, high)


def wilson(n_bad: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    share, square = n_bad / n, Z95**2 / n
    middle = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * float(np.sqrt(share * (1 - share) / n + square / (4 * n)))
    return middle - half, middle + half


def comparable(lots: Lots) -> Lots:
    """Return the lots without the dimensions whose strata come and go with the periods, as a year or a batch does: less
    than half of the lots are of strata that both periods hold, and of the others nothing can be compared.
    """
    kept = {}
    for name, of in lots.strata.items():
        table = _Table.of(lots, name)
        if table.n[:, table.n.min(axis=0) >= FEWEST].sum() >= table.n.sum() / 2:
            kept[name] = of
    return Lots(lots.outcome, lots.is_after, kept)


def splits_of(lots: Lots) -> tuple[Split, ...]:
    """Return the change by each dimension that has more than one stratum, the most uneven first."""
    tables = {name: _Table.of(lots, name) for name in lots.strata}
    found = [table.split(name) for name, table in tables.items() if len(table.names) > 1]
    return tuple(sorted(found, key=lambda s: -max(abs(part.amount) for part in s.parts)))


def causes_of(lots: Lots) -> tuple[Cause, ...]:
    """Return the strata that stand out in the direction of the change, of all dimensions together, the first first."""
    direction = float(np.sign(change_of(lots).amount)) or 1.0
    found: list[Cause] = []
    for name in lots.strata:
        table = _Table.of(lots, name)
        if len(table.names) < 2:
            continue
        amounts = {Kind.MIX: table.mix, Kind.WITHIN: table.within}
        for kind, z in {Kind.MIX: table.z_mix(), Kind.WITHIN: table.z_within()}.items():
            rows = zip(table.names, amounts[kind].tolist(), (direction * z).tolist(), strict=True)
            found += [Cause(name, stratum, kind, amount, at, 1.0) for stratum, amount, at in rows]
    corrected = holm(np.array([ndtr(-c.z) for c in found]))  # one-sided: the rest tells nothing of the direction
    told = [
        Cause(c.dimension, c.stratum, c.kind, c.amount, c.z, p)
        for c, p in zip(found, corrected.tolist(), strict=True)
        if c.z > 0 and np.sign(c.amount) == direction
    ]
    return tuple(sorted(told, key=lambda c: -c.z))


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p values corrected for their number. Source: Holm (1979), Scandinavian Journal of Statistics."""
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1.0)
    corrected = np.empty(len(p))
    corrected[order] = stepped
    return corrected


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Strata by period. n, level, share: float64 (2, strata), before and after; level 0 is the mean of all lots."""

    names: list[str]
    n: NDArray[np.float64]
    share: NDArray[np.float64]
    level: NDArray[np.float64]
    zero: float
    variance: float  # of lots within strata and periods, greater where neighbouring lots are alike

    @staticmethod
    def of(lots: Lots, dimension: str) -> _Table:
        names, code = np.unique(lots.strata[dimension].astype(str), return_inverse=True)
        zero = float(lots.outcome.mean())
        y = lots.outcome - zero  # so that large levels cost no digits
        periods = (~lots.is_after, lots.is_after)
        n = np.array([np.bincount(code[rows], minlength=len(names)) for rows in periods], dtype=np.float64)
        total = np.array([np.bincount(code[rows], y[rows], len(names)) for rows in periods])
        level = np.divide(total, n, out=np.full_like(n, np.nan), where=n > 0)
        residuals = y - level[lots.is_after.astype(int), code]
        freedom = len(y) - int((n > 0).sum())
        variance = float((residuals**2).sum()) * likeness(residuals) / max(freedom, 1)
        share = n / n.sum(axis=1, keepdims=True)
        return _Table(names.tolist(), n, share, level, zero, variance)

    @property
    def filled(self) -> NDArray[np.float64]:
        """Levels; a stratum that is there in one period only has not changed its level."""
        return np.where(np.isnan(self.level), self.level[::-1], self.level)

    @property
    def within(self) -> NDArray[np.float64]:
        """What changed levels brought, (strata,)."""
        return np.asarray(self.share.mean(axis=0) * (self.filled[1] - self.filled[0]))

    @property
    def mix(self) -> NDArray[np.float64]:
        """What changed shares brought, against a lot of the mean level, (strata,)."""
        middle = (self.share * self.filled).sum(axis=1).mean()
        return np.asarray((self.share[1] - self.share[0]) * (self.filled.mean(axis=0) - middle))

    def z_within(self) -> NDArray[np.float64]:
        """How much more the level of each stratum changed than that of all other lots, in standard errors, (strata,);
        0 where there are too few.
        """
        n_rest, level_rest = self._rest()
        is_told = np.minimum(self.n, n_rest).min(axis=0) >= FEWEST
        contrast = (self.filled[1] - self.filled[0]) - (level_rest[1] - level_rest[0])
        variance = self.variance * (_inverse(self.n).sum(axis=0) + _inverse(n_rest).sum(axis=0))
        return _ratio(contrast, np.sqrt(variance), is_told)

    def z_mix(self) -> NDArray[np.float64]:
        """How sure it is that each stratum's share changed and that its lots differ, in standard errors, (strata,):
        of a product of two estimates. Source: Sobel (1982), Sociological Methodology.
        """
        n_rest, level_rest = self._rest()
        n, rest = self.n.sum(axis=0), n_rest.sum(axis=0)
        is_told = np.minimum(n, rest) >= 2 * FEWEST
        share = n / n.sum()
        error = np.sqrt(share * (1 - share) * (1 / self.n.sum(axis=1)).sum())
        moved = _ratio(self.share[1] - self.share[0], error, is_told)
        gap = self.filled.mean(axis=0) - level_rest.mean(axis=0)
        differs = _ratio(gap, np.sqrt(self.variance * (_inverse(n) + _inverse(rest))), is_told)
        return _ratio(moved * differs, np.hypot(moved, differs), is_told)

    def _rest(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the number and the level of all other lots, (2, strata) each."""
        total = np.nan_to_num(self.level) * self.n
        n_rest = self.n.sum(axis=1, keepdims=True) - self.n
        level = (total.sum(axis=1, keepdims=True) - total) * _inverse(n_rest)
        return n_rest, np.where(n_rest > 0, level, level[::-1])

    def split(self, dimension: str) -> Split:
        level = self.level + self.zero
        columns = (*self.n.astype(int), *self.share, *level, self.mix, self.within)
        parts = [Part(name, *values) for name, *values in zip(self.names, *(c.tolist() for c in columns), strict=True)]
        return Split(dimension, tuple(sorted(parts, key=lambda p: -abs(p.amount))))


def _inverse(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(1.0, n, out=np.zeros_like(n), where=n > 0)


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64], is_told: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros_like(top), where=is_told & (bottom > 0))
