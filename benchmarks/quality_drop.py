"""Why did it drop? Drops planted in one stratum by one factor, or by a changed mix of products, are to be found again.

A plant of two lines, four machines, four products and three shifts; twelve factors, of which four drive the result,
neighbours correlated. Beside the planted cause stand decoys: a factor without effect moves in the same stratum, one
with effect drifts a little everywhere, the mix of products shifts by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import QUICK, Bars
from detectors.quality_learners import ridge
from domain.vectors import FeatureName
from reports.drop import Kind, Lots, causes_of, change_of, splits_of
from reports.why import Why, why

N_DROPS: Final = 20 if QUICK else 200
N_LOTS: Final = 400
N_JUDGED: Final = 1600  # of lots that are only good or bad, which tell less each
NAMES: Final = tuple(FeatureName("process", f"f{i:02d}", "value") for i in range(12))
DRIVERS: Final = (1, 4, 7, 10)
MOVED: Final = 3.0  # standard deviations, of which one is worth 0.35 of the result's
EXACT: Final = 1e-9
FOUND: Final = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Lots, and what was done to them."""

    lots: Lots
    values: NDArray[np.float64]
    dimension: str
    stratum: str
    kind: Kind
    factor: int | None


def planted(seed: int, *, is_share: bool = False) -> Planted:
    """Return lots with one planted cause: of each five, four a factor that moves in a stratum, one a changed mix."""
    random = np.random.default_rng(seed)
    n = N_JUDGED if is_share else N_LOTS
    is_after = np.arange(n) >= n // 2
    machine = random.integers(4, size=n)
    product = random.choice(4, size=n, p=(0.4, 0.25, 0.2, 0.15))
    shift = random.integers(3, size=n)
    strata = {
        "line": _named("L", machine // 2),
        "machine": _named("M", machine),
        "product": _named("P", product),
        "shift": _named("S", shift),
    }
    noise = random.normal(size=(n, len(NAMES) + 1))
    values = np.sqrt(0.7) * noise[:, :-1] + np.sqrt(0.3) * noise[:, 1:]
    kind = Kind.MIX if seed % 5 == 4 else Kind.WITHIN
    levels = random.normal(0, 0.3, size=4)
    dimension, stratum, factor = "product", 3, None
    if kind is Kind.MIX:
        levels[3] = levels[:3].mean() + 2.0
        later = is_after & (random.random(n) < 0.4)
        product = np.where(later, 3, product)
        strata["product"] = _named("P", product)
    else:
        dimension = str(random.choice(list(strata)))
        inside = strata[dimension] == (name := str(random.choice(np.unique(strata[dimension]))))
        stratum, factor = int(name[1:]), int(random.choice(DRIVERS))
        values[is_after & inside, factor] += MOVED
        idle = int(random.choice([i for i in range(len(NAMES)) if i not in DRIVERS and abs(i - factor) > 1]))
        values[is_after & inside, idle] += MOVED
        drifting = int(random.choice([i for i in DRIVERS if i != factor]))
        values[is_after, drifting] += 0.3
    signal = values[:, DRIVERS].sum(axis=1) + levels[product]
    outcome = signal + random.normal(0, 2.0, size=n)  # of what is not planted, the factors explain half
    if is_share:
        outcome = (outcome > np.quantile(outcome[~is_after], 0.85)).astype(float)
    elif seed % 2:
        outcome = -outcome  # a mean that falls
    lots = Lots(outcome, is_after, strata)
    name = str(np.unique(strata[dimension])[stratum])
    return Planted(lots, values, dimension, name, kind, factor)


def _named(letter: str, number: NDArray[np.int64]) -> NDArray[np.object_]:
    return np.array([f"{letter}{i}" for i in number], dtype=object)


def residue(found: Why) -> float:
    """Return by how much the parts of any dimension miss the whole, relative to the greater of it and 1."""
    whole = [(found.change.amount, s) for s in found.splits] + [(found.inside.amount, s) for s in found.nested]
    return max(abs(sum(p.amount for p in s.parts) - amount) / max(abs(amount), 1.0) for amount, s in whole)


def is_found(case: Planted, found: Why) -> bool:
    """Say whether the planted stratum is first, by its planted kind, and the planted factor first in it."""
    where = found.where
    if where is None or (where.dimension, where.stratum, where.kind) != (case.dimension, case.stratum, case.kind):
        return False
    if case.factor is None:
        return True
    return found.moves is not None and found.moves.found[0].name == NAMES[case.factor]


def show(bars: Bars) -> None:
    """Print the bars of a drop's explanation."""
    model = _learner()
    for is_share in (False, True):
        cases = [planted(seed, is_share=is_share) for seed in range(N_DROPS)]
        found = [why(case.lots, case.values, NAMES, model) for case in cases]
        of = "share of bad lots (15 % before)" if is_share else "mean of a result"
        far = max(map(residue, found))
        n = len(cases[0].lots.outcome)
        how = f"{N_DROPS} planted drops of {n} lots, seeds 0 to {N_DROPS - 1}, {of}"
        bars.show(f"drop: parts sum to the whole, {of}", far, f"<= {EXACT}", far <= EXACT, how)
        share = sum(map(is_found, cases, found)) / N_DROPS
        how += "; first: the stratum, and in it the factor that moved; decoys beside them"
        bars.show(f"drop: planted cause first, {of}", round(share, 3), f">= {FOUND}", share >= FOUND, how)
    _show_nothing(bars)
    _show_large(bars)


def _show_nothing(bars: Bars) -> None:
    blamed = 0
    for seed in range(N_DROPS):
        case = planted(seed)
        mixed = np.random.default_rng(seed).permutation(len(case.lots.outcome))
        blamed += any(
            c.is_sure for c in causes_of(Lots(case.lots.outcome[mixed], case.lots.is_after, case.lots.strata))
        )
    how = f"the same {N_DROPS} plants with the results dealt at random: nothing stands out"
    bars.show("drop: blames where nothing is", blamed / N_DROPS, "<= 0.05", blamed <= 0.05 * N_DROPS, how)


def _show_large(bars: Bars) -> None:
    """Print the sum of large levels over many strata, some in one period only: where digits would be lost."""
    random = np.random.default_rng(0)
    n = 20_000
    lots = Lots(
        random.normal(1e6, 1.0, n), random.random(n) < 0.4, {"machine": _named("M", random.integers(3000, size=n))}
    )
    far = abs(sum(p.amount for p in splits_of(lots)[0].parts) - change_of(lots).amount)
    bars.show("drop: parts sum to the whole, levels of 1e6", far, f"<= {EXACT}", far <= EXACT, f"{n} lots, 3000 strata")


def _learner() -> Callable[[NDArray[np.float64], NDArray[np.float64]], Callable[..., NDArray[np.float64]]]:
    return lambda values, outcome: ridge(values, outcome, "regression", {}, 1).predict


if __name__ == "__main__":
    bars = Bars()
    show(bars)
    bars.end()
