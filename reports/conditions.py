"""Conditions under which lots turn out bad: held-out predictions and factor levels in, lift and short rules out. Pure.

Invariant: rules are looked for on earlier lots, and told as confirmed only where later lots show it by an exact test,
corrected for all the rules that were tested there (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.study import Bools, Floats, Lots, block_length

EARLIER: Final = 0.6
MOST_FACTORS: Final = 20
MOST_LOTS: Final = 20_000
CUTS: Final = tuple(i / 10 for i in range(1, 10))
FEWEST: Final = 10  # lots that a rule must hold for, and share of all
FEWEST_SHARE: Final = 0.03
MOST_RULES: Final = 8
SAME: Final = 0.6  # share of lots in common from which two rules are one
SURE: Final = 0.05
MORE: Final = 1.0  # standard errors by which a pair must beat its better half
HIGHEST: Final = 0.9  # of results without a limit, the highest tenth is looked at


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the held-out lots by prediction, the worst first. lift: its share of bad lots by that of all."""

    tenth: int
    n: int
    predicted: float
    mean: float
    share: float
    lift: float | None


@dataclass(frozen=True, slots=True)
class Clause:
    """One half of a rule: a factor's level above (1) or below (-1) a limit."""

    factor: str
    sign: int
    limit: float


@dataclass(frozen=True, slots=True)
class ShortRule:
    """A condition of one or two tests. n, share, lift: of the earlier lots; those of the later ones are `later`.

    p_value: exact, one-sided, Holm-corrected, of the later lots. net: money by the later lots, None without costs.
    """

    tests: tuple[Clause, ...]
    support: float
    n: int
    share: float
    lift: float
    n_later: int
    share_later: float
    lift_later: float | None
    p_value: float
    is_confirmed: bool
    net: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """The best rules of all that were looked at; n_tried: how many those were."""

    rules: tuple[ShortRule, ...]
    n_tried: int


def bad_lots(lots: Lots) -> Bools:
    """Return which lots count as bad: the defects, or else the worst tenth of the results."""
    if lots.counts_defects and lots.worse is not None:
        return np.asarray(lots.worse > 0)
    worse = lots.outcome if lots.worse is None else lots.worse
    return np.asarray(worse > np.quantile(worse, HIGHEST))


def deciles(predicted: Floats, outcome: Floats, is_bad: Bools, *, is_low_worse: bool = False) -> tuple[Decile, ...]:
    """Return tenths of held-out lots by prediction, the worst first."""
    order = np.argsort(predicted if is_low_worse else -predicted, kind="stable")
    base = float(is_bad.mean())
    found = []
    for i, rows in enumerate(np.array_split(order, min(10, len(order)))):
        share = float(is_bad[rows].mean())
        lift = share / base if base else None
        found.append(Decile(i + 1, len(rows), float(predicted[rows].mean()), float(outcome[rows].mean()), share, lift))
    return tuple(found)


