"""From a factor to a limit: lots in, a recommended window or the reason why there is none out. Pure.

Invariant: a window is found on earlier lots and judged on later ones. It is told only for a factor that people can
move, where history has lots like the others inside it, and where it helps in every stratum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.text import mark, phrase
from reports.study import Bools, Floats, Ints, Lots, block_length, filled, resampled

EARLIER: Final = 0.6
TENTHS: Final = 10
FEWEST_INSIDE: Final = 20
FEWEST_SHARE: Final = 0.1
FEWEST_SIDE: Final = 5  # lots of a stratum inside, and outside, of a window
HOLE: Final = 0.15  # share of the factor's range in which no lot was, from which a window would lead outside of history
MOVABLE: Final = 0.5  # share of the lots outside that must have a lot like them inside
NEAR: Final = 0.95  # quantile of the distances between lots up to which two are alike
MOST_BESIDE: Final = 5
MOST_NEAR: Final = 1500
RESAMPLES: Final = 300
EDGES: Final = (0.01, 0.99)
SURE: Final = 0.05
UNCONFIRMED: Final = phrase("later lots do not confirm it")


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do with one factor. reason: "" where a window is recommended, else why not, a stored phrase.

    change, change_low, change_high: of the share of defects, or of the mean result (larger = worse), were all lots
    held inside: estimated on later lots, with a 95 % interval. n_inside: lots of the history inside.
    share_movable: share of the lots outside that have a lot like them inside. p_value: one-sided, that it changes
    nothing.
    """

    factor: str
    reason: str
    low: float | None = None
    high: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    n_inside: int = 0
    share_movable: float | None = None
    is_low_open: bool = False
    is_high_open: bool = False
    p_value: float | None = None

    @property
    def is_given(self) -> bool:
        """Whether a window is recommended."""
        return not self.reason


def advise_all(
    lots: Lots,
    factors: Sequence[str],
    beside: Sequence[str],
    strata: Mapping[str, NDArray[np.object_]],
    seed: int = 1,
) -> list[Advice]:
    """Return what to do with each factor; what later lots say is held against how many factors were asked (Holm)."""
    found = [advise(lots, f, beside, strata, seed) for f in factors]
    asked = sorted((a for a in found if a.p_value is not None), key=lambda a: a.p_value or 0.0)
    refused = set()
    for place, a in enumerate(asked):
        if (a.p_value or 0.0) * (len(asked) - place) >= SURE:
            refused = {x.factor for x in asked[place:]}
            break
    return [replace(a, reason=a.reason or UNCONFIRMED) if a.factor in refused else a for a in found]


def advise(
    lots: Lots, factor: str, beside: Sequence[str], strata: Mapping[str, NDArray[np.object_]], seed: int = 1
) -> Advice:
    """Return the window of a factor, or why there is none. beside: other factors that are held equal, best first."""
    if factor not in lots.controllable:
        return Advice(factor, phrase("it is not declared controllable"))
    if lots.worse is None:
        return Advice(factor, phrase("nothing says which results are bad"))
    level, worse = lots.level(factor), lots.worse
    has = np.flatnonzero(~np.isnan(level))
    n_early = int(EARLIER * len(has))
    early, later = has[:n_early], has[n_early:]
    others = _standard(lots.levels([f for f in beside if f != factor][:MOST_BESIDE]))
    about = np.column_stack([others, _dummies(strata, len(worse))])
    window = _window(level[early], _left(worse[early], level[early], about[early]))
    if isinstance(window, str):
        return Advice(factor, window)
    low, high = window
    inside = (level >= low) & (level <= high)
    told = Advice(
        factor, "", low, high, n_inside=int(inside.sum()),
        is_low_open=low <= float(np.nanquantile(level, 0.02)), is_high_open=high >= float(np.nanquantile(level, 0.98)),
    )  # fmt: skip
    why = _thin(inside, early, later) or _strata_against(inside, worse, others, strata, has)
    if why:
        return replace(told, reason=why)
    movable = share_movable(others[has], inside[has])
    told = replace(told, share_movable=movable)
    if movable < MOVABLE:
        return replace(told, reason=phrase("history has too few lots like the others inside the window"))
    change, least, most, p_value = _change(inside[later], worse[later], about[later], seed)
    told = replace(told, change=change, change_low=least, change_high=most, p_value=p_value)
    return replace(told, reason=UNCONFIRMED) if most >= 0 else told


