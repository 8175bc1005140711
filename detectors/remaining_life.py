"""Rows of units that ran to failure to the life that is left, with an interval, up to a cap.

The mean of boosted trees that differ in their seed. The interval is conformal: quantiles of what the fold models missed
by on units that they never saw, among predictions of about the same length; 90 % of the rows of such units lie within.
Fails where a unit's end is not wear: its last rows then tell of a life that a sudden stop does not keep.
Source: Ke et al. (2017), LightGBM; Vovk et al. (2005), Algorithmic Learning in a Random World, for the interval;
Heimes (2008), PHM, for the cap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.folds import Fold
from detectors.learner_lightgbm import SHARED, Boosted
from detectors.learners import is_sample
from domain.scores import TrainingError
from domain.vectors import Training

MIN_UNITS: Final = 10  # that ran to failure
N_SEEDS: Final = 3
ROUNDS: Final = 400
COVERAGE: Final = 0.9
N_LEVELS: Final = 20  # lengths of prediction at which the interval is told
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "regression",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_child_samples": 80,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    **SHARED,
}


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """Fitted boosters over `columns` of the detector's; levels: float64 (3, k): prediction, and the errors below and
    above that bound the truth there.
    """

    boosters: tuple[Boosted, ...]
    columns: NDArray[np.int64]
    cap: float
    levels: NDArray[np.float64]

    @classmethod
    def fit(cls, training: Training, cap: float, folds: Sequence[Fold], seed: int) -> tuple[Self, dict[str, Any]]:
        """Fit on the rows whose failure is known; returns what it missed by on held-out units as well.

        Raises TrainingError where fewer than MIN_UNITS units ran to failure.
        """
        known = np.isfinite(training.to_event)
        n_units = len(np.unique(training.vectors.asset[known].astype(str)))
        if n_units < MIN_UNITS:
            raise TrainingError(f"{n_units} units ran to failure, at least {MIN_UNITS} are needed for a remaining life")
        values = training.vectors.values
        columns = _varying(training)
        target = np.minimum(training.to_event, cap)
        held_out = np.full(len(target), np.nan)
        for train, test in folds:
            held_out[test] = _mean(
                _fitted(values, target, train[known[train]], columns, seed, 1), values[:, columns][test]
            )
        tested = known & ~np.isnan(held_out)
        found = np.clip(held_out[tested], 0, cap)
        levels = _levels(found, target[tested] - found)
        boosters = _fitted(values, target, np.flatnonzero(known), columns, seed, N_SEEDS)
        life = cls(boosters, columns, cap, levels)
        error = found - target[tested]
        return life, {
            "cap": cap,
            "n_units": n_units,
            "rmse": float(np.sqrt(np.mean(error**2))),
            "mae": float(np.mean(np.abs(error))),
            "coverage_asked": COVERAGE,
        }

    def told(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return value, low, high and cap of rows: float64 (n, 4), low <= value <= high <= cap."""
        value = np.clip(_mean(self.boosters, np.ascontiguousarray(values[:, self.columns])), 0.0, self.cap)
        at, below, above = self.levels
        low = np.clip(value + np.interp(value, at, below), 0.0, value)
        high = np.clip(value + np.interp(value, at, above), value, self.cap)
        return np.column_stack([value, low, high, np.full(len(value), self.cap)])

    def over(self, used: NDArray[np.int64]) -> Self:
        """Return the same over a choice of columns that holds its own."""
        return type(self)(self.boosters, np.searchsorted(used, self.columns), self.cap, self.levels)

    def dump(self) -> dict[str, bytes]:
        """Return the boosters' texts, the levels and a JSON head."""
        head = {"columns": self.columns.tolist(), "cap": self.cap, "n": len(self.boosters)}
        texts = {f"{i}.txt": b.text.encode() for i, b in enumerate(self.boosters)}
        return {"life.json": p.write_json(head), "levels.npy": p.write_array(self.levels), **texts}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from verified parts."""
        head = p.read_json(parts, "life.json")
        missing = [f"{i}.txt" for i in range(head["n"]) if f"{i}.txt" not in parts]
        if missing:
            raise ValueError(f"the model has no part {missing[0]}")
        boosters = tuple(Boosted.of(parts[f"{i}.txt"].decode()) for i in range(head["n"]))
        columns = np.array(head["columns"], dtype=np.int64)
        return cls(boosters, columns, float(head["cap"]), p.read_array(parts, "levels.npy"))


def _varying(training: Training) -> NDArray[np.int64]:
    """Return the columns that hold more than one value, without the raw values of windows."""
    values, names = training.vectors.values, training.vectors.names
    varies = [not is_sample(n) and len(np.unique(c[np.isfinite(c)])) > 1 for n, c in zip(names, values.T, strict=True)]
    return np.flatnonzero(varies)


def _fitted(
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    seed: int,
    n_seeds: int,
) -> tuple[Boosted, ...]:
    import lightgbm

    data = lightgbm.Dataset(values[np.ix_(rows, columns)], target[rows], params=dict(SHARED), free_raw_data=False)
    return tuple(
        Boosted.of(lightgbm.train({**PARAMETERS, "seed": seed + i}, data, ROUNDS).model_to_string())
        for i in range(n_seeds)
    )


def _mean(boosters: Sequence[Boosted], values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(len(values))
    for each in boosters:
        total = total + each.margin(values)
    return total / len(boosters)


def _levels(value: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quantiles of the errors among about equal predictions, with the finite-sample correction."""
    order = np.argsort(value, kind="stable")
    found = []
    for part in np.array_split(order, min(N_LEVELS, max(1, len(order) // 50))):
        n = len(part)
        tail = min(0.5, (1 - COVERAGE) / 2 * (1 - 1 / n))
        low, high = np.quantile(error[part], [tail, 1 - tail])
        found.append([float(value[part].mean()), min(float(low), 0.0), max(float(high), 0.0)])
    return np.array(found, dtype=np.float64).T
