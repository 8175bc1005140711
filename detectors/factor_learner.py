"""The learner of factor studies: half a ridge, half boosted trees, so that straight and bent effects are both seen.

Pure: arrays in, a fitted model out. A good or bad result (0/1) is learned as a number, its prediction is the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.learner_lightgbm import SHARED
from detectors.quality_ridge import Linear
from detectors.quality_ridge import fit as fit_ridge

Floats = NDArray[np.float64]
ROUNDS: Final = 120
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_child_samples": 15,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    **SHARED,
}


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A fitted blend: the mean of both predictions, and of both models' parts."""

    linear: Linear
    booster: Any

    def __call__(self, values: Floats) -> Floats:
        """Predict rows, (n,)."""
        trees = np.asarray(self.booster.predict(values, num_threads=1), dtype=np.float64)
        return np.asarray((self.linear.predict(values) + trees) / 2)

    def parts(self, values: Floats) -> Floats:
        """Return what each feature adds, (n, m): the linear parts, and exact Shapley values of the trees."""
        trees = np.asarray(self.booster.predict(values, pred_contrib=True, num_threads=1), dtype=np.float64)
        return np.asarray((self.linear.parts(values) + trees[:, :-1]) / 2)


def fit(values: Floats, outcome: Floats) -> Blend:
    """Fit on rows (n, m), NaN = missing, and their outcome (n,)."""
    import lightgbm

    data = lightgbm.Dataset(values, outcome, params=dict(SHARED))
    return Blend(fit_ridge(values, outcome), lightgbm.train(dict(PARAMETERS), data, ROUNDS))
