"""Gradient-boosted trees. The data are binned once for all settings of a trial.

Source: Ke et al. (2017), LightGBM, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors.learners import Examples
from detectors.lightgbm_rows import Answer, SingleRows
from domain.scores import TrainingError

ROUNDS: Final = 150
FEW_ROWS: Final = 512  # for so few, waking other threads takes longer than the work
SHARED: Final[Mapping[str, Any]] = {"feature_pre_filter": False, "verbose": -1, "num_threads": 1}
PARAMETERS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_child_samples": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    **SHARED,
}
SHARP: Final[Mapping[str, Any]] = {  # small trees of every row and column, for sharp limits that few rows are beyond
    "num_leaves": 7,
    "min_child_samples": 10,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "lambda_l2": 0.5,
    "rounds": 300,
}
SEARCHED: Final[Mapping[str, Sequence[Any]]] = {
    "num_leaves": (7, 15, 31),
    "min_child_samples": (10, 20, 40, 80),
    "feature_fraction": (0.3, 0.5, 0.8),
    "lambda_l2": (0.5, 5.0, 20.0),
    "rounds": (100, 150, 300),
    "scale_pos_weight": (1.0, 3.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    dataset: Any
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A booster and its text, from which it can be rebuilt to the bit. objective: binary, or of a regression."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    booster: Any
    text: str
    margin_of_one: SingleRows
    contributions_of_one: SingleRows

    @staticmethod
    def settings(n: int, seed: int) -> Sequence[Mapping[str, Any]]:
        """Return the usual parameters, then those for sharp limits, then random ones."""
        random = np.random.default_rng(seed)
        drawn = [{k: v[int(random.integers(len(v)))] for k, v in SEARCHED.items()} for _ in range(n - 2)]
        return ({}, SHARP, *drawn)[:n]

    @staticmethod
    def prepare(examples: Examples) -> _Prepared:
        """Bin the columns."""
        import lightgbm

        params = {**SHARED, "max_bin": examples.bins}
        dataset = lightgbm.Dataset(examples.values, examples.label, params=params, free_raw_data=False)
        return _Prepared(dataset.construct(), examples.seed)

    @classmethod
    def fit(cls, prepared: _Prepared, setting: Mapping[str, Any]) -> Self:
        """Fit one setting; raises TrainingError where LightGBM refuses it."""
        import lightgbm

        asked = {**PARAMETERS, "seed": prepared.seed, **setting}
        rounds = int(asked.pop("rounds", ROUNDS))
        try:
            booster = lightgbm.train(asked, prepared.dataset, rounds)
        except lightgbm.basic.LightGBMError as error:
            raise TrainingError(f"LightGBM refuses the detector's options: {error}") from error
        return cls.of(booster.model_to_string())

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the booster of a text; one that was not verified first may end the process."""
        import lightgbm

        booster = lightgbm.Booster(model_str=text)
        return cls(booster, text, SingleRows(booster, Answer.MARGIN), SingleRows(booster, Answer.CONTRIBUTIONS))

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log-odds (or the regression's value)."""
        if len(values) == 1:
            return self.margin_of_one(values)
        return np.asarray(self.booster.predict(values, raw_score=True, num_threads=_threads(values)), dtype=np.float64)

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """LightGBM's own: exact Shapley values of the trees."""
        if len(values) == 1:
            found = self.contributions_of_one(values).reshape(1, -1)
        else:
            said = self.booster.predict(values, pred_contrib=True, num_threads=_threads(values))
            found = np.asarray(said, dtype=np.float64)
        return float(found[0, -1]), found[:, :-1]

    def dump(self) -> dict[str, bytes]:
        """Return the text."""
        return {"lightgbm.txt": self.text.encode()}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from verified parts."""
        if "lightgbm.txt" not in parts:
            raise ValueError("the model has no part lightgbm.txt")
        return cls.of(parts["lightgbm.txt"].decode())


def _threads(values: NDArray[np.float64]) -> int:
    return 1 if len(values) < FEW_ROWS else 0
