"""Lots as a factor study takes them: arrays in, and what several parts of a study ask of them. Pure.

Invariant: a factor is a source (a tag, a lot column): its features stand and move together. Lab history is no factor,
nor is a text of lots such as the product: a model knows it, and it is held as it is while factors move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.vectors import FeatureName

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEVELS: Final = ("value", "mean", "median", "sample", "maximum", "minimum")  # which feature stands for a factor's level
MOVING: Final = frozenset(LEVELS)  # features that move as far as the level does
FEW_LEVELS: Final = 6  # a lot column with so few different values names a stratum by itself
FEWEST: Final = 10  # lots of a stratum; smaller ones are told together
OTHERS: Final = "…"


class Fitted(Protocol):
    """A fitted model. Called with values (n, m), NaN = missing, it returns predictions (n,)."""

    def __call__(self, values: Floats) -> Floats:
        """Predict."""
        ...

    def parts(self, values: Floats) -> Floats:
        """Return what each feature adds to the prediction, (n, m): Shapley values of trees, or a linear model's
        parts.
        """
        ...


Fit = Callable[[Floats, Floats], Fitted]
Fold = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True, eq=False)
class Lots:
    """n lots in time order. values: (n, m), NaN = missing. outcome: (n,), a result, or 1 = bad where good or bad.

    folds: (train, test) row indices. strata: name -> object (n,), e.g. the line or the product. controllable: factors
    that people can move. worse: (n,), larger = worse, None where nothing says what is bad; where `counts_defects` it
    is 1 for a bad lot.
    """

    values: Floats
    names: tuple[FeatureName, ...]
    outcome: Floats
    folds: Sequence[Fold]
    strata: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    controllable: frozenset[str] = frozenset()
    worse: Floats | None = None
    counts_defects: bool = False

    def process_only(self) -> Lots:
        """Return the lots without lab history and without columns that never vary."""
        with np.errstate(invalid="ignore"):
            spread = np.nan_to_num(np.nanmax(_padded(self.values), axis=0) - np.nanmin(_padded(self.values), axis=0))
        kept = [i for i, n in enumerate(self.names) if n.origin != "lab" and spread[i] > 0]
        names = tuple(self.names[i] for i in kept)
        return Lots(
            self.values[:, kept], names, self.outcome, self.folds, self.strata, self.controllable, self.worse,
            self.counts_defects,
        )  # fmt: skip

    def columns(self) -> dict[str, list[int]]:
        """Return the columns of each factor, in the order of their first."""
        found: dict[str, list[int]] = {}
        for i, name in enumerate(self.names):
            if not name.is_level:
                found.setdefault(name.source, []).append(i)
        return found

    def with_levels(self, factors: Iterable[str]) -> list[int]:
        """Return the columns of these factors, ascending, and those that say what text a lot has."""
        columns = self.columns()
        return sorted({i for f in factors for i in columns[f]} | {i for i, n in enumerate(self.names) if n.is_level})

    def level(self, factor: str) -> Floats:
        """Return a factor's level in each lot, (n,), NaN = missing; raises KeyError for an unknown factor."""
        return self.values[:, level_column(self.names, self.columns()[factor])]

    def levels(self, factors: Sequence[str]) -> Floats:
        """Return the levels of factors, (n, len(factors)), a missing one as the median."""
        columns = self.columns()
        found = self.values[:, [level_column(self.names, columns[f]) for f in factors]].reshape(-1, len(factors))
        return filled(found)

    def moved(self, factor: str, rows: Ints, to: float | Floats) -> Floats:
        """Return rows with a factor's level at `to`: its features that say a level move by as much, the others stay."""
        columns = self.columns()[factor]
        by = to - self.level(factor)[rows]
        values = self.values[rows].copy()
        for i in columns:
            if self.names[i].calculator in MOVING:
                values[:, i] += by
        return values

    def all_strata(self) -> dict[str, NDArray[np.object_]]:
        """Return the declared strata and lot columns of few different values; small levels stand as one, OTHERS."""
        found = {name: pooled(level) for name, level in self.strata.items()}
        for i, name in enumerate(self.names):
            is_value = name.origin == "process" and not name.is_level
            if is_value and name.source not in found and name.source not in self.controllable:
                seen = np.unique(self.values[~np.isnan(self.values[:, i]), i])
                if 2 <= len(seen) <= FEW_LEVELS:
                    found[name.source] = pooled(np.array([f"{v:g}" for v in self.values[:, i]], dtype=object))
        return {name: level for name, level in found.items() if len(set(level.tolist())) > 1}


def level_column(names: Sequence[FeatureName], columns: Sequence[int]) -> int:
    """Return which of a factor's columns stands for its level."""
    order = {calculator: i for i, calculator in enumerate(LEVELS)}
    return min(columns, key=lambda i: (order.get(names[i].calculator, len(order)), i))


def pooled(level: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return strata with those of fewer than FEWEST lots as one, OTHERS."""
    names, member, counts = np.unique(level.astype(str), return_inverse=True, return_counts=True)
    shown = np.where(counts < FEWEST, OTHERS, names.astype(object))
    return np.asarray(shown[member], dtype=object)


def filled(values: Floats) -> Floats:
    """Return values with a missing one as its column's median, 0 where the column has none."""
    seen = ~np.isnan(values)
    middle = np.array([np.median(c[s]) if s.any() else 0.0 for c, s in zip(values.T, seen.T, strict=True)])
    return np.where(seen, values, middle)


def ranked(values: Floats) -> Floats:
    """Return the ranks of each column, 0 to n - 1, equal values by their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0) - 1.0)


def correlation(values: Floats) -> Floats:
    """Return Spearman's rank correlation between columns, 0 for one that does not vary."""
    ranks = ranked(filled(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.corrcoef(ranks, rowvar=False).reshape(values.shape[1], values.shape[1])
    return np.nan_to_num(found)


def block_length(series: Floats) -> int:
    """Return how many lots in a row to draw together in a bootstrap: twice the time over which the series is alike,
    at most a tenth of it.

    Source: the integrated autocorrelation time, summed to its first value below 0.05.
    """
    n = len(series)
    centred = series - series.mean()
    power = float((centred**2).sum())
    total, most = 1.0, max(1, n // 10)
    if power == 0:
        return 1
    for lag in range(1, most):
        alike = float((centred[lag:] * centred[:-lag]).sum()) / power
        if alike < 0.05:
            break
        total += 2 * alike
    return int(min(most, max(1, round(total))))


def resampled(n: int, length: int, random: np.random.Generator) -> Ints:
    """Return n row indices drawn in blocks of consecutive rows that wrap around."""
    starts = random.integers(0, n, size=-(-n // length))
    return np.asarray(((starts[:, None] + np.arange(length)) % n).ravel()[:n], dtype=np.int64)


def spread_over(n: int, most: int) -> Ints:
    """Return at most so many of n row indices, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64)) if n else np.empty(0, dtype=np.int64)


def plain(value: Any) -> Any:
    """Return JSON data of numbers and arrays: a NaN is null, 6 digits are kept."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _padded(values: Floats) -> Floats:
    """Return the values with a column that is all missing as 0, so that it does not vary."""
    return np.where(np.isnan(values).all(axis=0), 0.0, values)