def rules(lots: Lots, factors: Sequence[str], is_bad: Bools, cost: tuple[float, float] | None = None) -> Found:
    """Return the best short rules on the levels of factors. cost: of a bad lot, and of one check."""
    factors = list(factors)[:MOST_FACTORS]
    n = len(is_bad)
    n_early = int(EARLIER * n)
    step = max(1, n_early // MOST_LOTS)
    early = np.arange(0, n_early, step)
    levels = lots.levels(factors)
    tests = _tests(factors, levels[early])
    if not tests or not is_bad[early].any():
        return Found((), 0)
    held = _held(tests, factors, levels)
    picked, n_tried = _best(held[early], is_bad[early])
    later = np.arange(n_early, n)
    return Found(_judged(picked, tests, held, is_bad, early, later, cost), n_tried)


def _tests(factors: Sequence[str], levels: Floats) -> list[Clause]:
    return [
        Clause(factor, sign, float(f"{cut:.4g}"))
        for factor, level in zip(factors, levels.T, strict=True)
        for cut in np.unique(np.quantile(level, CUTS)).tolist()
        for sign in (1, -1)
        if np.ptp(level) > 0
    ]


def _held(tests: Sequence[Clause], factors: Sequence[str], levels: Floats) -> NDArray[np.float32]:
    place = {f: i for i, f in enumerate(factors)}
    columns = [t.sign * (levels[:, place[t.factor]] - t.limit) > 0 for t in tests]
    return np.column_stack(columns).astype(np.float32)


def _best(held: NDArray[np.float32], is_bad: Bools) -> tuple[list[tuple[int, int]], int]:
    """Return the best pairs (a, b) of tests, a == b for one alone, by how far their bad lots exceed chance."""
    n, base = len(is_bad), float(is_bad.mean())
    both = held.T @ held
    bad = (held * is_bad[:, None].astype(np.float32)).T @ held
    enough = np.triu(both >= max(FEWEST, FEWEST_SHARE * n))
    excess = (bad - both * base) / np.sqrt(np.maximum(both * base * (1 - base), 1e-9))
    excess[~enough | (both > n / 2)] = -np.inf
    single = np.diag(excess)
    # A pair must say more than its better half alone.
    is_pair = ~np.eye(len(single), dtype=bool)
    excess[is_pair & (excess < np.maximum.outer(single, single) + MORE)] = -np.inf
    order = np.argsort(-excess, axis=None)[: 40 * MOST_RULES]
    picked: list[tuple[int, int]] = []
    for flat in order.tolist():
        a, b = divmod(flat, len(single))
        if excess[a, b] <= 0 or len(picked) == MOST_RULES:
            break
        rows = (held[:, a] * held[:, b]) > 0
        if all(_alike(rows, (held[:, c] * held[:, d]) > 0) < SAME for c, d in picked):
            picked.append((a, b))
    return picked, int(enough.sum())


def _alike(one: Bools, other: Bools) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def _judged(
    picked: Sequence[tuple[int, int]], tests: Sequence[Clause], held: NDArray[np.float32], is_bad: Bools,
    early: NDArray[np.int64], later: NDArray[np.int64], cost: tuple[float, float] | None,
) -> tuple[ShortRule, ...]:  # fmt: skip
    from scipy.stats import hypergeom

    p_values = []
    # Lots in a row that are alike count as one, or an hour's trouble would confirm itself.
    length = block_length(is_bad[later].astype(np.float64))
    n_all, bad_all = len(later) // length, int(is_bad[later].sum()) // length
    for a, b in picked:
        rows = (held[later, a] * held[later, b]) > 0
        n, bad = int(rows.sum()) // length, int(is_bad[later][rows].sum()) // length
        p_values.append(float(hypergeom.sf(bad - 1, n_all, bad_all, n)) if n else 1.0)
    corrected = _holm(p_values)
    found = []
    for (a, b), p in zip(picked, corrected, strict=True):
        rows = (held[:, a] * held[:, b]) > 0
        n, share, lift = _said(rows[early], is_bad[early])
        n_later, share_later, lift_later = _said(rows[later], is_bad[later])
        own = (tests[a],) if a == b else (tests[a], tests[b])
        net = None if cost is None else cost[0] * share_later * n_later - cost[1] * n_later
        found.append(
            ShortRule(own, n / len(early), n, share, lift or 0.0, n_later, share_later, lift_later, p, p < SURE, net)
        )
    return tuple(sorted(found, key=lambda r: (not r.is_confirmed, -(r.lift_later or 0.0))))


def _said(rows: Bools, is_bad: Bools) -> tuple[int, float, float | None]:
    n, base = int(rows.sum()), float(is_bad.mean())
    share = float(is_bad[rows].mean()) if n else 0.0
    return n, share, share / base if base else None


def _holm(p_values: Sequence[float]) -> list[float]:
    order = np.argsort(p_values, kind="stable")
    found, worst = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order.tolist()):
        worst = max(worst, min(1.0, p_values[i] * (len(p_values) - place)))
        found[i] = worst
    return found
