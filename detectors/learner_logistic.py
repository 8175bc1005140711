"""Logistic regression on standardised columns, with a ridge.

Source: Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.calibration import probability
from detectors.learners import Examples, filled, medians

STRENGTHS: Final = (1e-2, 1e-3, 1e-1)  # of the ridge, per row
STEPS: Final = 40
FAR: Final = 8.0  # standard deviations; a value further out counts as this far


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """margin = sum of weight x clipped standardised value. arrays: median, centre, spread, weight, each (columns,)."""

    arrays: Mapping[str, NDArray[np.float64]]

    def terms(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each column's term, (n, columns)."""
        a = self.arrays
        return standardised(values, a["median"], a["centre"], a["spread"]) * a["weight"]


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    z: NDArray[np.float64]
    label: NDArray[np.float64]
    arrays: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """See the module."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    linear: Linear

    @staticmethod
    def settings(n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """Return strengths of the ridge."""
        return tuple({"strength": s} for s in STRENGTHS[:n])

    @staticmethod
    def prepare(examples: Examples) -> _Prepared:
        """Return standardised columns."""
        median = medians(examples.values)
        values = filled(examples.values, median)
        spread = values.std(axis=0)
        arrays = {"median": median, "centre": values.mean(axis=0), "spread": np.where(spread > 0, spread, 1.0)}
        return _Prepared(standardised(values, **arrays), examples.label, arrays)

    @classmethod
    def fit(cls, prepared: _Prepared, setting: Mapping[str, Any]) -> Self:
        """Fit by Newton's method; the outcomes weigh alike, for failures are rare."""
        weight = fitted(prepared.z, prepared.label, float(setting["strength"]))
        return cls(Linear({**prepared.arrays, "weight": weight}))

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the terms."""
        return np.asarray(self.linear.terms(values).sum(axis=1), dtype=np.float64)

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The terms themselves."""
        return 0.0, self.linear.terms(values)

    def dump(self) -> dict[str, bytes]:
        """Return one array a part."""
        return {f"logistic.{name}.npy": p.write_array(a) for name, a in self.linear.arrays.items()}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts."""
        names = ("median", "centre", "spread", "weight")
        return cls(Linear({name: p.read_array(parts, f"logistic.{name}.npy") for name in names}))


def standardised(
    values: NDArray[np.float64],
    median: NDArray[np.float64],
    centre: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return clipped z-scores, the median in place of what is missing."""
    return np.clip((filled(values, median) - centre) / spread, -FAR, FAR)


def fitted(z: NDArray[np.float64], label: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Return the weights of a logistic fit with a free intercept, which the calibration replaces."""
    n, k = z.shape
    n_one = max(float(label.sum()), 1.0)
    each = np.where(label == 1, n / (2 * n_one), n / (2 * max(n - n_one, 1.0)))
    design = np.column_stack([np.ones(n), z])
    ridge = np.append(1e-9, np.full(k, strength * n))
    found = np.zeros(k + 1)
    for _ in range(STEPS):
        prob = probability(design @ found)
        weight = each * np.maximum(prob * (1 - prob), 1e-6)
        hessian = (design * weight[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(hessian, design.T @ (each * (label - prob)) - ridge * found)
        found = found + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(found[1:], dtype=np.float64)