def _window(level: Floats, worse: Floats) -> tuple[float, float] | str:
    """Return the run of tenths that is better than average by most, net of its standard error, or why there is none."""
    ends = np.quantile(level, EDGES)
    edges = np.unique(np.clip(np.quantile(level, np.linspace(0, 1, TENTHS + 1)), *ends))
    if len(edges) < 3 or len(level) < 2 * FEWEST_INSIDE:
        return phrase("it hardly varied")
    member = np.clip(np.searchsorted(edges, level, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(member, minlength=len(edges) - 1)
    mean = np.bincount(member, worse, minlength=len(edges) - 1) / np.maximum(counts, 1)
    error = worse.std() / np.sqrt(np.maximum(counts, 1))
    gain = (worse.mean() - mean - error / 2) * counts
    best, first, last = 0.0, -1, -1
    for i in range(len(gain)):
        for k in range(i, len(gain)):
            if (total := float(gain[i : k + 1].sum())) > best:
                best, first, last = total, i, k
    if first < 0 or best < worse.std() * np.sqrt(len(worse)) / 2:
        return phrase("no level was better than another")
    low, high = float(edges[first]), float(edges[last + 1])
    seen = np.sort(level[(level >= low) & (level <= high)])
    if np.diff(seen, prepend=low, append=high).max() > HOLE * (ends[1] - ends[0]):
        return phrase("history has a hole inside the window")
    return low, high


def _left(worse: Floats, level: Floats, about: Floats) -> Floats:
    """Return how bad lots are once other factors are held equal; the factor's own tenths are fitted beside them, so
    that they keep what is theirs.
    """
    tenth = np.searchsorted(np.quantile(level, np.linspace(0, 1, TENTHS + 1)[1:-1]), level)
    own = (tenth[:, None] == np.arange(TENTHS)).astype(np.float64)
    solved, *_ = np.linalg.lstsq(np.column_stack([own, about]), worse, rcond=None)
    return np.asarray(worse - (about - about.mean(axis=0)) @ solved[TENTHS:])


def _thin(inside: Bools, early: Ints, later: Ints) -> str:
    for rows in (early, later):
        n = int(inside[rows].sum())
        if n < max(FEWEST_INSIDE, FEWEST_SHARE * len(rows)):
            return phrase("history has too few lots inside the window: {n}", n=int(inside[early].sum() + n))
        if len(rows) - n < FEWEST_INSIDE:
            return phrase("nearly all lots are inside it already")
    return ""


def _strata_against(
    inside: Bools, worse: Floats, others: Floats, strata: Mapping[str, NDArray[np.object_]], has: Ints
) -> str:
    """Return what speaks against a window: all lots together say the opposite, or in a stratum it does not help
    or has no lots on one side of it.
    """
    if strata and _difference(inside[has], worse[has], others[has][:, :0]) >= 0:
        return phrase("over all lots it points the other way than within strata")
    for name, of_lot in strata.items():
        for value in sorted(set(of_lot[has].tolist())):
            rows = has[of_lot[has] == value]
            n = int(inside[rows].sum())
            if min(n, len(rows) - n) < FEWEST_SIDE:
                said = mark("history has lots of {name} = {value} on one side of the window only")
                return phrase(said, name=name, value=value)
            room = others[:, : max(0, len(rows) // 10 - 2)]
            if _difference(inside[rows], worse[rows], room[rows]) >= 0:
                return phrase(mark("among lots of {name} = {value} it does not help"), name=name, value=value)
    return ""


def _change(inside: Bools, worse: Floats, about: Floats, seed: int) -> tuple[float, float, float, float]:
    """Return the change of the mean were all lots inside, its 95 % interval by a block bootstrap, and the p-value."""
    random = np.random.default_rng(seed)
    length = block_length(worse)

    def moved(rows: Ints) -> float:
        return _difference(inside[rows], worse[rows], about[rows]) * float((~inside[rows]).mean())

    every = np.arange(len(worse))
    drawn = np.array([moved(resampled(len(worse), length, random)) for _ in range(RESAMPLES)])
    low, high = np.quantile(drawn, (0.025, 0.975))
    change, error = moved(every), float(drawn.std()) or 1e-12
    return change, float(low), float(high), NormalDist().cdf(change / error)


def _difference(inside: Bools, worse: Floats, about: Floats) -> float:
    """Return how much worse lots inside are than those outside, with what is `about` them held equal."""
    varying = about[:, np.ptp(about, axis=0) > 0] if about.shape[1] and len(about) else about[:, :0]
    x = np.column_stack([inside.astype(np.float64), np.ones(len(worse)), varying])
    solved, *_ = np.linalg.lstsq(x, worse, rcond=None)
    return float(solved[0])


def share_movable(others: Floats, inside: Bools) -> float:
    """Return the share of the lots outside that have a lot inside as near, in the other factors, as lots mostly are."""
    from scipy.spatial import cKDTree

    if not inside.any() or inside.all() or not others.shape[1]:
        return float(inside.any())
    step = max(1, len(inside) // MOST_NEAR)
    others, inside = others[::step], inside[::step]
    if not inside.any() or inside.all():
        return 0.0
    own, _ = cKDTree(others).query(others, k=2)
    near, _ = cKDTree(others[inside]).query(others[~inside])
    return float((near <= np.quantile(own[:, 1], NEAR)).mean())


def _standard(values: Floats) -> Floats:
    values = filled(values)
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _dummies(strata: Mapping[str, NDArray[np.object_]], n: int) -> Floats:
    columns = [of_lot == value for of_lot in strata.values() for value in sorted(set(of_lot.tolist()))[1:]]
    return np.column_stack([np.empty((n, 0)), *columns]).astype(np.float64)
