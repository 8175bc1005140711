"""The baseline that every plant knows: one limit on one number, the one that tells failures best alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learners import Examples, filled, medians


@dataclass(frozen=True, slots=True, eq=False)
class SingleLimit:
    """margin = sign x (value - centre) / spread of one column; all other columns say nothing."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    n_columns: int
    column: int
    sign: float
    centre: float
    spread: float

    @staticmethod
    def settings(_n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """There is nothing to choose."""
        return ({},)

    @staticmethod
    def prepare(examples: Examples) -> Examples:
        """Return the examples as they are."""
        return examples

    @classmethod
    def fit(cls, prepared: Examples, _setting: Mapping[str, Any]) -> Self:
        """Take the column with the largest area under its ROC curve, either way round; the first of equals."""
        values = filled(prepared.values, medians(prepared.values))
        areas = np.array([_area(column, prepared.label) for column in values.T])
        best = int(np.argmax(np.abs(areas - 0.5)))
        column = values[:, best]
        low, centre, high = np.quantile(column, [0.05, 0.5, 0.95])
        spread = float(high - low) or float(np.ptp(column)) or 1.0
        return cls(values.shape[1], best, 1.0 if areas[best] >= 0.5 else -1.0, float(centre), spread)

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the value lies on the failing side of its centre, in spreads."""
        column = values[:, self.column]
        return np.where(np.isfinite(column), self.sign * (column - self.centre) / self.spread, 0.0)

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The one column has it all."""
        found = np.zeros((len(values), self.n_columns))
        found[:, self.column] = self.margin(values)
        return 0.0, found

    def dump(self) -> dict[str, bytes]:
        """Return its numbers."""
        return {"rule.json": p.write_json({name: getattr(self, name) for name in self.__slots__})}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        return cls(**p.read_json(parts, "rule.json"))


def _area(column: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    n_one = int(label.sum())
    ranks = rankdata(column)
    return float((ranks[label == 1].sum() - n_one * (n_one + 1) / 2) / (n_one * (len(label) - n_one)))
